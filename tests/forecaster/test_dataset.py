"""Does a model learn from the past alone, and from the very numbers that the worker streams?"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.features import series_of
from domain.folding import fold
from domain.product import ProductState
from forecaster.dataset import FILL_STEPS, SALES_COLUMNS, Panel, panel_of
from forecaster.formats import feature_matrix
from forecaster.lessons import AHEAD, ORIGINS, lessons_of, origins_between
from forecaster.memory import memory_of
from forecaster.periods import Periods

FIRST_DAY = 14_000
DAYS = 90
KEYS = (ProductKey("0012"), ProductKey("0012", "north"), ProductKey("NA"), ProductKey("a#b %", "é"))

sale_rows = st.tuples(
    st.sampled_from(KEYS),
    st.integers(FIRST_DAY, FIRST_DAY + DAYS - 1),
    st.integers(-3, 40),
    st.integers(0, 500),
    st.booleans(),
)
shops = st.lists(sale_rows, min_size=1, max_size=60)


def frame_of(rows) -> pd.DataFrame:
    lines = [(*key, day, quantity, quantity * price, promotion) for key, day, quantity, price, promotion in rows]
    frame = pd.DataFrame(lines, columns=list(SALES_COLUMNS))
    return frame.astype({"product_id": "str", "location_id": "str"})


def lessons(panel: Panel, origins, rows_max: int, seed: int) -> list:
    return list(lessons_of(panel, memory_of(panel), origins, panel.until, rows_max, seed))


@settings(max_examples=60, deadline=None)
@given(rows=shops, as_of=st.integers(FIRST_DAY + 1, FIRST_DAY + DAYS))
def test_features_in_training_are_those_of_the_stream(rows, as_of):
    """A product's state, fed sale by sale, gives to the bit the row that the panel gives."""
    panel = panel_of(frame_of(rows))
    states = []
    for key in panel.products:
        sales = [
            SaleRecorded(key, str(n), day * MS_PER_DAY, quantity, quantity * price, promotion)
            for n, (product, day, quantity, price, promotion) in enumerate(rows)
            # What a state no longer keeps at the end must not have reached it: it is fed up to as_of.
            if product == key and day < as_of
        ]
        state = ProductState(key)
        for sale in sorted(sales, key=lambda sale: sale.day):
            state = fold(state, [sale], now=as_of * MS_PER_DAY).state
        states.append(state)
    streamed = series_of(states, as_of)
    stored = panel.series(as_of, np.arange(len(panel.products)))
    np.testing.assert_array_equal(streamed.net, stored.net)
    np.testing.assert_array_equal(feature_matrix(streamed), feature_matrix(stored))


@settings(max_examples=60, deadline=None)
@given(rows=shops, later=shops, as_of=st.integers(FIRST_DAY, FIRST_DAY + DAYS))
def test_no_feature_sees_the_day_it_predicts_or_any_after(rows, later, as_of):
    """Whatever is sold from as_of on changes no feature of that origin."""
    past = [row for row in rows if row[1] < as_of]
    anchor = [(KEYS[0], FIRST_DAY, 1, 100, False)]
    one = panel_of(frame_of(anchor + past + [row for row in rows if row[1] >= as_of]))
    other = panel_of(frame_of(anchor + past + [row for row in later if row[1] >= as_of]))
    for key in {row[0] for row in past}:
        rows_of = [np.array([panel.products.index(key)]) for panel in (one, other)]
        here, there = one.series(as_of, rows_of[0]), other.series(as_of, rows_of[1])
        np.testing.assert_array_equal(feature_matrix(here), feature_matrix(there))


