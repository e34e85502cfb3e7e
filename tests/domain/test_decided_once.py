"""Is each need ordered once, whatever came between the assessment and the decision?"""

from __future__ import annotations

import pytest
from decision_examples import SEEN, D, decided, found_out, with_orders
from domain_streams import MUG, NOW
from hypothesis import given
from hypothesis import strategies as st

from domain.decision import decide
from domain.events import MS_PER_DAY, ReorderCancelled, SaleRecorded, ShipmentReceived, StockChanged
from domain.folding import fold
from domain.orders import OpenOrder
from domain.policy import SupplyTerms
from domain.product import ProductState, StockLevel

# Deciding twice


@given(level=st.integers(-50, 100), outstanding=st.lists(st.integers(1, 40), max_size=4), pack=st.integers(1, 30))
def test_the_same_need_is_never_ordered_twice(level, outstanding, pack):
    terms = SupplyTerms(pack_size=pack)
    first = decided(with_orders(*outstanding), level, terms=terms)
    second = decided(first.state, level, terms=terms)
    assert second.order is None
    assert first.state.open_orders == second.state.open_orders


def test_two_schedulers_with_the_same_assessment_order_once():
    assessed = found_out(SEEN, 5)
    first = decide(SEEN, assessed, NOW)
    assert first.order is not None
    assert decide(first.state, assessed, NOW + 1) is None


def test_a_second_judge_of_one_snapshot_decides_nothing():
    """Else what was sold between the two decisions would be taken for judged, and never be."""
    seen = fold(ProductState(MUG), [SaleRecorded(MUG, "old", D * MS_PER_DAY, 3, 1)], NOW).state
    assessed = found_out(seen, 99)
    decided_once = decide(seen, assessed, NOW)
    assert decided_once is not None
    moved_on = fold(decided_once.state, [SaleRecorded(MUG, "new", D * MS_PER_DAY, 50, 1)], NOW + 1).state
    assert decide(moved_on, assessed, NOW + 2) is None
    assert moved_on.dirty == 1


# Deciding for a state that moved on


@pytest.mark.parametrize(
    "since",
    [
        {"decisions": 1},
        {"cycle": 5, "open_orders": (OpenOrder(5, 10, 0, D),)},
        {"open_orders": (OpenOrder(4, 10, 0, D),)},
        {"stock": StockLevel(99, 2)},
    ],
    ids=["somebody decided", "an order was opened", "an order is open", "the shop counted"],
)
def test_nothing_is_decided_when_orders_stock_or_cycle_moved_on(since):
    assert decide(SEEN._replace(**since), found_out(SEEN, 5), NOW) is None


@pytest.mark.parametrize(
    "event",
    [
        ShipmentReceived(MUG, "s", 9, "85123A#north:1", 4),
        ShipmentReceived(MUG, "s", 9, "85123A#north:1", 10),
        ReorderCancelled(MUG, "x", 9, "85123A#north:1"),
        StockChanged(MUG, "c", 9, 30),
    ],
    ids=["part received", "received", "cancelled", "counted"],
)
def test_an_event_that_puts_the_stock_read_in_doubt_decides_nothing(event):
    """The level that was read may contain the shipment or not."""
    snapshot = with_orders(10)
    later = fold(snapshot, [event], NOW).state
    assert decide(later, found_out(snapshot, 5), NOW) is None


def sales(count: int) -> list[SaleRecorded]:
    return [SaleRecorded(MUG, f"e{n}", D * MS_PER_DAY, 2, 200) for n in range(count)]


def test_sales_that_came_meanwhile_are_kept_and_leave_the_product_dirty():
    snapshot = fold(ProductState(MUG), sales(3), NOW).state
    later = fold(snapshot, sales(5), NOW + 10).state
    decision = decide(later, found_out(snapshot, 5), NOW + 20)
    assert (decision.state.dirty, decision.state.dirty_since) == (2, NOW + 20)
    assert (5, 10, later.buckets) == (decision.state.sales, decision.state.units, decision.state.buckets)
    assert later.version + 1 == decision.state.version


def test_what_the_snapshot_saw_is_no_longer_dirty():
    snapshot = fold(ProductState(MUG), sales(3), NOW).state
    assert decide(snapshot, found_out(snapshot, 5), NOW).state.dirty == 0


def test_a_decision_changes_nothing_of_the_ledger():
    snapshot = fold(ProductState(MUG), sales(50), NOW).state
    assert snapshot.ledger is decided(snapshot, 5).state.ledger
