"""Does a product change its band when it should, and is a planner told once?"""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.signals import BANDS, HYSTERESIS, INSIGHT_COOLDOWN_DAYS, Held, fell_short, may_be_told, stock_band

covers = st.one_of(st.just(0.0), st.just(math.inf), st.floats(0, 200))
bands = st.sampled_from(BANDS)
leads = st.integers(0, 30)


@pytest.mark.parametrize(
    ("cover", "band"),
    [(0, "out"), (0.1, "low"), (9.99, "low"), (10, "covered"), (80, "covered"), (80.1, "excess"), (math.inf, "excess")],
)
def test_a_product_seen_the_first_time_is_where_its_cover_puts_it(cover, band):
    """A lead time of 10 days."""
    assert band == stock_band(None, cover, 10)


@pytest.mark.parametrize(
    ("previous", "cover", "band"),
    [
        ("covered", 9.99, "low"),  # down at the threshold
        ("low", 10, "low"),  # up only a quarter above
        ("low", 12.49, "low"),
        ("low", 12.5, "covered"),
        ("excess", 80, "covered"),
        ("covered", 80.1, "covered"),
        ("covered", 100, "covered"),
        ("covered", 100.1, "excess"),
        ("low", 90, "covered"),  # as far as the smaller cover reaches
        ("low", 101, "excess"),
        ("out", 0.1, "low"),
        ("out", 11, "low"),
        ("out", 12.5, "covered"),
        ("excess", 0, "out"),
    ],
)
def test_a_band_is_left_downwards_at_its_threshold_and_upwards_a_quarter_above(previous, cover, band):
    assert band == stock_band(previous, cover, 10)


@given(previous=bands, cover=covers, lead=leads)
def test_the_same_cover_again_changes_nothing(previous, cover, lead):
    band = stock_band(previous, cover, lead)
    assert band == stock_band(band, cover, lead)


@given(previous=st.one_of(st.none(), bands), two=st.tuples(covers, covers), lead=leads)
def test_more_cover_is_never_a_worse_band(previous, two, lead):
    less, more = (BANDS.index(stock_band(previous, cover, lead)) for cover in sorted(two))
    assert less <= more


@given(previous=st.one_of(st.none(), bands), lead=leads)
def test_an_empty_shelf_is_always_out(previous, lead):
    assert stock_band(previous, 0.0, lead) == "out"


@given(
    level=st.sampled_from([10.0, 80.0]),
    swings=st.lists(st.floats(0.9, 1.1), min_size=2, max_size=20),
    first=st.sampled_from([None, "low", "covered", "excess"]),
)
def test_going_to_and_fro_about_a_threshold_crosses_it_at_most_once(level, swings, first):
    assert HYSTERESIS > 1.1
    seen, band = [], first
    for swing in swings:
        band = stock_band(band, level * swing, 10)
        seen.append(band)
    assert sum(before != after for before, after in pairwise(seen)) <= 1


def test_without_a_lead_time_a_day_takes_its_place():
    assert [stock_band(None, cover, 0) for cover in (0.9, 1)] == ["low", "covered"]


# What a planner is told


@pytest.mark.parametrize("previous", [None, *BANDS])
@pytest.mark.parametrize("band", BANDS)
def test_only_a_fall_to_low_or_out_is_a_shortage(previous, band):
    falls = {("low", "out"), ("covered", "out"), ("excess", "out"), ("covered", "low"), ("excess", "low")}
    assert ((previous, band) in falls) == fell_short(previous, band)


@pytest.mark.parametrize(("later", "told"), [(0, False), (1, False), (13, False), (14, True), (60, True)])
def test_within_the_cool_down_nothing_more_is_said(later, told):
    assert INSIGHT_COOLDOWN_DAYS == 14
    assert told == may_be_told(100 + later, 100)
    assert may_be_told(100 + later, None)


# Levels that are held


@pytest.mark.parametrize(
    ("measured", "levels"),
    [
        ([1, 1, 1, 1], [0, 0, 0, 1]),  # after three days, on the fourth
        ([1, 1, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 1]),  # a day elsewhere begins anew
        ([1, 1, -1, -1, -1, -1], [0, 0, 0, 0, 0, -1]),
        ([1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 1, 0]),
    ],
)
def test_a_held_level_moves_once_it_was_elsewhere_for_three_days(measured, levels):
    held, seen = Held(), []
    for day, level in enumerate(measured, start=100):
        held = held.towards(level, day, 3)
        seen.append(held.now)
    assert seen == levels


@given(start=st.sampled_from([-1, 0, 1]), days=st.lists(st.sampled_from([-1, 0, 1]), max_size=40))
def test_a_held_level_is_only_ever_where_it_was_measured_to_be_for_days(start, days):
    held = Held(start)
    for day, level in enumerate(days):
        before, held = held, held.towards(level, day, 3)
        assert held.now == before.now or days[max(0, day - 3) : day + 1] == [held.now] * 4


@given(days=st.lists(st.sampled_from([0, 1]), min_size=2, max_size=60))
def test_a_level_that_is_to_and_fro_every_other_day_never_moves(days):
    held = Held()
    for day in range(len(days)):
        held = held.towards(day % 2, day, 3)
    assert held.now == 0