@settings(max_examples=40, deadline=None)
@given(rows=shops)
def test_labels_are_the_days_demand_and_end_with_the_data(rows):
    """Each total equals a plain sum over the days of its window, days of net returns being none."""
    panel = panel_of(frame_of(rows))
    daily: dict = {}
    for key, day, quantity, _, _ in rows:
        daily[key, day] = daily.get((key, day), 0) + quantity
    for lesson in lessons(panel, range(panel.first_step, panel.until), 10**5, seed=7):
        as_of, request = lesson.request.as_of, lesson.request
        for row, begins, lengths, totals in zip(
            lesson.rows, request.begins.tolist(), request.cover_days.tolist(), lesson.totals.tolist(), strict=True
        ):
            key = panel.products[row]
            assert min(day for sold, day, quantity, _, _ in rows if sold == key and quantity > 0) < as_of
            ends = [begin + length for begin, length in zip(begins, lengths, strict=True)]
            assert as_of + max(ends) <= panel.until
            windows = zip(begins, ends, strict=True)
            expected = [sum(max(0, daily.get((key, as_of + d), 0)) for d in range(*window)) for window in windows]
            assert expected == totals


@given(rows=shops, later=shops)
@settings(max_examples=40, deadline=None)
def test_sales_from_the_cutoff_on_change_nothing(rows, later):
    until = FIRST_DAY + DAYS // 2
    past = [row for row in rows if row[1] < until]
    one = panel_of(frame_of(rows), until)
    other = panel_of(frame_of(past + [row for row in later if row[1] >= until]), until)
    assert one.products == other.products
    assert one.until == other.until
    np.testing.assert_array_equal(one.net, other.net)
    np.testing.assert_array_equal(one.revenue, other.revenue)


def test_ids_that_differ_only_in_location_or_look_like_nothing_are_products_of_their_own():
    panel = panel_of(frame_of([(key, FIRST_DAY, 1, 100, False) for key in KEYS]))
    assert set(panel.products) == set(KEYS)


def test_the_order_of_rows_does_not_matter():
    rows = [(KEYS[n % 4], FIRST_DAY + n % 30, n % 5, 100, False) for n in range(200)]
    one, other = panel_of(frame_of(rows)), panel_of(frame_of(rows[::-1]))
    assert one.products == other.products
    np.testing.assert_array_equal(one.net, other.net)


def test_the_number_of_rows_is_bounded_and_the_draw_repeats():
    rows = [(ProductKey(f"p{n}"), FIRST_DAY + day, 1, 100, False) for n in range(50) for day in range(0, 80, 7)]
    panel = panel_of(frame_of(rows))
    origins = origins_between(FIRST_DAY + 14, panel.until, products=50, rows_max=4_000)
    one, other = (lessons(panel, origins, 4_000, seed=3) for _ in range(2))
    assert 3_000 < sum(lesson.totals.size for lesson in one) <= 4_000
    assert all(
        a.request.items == b.request.items and (a.totals == b.totals).all() for a, b in zip(one, other, strict=True)
    )


def test_origins_cover_all_weekdays_and_keep_the_newest_day():
    for days in (10, 56, 330, 2_000):
        for products in (1, 10_000):
            origins = origins_between(FIRST_DAY, FIRST_DAY + days, products, rows_max=200_000)
            assert origins[-1] == FIRST_DAY + days - 1
            assert min(origins) >= FIRST_DAY
            assert len(origins) <= ORIGINS[products == 1]
            if days >= 330:
                assert {day % 7 for day in origins} == set(range(7))
    assert origins_between(FIRST_DAY, FIRST_DAY, 1, 1) == ()


def test_a_day_without_sales_ahead_is_a_question_without_an_answer():
    panel = panel_of(frame_of([(KEYS[0], FIRST_DAY, 5, 100, False)]))
    assert lessons(panel, [panel.until], 100, 1) == []
    assert max(AHEAD["D"].lengths) == 56


# Periods, stock-outs, categories and beginnings


