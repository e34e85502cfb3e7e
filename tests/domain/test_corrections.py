"""Is a corrected sale worth what it would have been worth had it been right at once?"""

from __future__ import annotations

from itertools import pairwise
from math import isnan

import pytest
from domain_streams import MUG, NEW_YEARS_EVE, NOW, sales_of
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.buckets import HORIZON_DAYS, Bucket, bucket_of
from domain.events import MS_PER_DAY, SaleCorrected, SaleRecorded
from domain.features import rolling_features, series_of
from domain.folding import fold
from domain.product import Outcome, ProductState

APPLIED, DUPLICATE, LATE, CONFLICT = Outcome.APPLIED, Outcome.DUPLICATE, Outcome.LATE, Outcome.CONFLICT
D = NEW_YEARS_EVE
within = st.integers((D - HORIZON_DAYS) * MS_PER_DAY, (D + 1) * MS_PER_DAY - 1)


def sale(event_id: str, day: int, quantity: int, price: int = 100, promotion: bool = False) -> SaleRecorded:
    return SaleRecorded(MUG, event_id, day * MS_PER_DAY, quantity, quantity * price, promotion)


def correction(event_id: str, old: SaleRecorded | None, new: SaleRecorded | None) -> list[SaleCorrected]:
    """What makes the old sale the new one, None being no sale: a correction for each of their days."""
    days = dict.fromkeys(s.day for s in (old, new) if s is not None)
    return [_difference(day, f"{event_id}-{day}", old, new) for day in days]


def _difference(day: int, event_id: str, old: SaleRecorded | None, new: SaleRecorded | None) -> SaleCorrected:
    before, after = ([1, *bucket_of(s)] if s is not None and s.day == day else [0] * 6 for s in (old, new))
    return SaleCorrected(MUG, event_id, day * MS_PER_DAY, *(b - a for a, b in zip(before, after, strict=True)))


def state_of(*events) -> ProductState:
    return fold(ProductState(MUG), events, NOW).state


def worth(state: ProductState) -> tuple:
    """What is counted; a day that comes to nothing is as good as none."""
    return {day: b for day, b in state.buckets.items() if any(b)}, state.sales, state.units


def test_six_that_become_four_are_four():
    six, four = sale("e", D, 6), sale("e", D, 4)
    state = state_of(six, *correction("c", six, four))
    assert worth(state) == worth(state_of(four))
    assert (state.buckets[D], state.sales, state.units) == (Bucket(sold=4, revenue=400), 1, 4)


def test_a_sale_that_is_withdrawn_leaves_nothing():
    six = sale("e", D, 6, promotion=True)
    state = state_of(six, *correction("c", six, None))
    assert (state.buckets, state.sales, state.units) == ({}, 0, 0)
    assert state.newest_day == D, "how far time has come is never taken back"


def test_a_sale_that_becomes_a_return_changes_sides():
    sold, back = sale("e", D, 6), sale("e", D, -2)
    state = state_of(sold, *correction("c", sold, back))
    assert (state.buckets[D], state.sales, state.units) == (Bucket(returned=2, refunded=200), 1, -2)


def test_a_sale_that_moves_to_another_day_is_counted_there_and_moves_time_on():
    early, later = sale("e", D, 6), sale("e", D + 3, 6)
    state = state_of(early, *correction("c", early, later))
    assert worth(state) == worth(state_of(later))
    assert state.newest_day == D + 3


@settings(max_examples=100)
@given(items=st.integers(1, 8), data=st.data())
def test_whatever_is_corrected_in_whatever_order_only_the_last_reading_counts(items, data):
    """Each item is read several times, last perhaps not at all; sales and corrections come in any order."""
    events, last = [], []
    for item in range(items):
        readings = [data.draw(sales_of(f"e{item}", at=within)) for _ in range(data.draw(st.integers(1, 3)))]
        ends = [*readings, *data.draw(st.sampled_from([(), (None,)]))]
        events.append(readings[0])
        for n, (old, new) in enumerate(pairwise(ends)):
            events += correction(f"c{item}-{n}", old, new)
        last += [ends[-1]] if ends[-1] is not None else []
    state = ProductState(MUG)
    for event in data.draw(st.permutations(events)):
        folded = fold(state, [event], NOW)
        assert folded.outcomes == (APPLIED,)
        state = folded.state
    assert worth(state) == worth(state_of(*last))


def test_a_correction_may_come_before_its_sale():
    six, four = sale("e", D, 6), sale("e", D, 4)
    early = state_of(*correction("c", six, four))
    assert (early.buckets[D], early.sales, early.units) == (Bucket(sold=-2, revenue=-200), 0, -2)
    assert worth(fold(early, [six], NOW).state) == worth(state_of(four))


def test_a_correction_counts_once_and_conflicts_with_another_under_its_id():
    six, four = sale("e", D, 6), sale("e", D, 4)
    [once] = correction("c", six, four)
    state = state_of(six, once)
    folded = fold(state, [once, once._replace(sold=-3), six], NOW)
    assert folded.outcomes == (DUPLICATE, CONFLICT, DUPLICATE)
    assert folded.state is state


def test_a_correction_is_late_as_its_sale_would_be():
    state = state_of(sale("newest", D, 1))
    just, late = sale("j", D - HORIZON_DAYS, 6), sale("l", D - HORIZON_DAYS - 1, 6)
    folded = fold(state, [*correction("a", just, None), *correction("b", late, None)], NOW)
    assert folded.outcomes == (APPLIED, LATE)
    assert D - HORIZON_DAYS - 1 not in folded.state.buckets


def test_a_day_takes_sales_and_corrections_in_any_order():
    a, b = sale("a", D, 3, promotion=True), sale("b", D, -1, 50)
    [mended] = correction("c", a, sale("a", D, 5))
    assert Bucket(3, 300, 0, 0, 3) == bucket_of(a)
    assert Bucket(0, 0, 1, 50, 0) == bucket_of(b)
    assert state_of(a, b, mended).buckets == state_of(mended, b, a).buckets == {D: Bucket(5, 500, 1, 50, 0)}


# A day below zero, for as long as its sale is on the way


@pytest.mark.parametrize("units", [1, 4, 6], ids=["less than", "as much as", "more than"])
def test_a_day_below_zero_has_no_price(units):
    """Taken back is less than, as much as and more than what the other day sold."""
    withdrawn = correction("c", sale("gone", D - 1, units, 200), None)
    series = series_of([state_of(sale("a", D - 2, 4), *withdrawn)], D)
    assert (series.last_price[0], series.mean_price[0]) == (100.0, 100.0)
    assert series.net[0, -1] == -units


def test_where_nothing_is_above_zero_no_price_is_known():
    series = series_of([state_of(*correction("c", sale("e", D - 1, 6), None))], D)
    assert isnan(series.last_price[0])
    assert isnan(series.mean_price[0])
    assert series.promoted_share[0] == 0.0
    assert rolling_features(series)["price_ratio"][0] == 1.0


def test_the_share_that_was_promoted_stays_a_share():
    promoted, plain = sale("p", D - 1, 7, promotion=True), sale("n", D - 1, 6)
    waiting = state_of(promoted, *correction("c", plain, None))
    assert series_of([waiting], D).promoted_share[0] == 1.0
    waiting = state_of(plain, *correction("c", sale("p", D - 1, 5, promotion=True), None))
    assert series_of([waiting], D).promoted_share[0] == 0.0
