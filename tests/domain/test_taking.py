"""Many products' sales counted at once are counted as one by one: outcomes, days, ids, sums and features alike."""

from __future__ import annotations

import tracemalloc
from itertools import chain

import numpy as np
import pytest
from domain_streams import NEW_YEARS_EVE, NOW, deliveries
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import taking
from domain.buckets import HORIZON_DAYS, SLOTS, Bucket, Days
from domain.day_table import PROMOTED, RETURNED, REVENUE, SOLD, SUM_LIMIT, DayTable
from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.features import rolling_features, series_of
from domain.folding import OpenProduct
from domain.id_filter import IdFilter
from domain.ledger import entries_of, entry_of
from domain.product import Outcome, ProductState
from domain.sales import EventBatch, SaleColumns
from domain.taking import close_all, take_all

APPLIED, DUPLICATE, LATE, CONFLICT, EXCESSIVE, *_ = Outcome
KEYS = [ProductKey("a"), ProductKey("b", "north"), ProductKey("c")]
D = NEW_YEARS_EVE
categories = st.sampled_from([None, "", "mugs", "Tassen ☕"])
large = st.sampled_from([1, 1, 1, 10**6, 2**31, 10**13])


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """However few they are."""
    monkeypatch.setattr(taking, "SALES_MIN", 1)


def batches(corrected=True):
    """Batches of events of several products: sales of any size, and now and then something else."""
    of_product = st.builds(
        lambda key, events, category, times: [
            event._replace(product=key, category=category, revenue_minor=event.revenue_minor * times)
            if isinstance(event, SaleRecorded)
            else event._replace(product=key)
            for event in events
        ],
        st.sampled_from(KEYS),
        deliveries(events_max=8, corrected=corrected),
        categories,
        large,
    )
    return st.lists(
        st.lists(of_product, min_size=1, max_size=4).map(lambda some: [*chain.from_iterable(some)]),
        min_size=1,
        max_size=4,
    )


def both_ways(events, table, together, alone, now):
    """Takes a batch both ways and closes what changed; the outcomes, by row."""
    sales = [event for event in events if isinstance(event, SaleRecorded)]
    batch = EventBatch(SaleColumns.of(sales), [event for event in events if not isinstance(event, SaleRecorded)])
    rows = batch.by_product()
    for key in rows:
        together.setdefault(key, OpenProduct(ProductState(key), table))
        alone.setdefault(key, OpenProduct(ProductState(key)))
    one_by_one = [list(alone[key].take([batch[row] for row in rows[key]])) for key in rows]
    at_once = take_all([together[key] for key in rows], batch, list(rows.values()), table)
    assert [*map(list, at_once)] == one_by_one
    changed = [key for key in rows if alone[key].fresh]
    assert changed == [key for key in rows if together[key].fresh]
    features_alike([together[key] for key in changed], [alone[key] for key in changed])
    closed = close_all([together[key] for key in changed], now)
    assert closed == [alone[key].closed(now) for key in changed]
    for key in rows:
        assert together[key].known == alone[key].known
        assert slots_of(together[key].buckets) == slots_of(alone[key].buckets)
        assert slots_of(together[key].state.buckets) == slots_of(alone[key].state.buckets)
    return one_by_one


def slots_of(days):
    rare = days.rare if days.rare is not None and any(days.rare) else None
    return days.newest, days.main, rare


def features_alike(together, alone):
    if together:
        as_of = max(product.newest for product in together) + 1
        ours, theirs = (rolling_features(series_of(products, as_of)) for products in (together, alone))
        for name, column in ours.items():
            np.testing.assert_array_equal(column, theirs[name], err_msg=name)


@settings(max_examples=150)
@given(told=batches(), rows=st.sampled_from([2, 10]))
def test_what_is_taken_at_once_is_what_is_taken_one_by_one(told, rows):
    """With a row for each, and with too few rows; from batch to batch the products stay open."""
    table, together, alone = DayTable.empty(rows), {}, {}
    for number, events in enumerate(told):
        both_ways(events, table, together, alone, NOW + number)


@settings(max_examples=100)
@given(told=batches(corrected=False))
def test_it_goes_on_from_states_that_were_read(told):
    table, together, alone = DayTable.empty(10), {}, {}
    for number, events in enumerate(told):
        both_ways(events, table, together, alone, NOW + number)
        table = DayTable.empty(10)  # another worker's, which has seen nothing of them
        together = {key: OpenProduct(product.state, table) for key, product in together.items()}
        alone = {key: OpenProduct(product.state) for key, product in alone.items()}


def sale(number, day, quantity=1, revenue=100, key=KEYS[0]):
    return SaleRecorded(key, f"e{number}", day * MS_PER_DAY, quantity, revenue)


def test_duplicates_conflicts_and_what_is_late_are_told_apart_within_a_batch():
    product = OpenProduct(ProductState(KEYS[0]), table := DayTable.empty(1))
    take_all([product], EventBatch.of([sale(0, D)]), [[0]], table)
    events = [sale(0, D), sale(0, D, 2), sale(1, D - HORIZON_DAYS - 1), sale(1, D), sale(1, D), sale(1, D - 1)]
    said = take_all([product], EventBatch.of(events), [list(range(6))], table)
    assert [*said[0]] == [DUPLICATE, CONFLICT, LATE, APPLIED, DUPLICATE, CONFLICT]
    assert dict(product.buckets) == {D: Bucket(2, 200)}


