"""What do shipments, cancellations, counts of the shelf and promotions make of a product's state?"""

from __future__ import annotations

import pytest
from domain_streams import MUG
from hypothesis import given
from hypothesis import strategies as st
from product_folds import APPLIED, DUPLICATE, D, one_by_one, sale, take

from domain.events import MS_PER_DAY, PromotionPlanned, ReorderCancelled, ShipmentReceived, StockChanged
from domain.folding import PROMOTIONS_MAX
from domain.ledger import Ledger, id_digest
from domain.orders import RECEIPTS_MAX, OpenOrder
from domain.product import ProductState, StockLevel

# Orders


ORDERED = ProductState(MUG, cycle=2, open_orders=(OpenOrder(1, 10, 0, D + 7), OpenOrder(2, 6, 0, D + 9)))


def shipment(order_id: str, quantity: int, event_id: str = "s") -> ShipmentReceived:
    return ShipmentReceived(MUG, event_id, D * MS_PER_DAY, order_id, quantity)


def cancellation(order_id: str, event_id: str = "x") -> ReorderCancelled:
    return ReorderCancelled(MUG, event_id, D * MS_PER_DAY, order_id)


def test_a_partial_shipment_leaves_the_rest_on_order():
    state, _ = take(ORDERED, shipment("85123A#north:1", 4))
    assert (OpenOrder(1, 10, 4, D + 7, (id_digest("s").hex(),)), OpenOrder(2, 6, 0, D + 9)) == state.open_orders
    assert state.on_order == 12


def test_a_shipment_sent_again_after_the_ledger_forgot_its_id_is_not_received_twice():
    state, _ = take(ORDERED, shipment("85123A#north:1", 4))
    forgotten = state._replace(ledger=Ledger())
    state, outcomes = take(forgotten, shipment("85123A#north:1", 4), shipment("85123A#north:1", 4, "another"))
    assert (outcomes, state.on_order) == ([DUPLICATE, APPLIED], 2 + 6)


def test_only_so_many_receipts_of_an_order_are_remembered():
    order = ProductState(MUG, cycle=1, open_orders=(OpenOrder(1, 1_000, 0, D + 7),))
    state, _ = take(order, *(shipment("85123A#north:1", 1, f"s{n}") for n in range(RECEIPTS_MAX + 3)))
    assert [id_digest(f"s{n}").hex() for n in range(3, RECEIPTS_MAX + 3)] == list(state.open_orders[0].receipts)


@pytest.mark.parametrize("quantity", [10, 11, 1_000])
def test_a_full_shipment_or_more_closes_the_order_and_only_that(quantity):
    state, _ = take(ORDERED, shipment("85123A#north:1", quantity))
    assert (OpenOrder(2, 6, 0, D + 9),) == state.open_orders
    assert state.on_order == 6


def test_partial_shipments_add_up_and_a_re_sent_one_counts_once():
    first, second = shipment("85123A#north:1", 4, "s1"), shipment("85123A#north:1", 6, "s2")
    state, outcomes = take(ORDERED, first, first)
    assert (outcomes, state.on_order) == ([APPLIED, DUPLICATE], 12)
    state, _ = take(state, second, first)
    assert state.on_order == 6


@pytest.mark.parametrize("order_id", ["85123A#north:7", "85123A:1", "of another system", "85123A#north:0"])
def test_a_shipment_or_cancellation_of_an_unknown_order_changes_no_order(order_id):
    state, outcomes = take(ORDERED, shipment(order_id, 5), cancellation(order_id))
    assert outcomes == [APPLIED, APPLIED]
    assert ORDERED.open_orders == state.open_orders


def test_a_cancelled_order_is_no_longer_on_order_with_whatever_was_outstanding():
    state, _ = take(ORDERED, shipment("85123A#north:1", 4), cancellation("85123A#north:1"))
    assert (OpenOrder(2, 6, 0, D + 9),) == state.open_orders
    state, _ = take(state, shipment("85123A#north:1", 6, "after all"), cancellation("85123A#north:1", "again"))
    assert state.on_order == 6


def test_orders_and_stock_touch_neither_sales_nor_the_cycle():
    state, _ = take(ORDERED, shipment("85123A#north:1", 10), cancellation("85123A#north:2"))
    assert (dict(state.buckets), state.newest_day, state.sales, state.units, state.cycle) == ({}, None, 0, 0, 2)


# Counts of the shelf


@given(
    counts=st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 9)), min_size=1, max_size=6),
    data=st.data(),
)
def test_the_newest_count_wins_in_any_order(counts, data):
    events = [StockChanged(MUG, f"c{n}", at, level) for n, (at, level) in enumerate(counts)]
    state, _ = one_by_one(data.draw(st.permutations(events)))
    newest = max(at for at, _ in counts)
    assert StockLevel(max(level for at, level in counts if at == newest), newest) == state.stock


def test_a_sale_never_touches_the_stock():
    state, _ = take(ProductState(MUG), StockChanged(MUG, "c", D * MS_PER_DAY, 50), sale("a", D + 1, 7))
    assert StockLevel(50, D * MS_PER_DAY) == state.stock


# Promotions


def promotion(event_id: str, first: int, last: int) -> PromotionPlanned:
    return PromotionPlanned(MUG, event_id, D * MS_PER_DAY, first, last)


@given(data=st.data(), firsts=st.lists(st.integers(D, D + 400), min_size=1, max_size=2 * PROMOTIONS_MAX))
def test_promotions_are_a_calendar_of_limited_length_whatever_the_order(data, firsts):
    events = [promotion(f"p{n}", first, first + 6) for n, first in enumerate(data.draw(st.permutations(firsts)))]
    state, _ = one_by_one(events)
    assert tuple(sorted({(first, first + 6) for first in firsts})[-PROMOTIONS_MAX:]) == state.promotions


def test_a_promotion_planned_twice_is_one_promotion():
    state, outcomes = take(ProductState(MUG), promotion("p1", D, D + 6), promotion("p2", D, D + 6))
    assert (outcomes, state.promotions) == ([APPLIED, APPLIED], ((D, D + 6),))
