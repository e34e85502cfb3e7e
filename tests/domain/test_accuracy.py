"""Is confidence the share of closed days whose units lay inside their interval?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.accuracy import coverage, remember_interval
from domain.buckets import NO_DAYS, Bucket, Days
from domain.product import INTERVAL_DAYS, Interval

D = 15_339


def test_three_of_four_closed_days_are_75_percent():
    intervals = tuple(Interval(D + n, 2, 5) for n in range(4))
    buckets = {D: Bucket(sold=2), D + 1: Bucket(sold=5), D + 2: Bucket(sold=6), D + 3: Bucket(sold=9, returned=5)}
    assert coverage(intervals, Days.of(buckets), D + 4) == 75.0


@pytest.mark.parametrize(
    ("bucket", "low", "high", "held"),
    [
        (Bucket(sold=2), 2, 5, True),  # both ends are inside
        (Bucket(sold=5), 2, 5, True),
        (Bucket(sold=1), 2, 5, False),
        (Bucket(sold=6), 2, 5, False),
        (Bucket(sold=1, returned=4), 0, 3, True),  # more came back than was sold: no demand
        (Bucket(sold=1, returned=4), 1, 3, False),
        (None, 0, 3, True),  # a day without sales is a zero
        (None, 1, 3, False),
    ],
)
def test_a_day_holds_if_its_net_units_lie_inside(bucket, low, high, held):
    buckets = {} if bucket is None else {D: bucket}
    assert (100.0 if held else 0.0) == coverage((Interval(D, low, high),), Days.of(buckets), D + 1)


def test_a_day_that_is_not_over_is_not_judged():
    assert coverage((Interval(D, 0, 9),), Days.of({D: Bucket(sold=99)}), D) is None
    assert coverage((), NO_DAYS, D) is None


@pytest.mark.parametrize(("days_later", "percent"), [(1, 0.0), (28, 0.0), (29, None)])
def test_only_the_last_28_days_count(days_later, percent):
    assert percent == coverage((Interval(D, 0, 1),), Days.of({D: Bucket(sold=5)}), D + days_later)


def test_the_first_interval_of_a_day_stays():
    """It was made before the day began; a later one knows part of the day."""
    kept = remember_interval((Interval(D, 1, 4),), Interval(D, 3, 3))
    assert (Interval(D, 1, 4),) == kept


@given(days=st.lists(st.integers(D, D + 60), max_size=80).map(sorted))
def test_no_more_than_28_intervals_are_kept_and_they_are_the_newest(days):
    intervals: tuple[Interval, ...] = ()
    for n, day in enumerate(days):
        intervals = remember_interval(intervals, Interval(day, n, n))
    firsts = {day: days.index(day) for day in days}
    assert tuple(Interval(day, n, n) for day, n in sorted(firsts.items())[-INTERVAL_DAYS:]) == intervals


@given(
    judged=st.dictionaries(st.integers(D - 40, D + 3), st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=20),
    sold=st.dictionaries(st.integers(D - 40, D + 3), st.integers(0, 12), max_size=20),
)
def test_coverage_is_a_plain_count(judged, sold):
    intervals = tuple(Interval(day, low, low + more) for day, (low, more) in judged.items())
    closed = [held for held in intervals if held.day in range(D - 28, D)]
    inside = [held for held in closed if sold.get(held.day, 0) in range(held.low, held.high + 1)]
    actual = coverage(intervals, Days.of({day: Bucket(sold=units) for day, units in sold.items()}), D)
    assert actual == (pytest.approx(100 * len(inside) / len(closed)) if closed else None)