def test_a_row_is_free_again_when_its_product_is_gone_and_holds_nothing_of_it():
    table = DayTable.empty(1)
    first = OpenProduct(ProductState(KEYS[0]), table)
    second = OpenProduct(ProductState(KEYS[1]), table)
    take_all([first], EventBatch.of([sale(0, D), sale(1, D, -1, -5)]), [[0, 1]], table)
    assert (first.row, second.row) == (0, None)
    del first
    third = OpenProduct(ProductState(KEYS[2]), table)
    assert third.row == 0
    assert dict(table.days([0])[0]) == {}


@pytest.mark.parametrize("at_once", [True, False])
def test_the_filter_stays_as_large_as_what_its_products_remember(at_once):
    """A product that stays open counts for months, and forgets what is too old, as do the products that go."""
    table = DayTable.empty(1)
    table.ids = IdFilter(1, words_min=64)
    product = OpenProduct(ProductState(KEYS[0]), table)
    for day in range(D, D + 300):
        sales = [sale(f"{day}-{number}", day) for number in range(40)]
        if at_once:
            take_all([product], EventBatch.of(sales), [range(40)], table)
        else:
            product.take(sales)
        close_all([product], day * MS_PER_DAY)
    assert product.ids == product.state.ledger.size <= 40 * 37
    assert table.ids.words <= 8 * 40 * 37
    unknown = np.random.default_rng(1).integers(0, 2**64, (10_000, 2), dtype=np.uint64)
    assert table.ids.perhaps(unknown).mean() < 0.005
    del product
    assert table.ids.sizes.sum() == 0


def test_a_batch_of_one_product_takes_memory_for_its_sales_and_not_for_their_square():
    product = OpenProduct(ProductState(KEYS[0]), table := DayTable.empty(1))
    batch = EventBatch.of([sale(number, D) for number in range(5_000)])
    tracemalloc.start()
    said = take_all([product], batch, [range(5_000)], table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [*said[0]] == [APPLIED] * 5_000
    assert peak < 20e6


def test_a_table_to_read_days_from_has_no_filter_to_speak_of():
    assert DayTable.of([Days.of({D: Bucket(1, 1)})]).ids.words == 1


def test_what_was_closed_does_not_change_with_the_table():
    product = OpenProduct(ProductState(KEYS[0]), table := DayTable.empty(1))
    take_all([product], EventBatch.of([sale(0, D)]), [[0]], table)
    state = close_all([product], NOW)[0].state
    take_all([product], EventBatch.of([sale(1, D), sale(2, D + SLOTS)]), [[0, 1]], table)
    assert dict(state.buckets) == {D: Bucket(1, 100)}


def test_a_product_whose_sums_outgrow_the_table_goes_on_beside_it():
    product = OpenProduct(ProductState(KEYS[0]), table := DayTable.empty(1))
    for number in range(5):
        take_all([product], EventBatch.of([sale(number, D, 1, SUM_LIMIT // 2)]), [[0]], table)
    assert product.row is None
    assert dict(product.buckets) == {D: Bucket(5, 5 * (SUM_LIMIT // 2))}
    assert OpenProduct(ProductState(KEYS[1]), table).row == 0, "its row is another's now"


def test_many_small_sums_on_other_days_keep_their_row():
    product = OpenProduct(ProductState(KEYS[0]), table := DayTable.empty(1))
    for number in range(20):
        take_all([product], EventBatch.of([sale(number, D + number, 1, SUM_LIMIT // 4)]), [[0]], table)
    assert product.row == 0
    assert {bucket.revenue for bucket in product.buckets.values()} == {SUM_LIMIT // 4}


def test_days_are_the_same_read_from_the_table_or_from_states():
    wide = Days.of({D: Bucket(1, 2**40, 3, 4, 5), D - 1: Bucket(-1, 5)})
    narrow = Days.of({D - 3: Bucket(2, 7)})
    states = [ProductState(key, buckets=days) for key, days in zip(KEYS, (wide, narrow, Days.of({})), strict=True)]
    window = DayTable.of([state.buckets for state in states]).window([0, 1, 2], D - 3, D)
    assert window[:, SOLD].tolist() == [[0, 0, -1, 1], [2, 0, 0, 0], [0, 0, 0, 0]]
    assert window[:, REVENUE].tolist() == [[0, 0, 5, 2**40], [7, 0, 0, 0], [0, 0, 0, 0]]
    assert window[0, RETURNED].tolist() == [0, 0, 0, 3]
    assert window[0, PROMOTED].tolist() == [0, 0, 0, 5]


@given(events=deliveries(events_max=12), category=categories, name=st.text(max_size=4))
def test_what_is_remembered_of_many_sales_is_what_is_remembered_of_each(events, category, name):
    sales = [each._replace(category=category) for each in events if isinstance(each, SaleRecorded)]
    sales += [sale(0, D)._replace(event_id=name, category=name)]
    entries = entries_of(SaleColumns.of(sales))
    assert [entry.tobytes() for entry in entries] == [entry_of(each) for each in sales]