def test_weeks_begin_on_the_day_that_is_forecast_first_and_months_on_their_first():
    until = FIRST_DAY + 70
    weeks, months = Periods.ending("W", until), Periods.ending("M", until)
    assert weeks.first_day(weeks.step(until)) == until
    assert weeks.step(until - 1) == weeks.step(until) - 1
    assert str(np.datetime64(months.first_day(months.step(until)), "D")).endswith("-01")
    with pytest.raises(ValueError, match="freq 'H'"):
        Periods("H")


@settings(max_examples=40, deadline=None)
@given(rows=shops, freq=st.sampled_from("WM"))
def test_periods_hold_what_their_days_hold(rows, freq):
    until = FIRST_DAY + DAYS
    sales = frame_of(rows)
    panel = panel_of(sales, until, freq)
    first, last = (panel.periods.first_day(step) for step in (panel.first_step, panel.until))
    whole = sales[(sales["day"] >= first) & (sales["day"] < last)]
    assert panel.net.sum() == whole["quantity"].sum()
    assert last <= until


def test_a_stock_out_is_no_answer_and_no_part_of_the_level():
    """Ten a day, and for two weeks nothing, because there was nothing."""
    frame = frame_of([(KEYS[0], FIRST_DAY + day, 0 if 60 <= day < 74 else 10, 0, False) for day in range(90)])
    frame["in_stock"] = [not 60 <= day < 74 for day in range(90)]
    seen, blind = panel_of(frame), panel_of(frame.drop(columns="in_stock"))
    rows = np.array([0])
    assert seen.series(seen.until, rows).net.tolist() == [[10.0] * 56]
    assert (
        feature_matrix(blind.series(blind.until, rows))[0, 0] < 8 < feature_matrix(seen.series(seen.until, rows))[0, 0]
    )
    for lesson in lessons(seen, range(FIRST_DAY + 30, seen.until), 10**5, 1):
        at = lesson.request.as_of - FIRST_DAY + lesson.request.begins
        touched = (at < 74) & (at + lesson.request.cover_days > 60)
        np.testing.assert_array_equal(np.isnan(lesson.totals), touched)


def test_a_stock_out_is_filled_by_what_came_before_it_alone():
    frame = frame_of([(KEYS[0], FIRST_DAY + day, 3 if day < 30 else 50, 0, False) for day in range(60)])
    frame["in_stock"] = [day != 30 for day in range(60)]
    assert panel_of(frame).filled()[0, 28:33].tolist() == [3, 3, 50, 50, 50], "at least what it sold"
    frame.loc[30, "quantity"] = 0
    assert panel_of(frame).filled()[0, 28:33].tolist() == [3, 3, 3, 50, 50]
    assert FILL_STEPS == 8


def test_a_promotion_is_ahead_if_it_reaches_past_the_last_day():
    panel = panel_of(frame_of([(KEYS[0], FIRST_DAY + day, 1, 100, False) for day in range(30)]))
    spans = {"over": (panel.until - 5, panel.until - 1), "under way": (panel.until - 5, panel.until)}
    plans = {name: dataclasses.replace(panel, promotions=((span,),)).plans_ahead() for name, span in spans.items()}
    assert plans == {"over": False, "under way": True}
    assert not panel.plans_ahead()


def test_a_series_begins_with_its_first_row_and_has_the_last_category_named():
    rows = [
        (KEYS[0], FIRST_DAY, 1, 0, False),
        (KEYS[2], FIRST_DAY + 5, 0, 0, False),
        (KEYS[2], FIRST_DAY + 9, 2, 0, False),
    ]
    frame = frame_of(rows).assign(category=["old", None, "toys"])
    panel = panel_of(frame, FIRST_DAY + 12)
    by_key = dict(zip(panel.products, zip(panel.starts.tolist(), panel.categories, strict=True), strict=True))
    assert by_key == {KEYS[0]: (FIRST_DAY, "old"), KEYS[2]: (FIRST_DAY + 5, "toys")}
    assert panel.until == FIRST_DAY + 12, "days without sales before the cutoff are known to have none"
