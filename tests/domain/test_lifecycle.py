"""Whatever a supplier and a planner say, in whatever order: an order counts once, goes out once, and is never forgotten
while it may still come."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from domain_streams import MUG, NEW_YEARS_EVE, NOW
from hypothesis import given
from hypothesis import strategies as st

from domain.buying import Buying
from domain.decision import assess, decide
from domain.events import (
    MS_PER_DAY,
    OrderApproved,
    OrderClosed,
    OrderConfirmed,
    OrderRejected,
    OrderReleased,
    OrderShipped,
    ProductFrozen,
    ProductUnfrozen,
    QuantityOverridden,
    ReorderCancelled,
    ShipmentReceived,
)
from domain.folding import fold
from domain.forecast import DemandForecast, TotalDemand
from domain.lifecycle import CLOSED_MAX, FOR_EVER
from domain.orders import APPROVAL, REVIEW, OpenOrder
from domain.policy import SupplyTerms
from domain.product import Outcome, ProductState, StockLevel

D = NEW_YEARS_EVE
WEEKLY = SupplyTerms()
NOON = D * MS_PER_DAY
ORDER = "85123A#north:1"
TWO_A_DAY = DemandForecast(D, "model", (TotalDemand(1, 2, 0), TotalDemand(8, 16, 0), TotalDemand(28, 56, 0)))
ORDERED = ProductState(MUG, cycle=1, open_orders=(OpenOrder(1, 10, 0, D + 7, requested_on=D),))
FREELY, OF_ACME, DEAR = (
    Buying(),
    Buying("h", "acme", joined=True),
    Buying("h", unit_cost_minor=9, approval_above_minor=1),
)


def said(kind, *fields, at=NOON, event_id=None, order_id=ORDER):
    return kind(MUG, event_id or f"{kind.__name__}-{at}-{fields}", at, order_id, *fields)


def heard(*events, state=ORDERED):
    folded = fold(state, events, NOW)
    return folded.state, list(folded.outcomes)


def order_after(*events, state=ORDERED):
    state, _ = heard(*events, state=state)
    [order] = (*state.open_orders, *state.closed_orders)
    return order


def decided(state, level, *, buying=FREELY, forecast=TWO_A_DAY, terms=WEEKLY):
    stock = StockLevel(level, 1) if level is not None else None
    [assessed] = assess([state], [stock], [terms], [forecast], [42], [buying])
    decision = decide(state, assessed, NOW)
    assert decision is not None
    return decision


def on(day):
    return DemandForecast(day, "model", TWO_A_DAY.totals)


# What a supplier says


@pytest.mark.parametrize(
    ("events", "status", "outstanding"),
    [
        ([], "requested", 10),
        ([said(OrderConfirmed, 8, D + 9)], "confirmed", 8),
        ([said(OrderConfirmed, 8), said(OrderShipped, 5)], "shipped", 8),
        ([said(OrderShipped, 5), said(ShipmentReceived, 5)], "partly_received", 5),
        ([said(OrderConfirmed, 8), said(ShipmentReceived, 8)], "closed", 0),
        ([said(ShipmentReceived, 12)], "closed", 0),
        ([said(ReorderCancelled)], "cancelled", 0),
        ([said(ShipmentReceived, 4), said(ReorderCancelled)], "closed", 0),
        ([said(OrderConfirmed, 0)], "cancelled", 0),
    ],
)
def test_an_order_is_as_far_as_what_was_heard_of_it(events, status, outstanding):
    order = order_after(*events)
    assert (order.status, order.outstanding) == (status, outstanding)


def test_what_was_shipped_is_still_on_its_way_after_a_cancellation():
    order = order_after(said(OrderShipped, 6), said(ReorderCancelled, at=NOON + 1))
    assert (order.status, order.outstanding) == ("shipped", 6)
    assert order_after(said(OrderShipped, 6), said(ReorderCancelled), said(ShipmentReceived, 6)).outstanding == 0


def test_of_two_words_the_newer_holds_whichever_comes_first():
    words = [said(OrderConfirmed, 4, D + 3, at=NOON + 2), said(OrderConfirmed, 9, D + 20, at=NOON + 1)]
    for order in (order_after(*words), order_after(*reversed(words))):
        assert (order.outstanding, order.expected_on) == (4, D + 3)


def test_a_supplier_may_take_a_cancellation_back():
    order = order_after(said(ReorderCancelled), said(OrderConfirmed, 10, at=NOON + 1))
    assert (order.status, order.outstanding) == ("confirmed", 10)


def test_a_shipment_told_of_twice_under_one_id_is_one_shipment_even_when_the_ledger_forgot_it():
    state, _ = heard(said(OrderShipped, 6))
    state, outcomes = heard(said(OrderShipped, 6), state=state._replace(ledger=ORDERED.ledger))
    assert (outcomes, state.open_orders[0].shipped) == ([Outcome.DUPLICATE], 6)


@pytest.mark.parametrize("order_id", ["85123A#north:7", "another system's", "85123A:1"])
def test_a_word_on_an_order_that_nobody_knows_is_a_result_of_its_own(order_id):
    state, outcomes = heard(said(OrderConfirmed, 5, order_id=order_id), said(OrderShipped, 5, order_id=order_id))
    assert outcomes == [Outcome.UNMATCHED, Outcome.UNMATCHED]
    assert (state.open_orders, state.dirty) == (ORDERED.open_orders, 2)
    assert heard(said(OrderConfirmed, 5, order_id=order_id), state=state)[1] == [Outcome.DUPLICATE]


def test_a_confirmation_that_comes_after_all_was_received_changes_nothing_unless_it_promises_more():
    state, _ = heard(said(ShipmentReceived, 10))
    assert state.open_orders == ()
    assert heard(said(OrderConfirmed, 10), state=state)[0].on_order == 0
    reopened, _ = heard(said(OrderConfirmed, 14), state=state)
    assert [order.outstanding for order in reopened.open_orders] == [4]
    assert reopened.closed_orders == ()


def test_a_consignment_told_of_again_after_its_order_closed_and_the_ledger_forgot_does_not_open_it():
    state, _ = heard(said(OrderShipped, 10), said(ShipmentReceived, 10))
    forgotten = state._replace(ledger=ORDERED.ledger)
    state, outcomes = heard(said(OrderShipped, 10), said(ShipmentReceived, 10), state=forgotten)
    assert (outcomes, state.open_orders) == ([Outcome.DUPLICATE, Outcome.DUPLICATE], ())


def test_a_few_closed_orders_are_remembered():
    orders = tuple(OpenOrder(n, 1, 0, D) for n in range(1, CLOSED_MAX + 3))
    events = [said(ShipmentReceived, 1, order_id=f"85123A#north:{order.cycle}") for order in orders]
    events = [event._replace(event_id=f"s{n}") for n, event in enumerate(events)]
    state, _ = heard(*events, state=ProductState(MUG, cycle=len(orders), open_orders=orders))
    assert [order.cycle for order in state.closed_orders] == list(range(3, CLOSED_MAX + 3))


KINDS = st.sampled_from([OrderConfirmed, OrderShipped, ShipmentReceived, ReorderCancelled, OrderClosed])


@st.composite
def words(draw):
    """What a confused supplier may say of one order."""
    events = []
    for n in range(draw(st.integers(1, 7))):
        kind, at = draw(KINDS), NOON + draw(st.integers(0, 3))
        fields = () if kind in (ReorderCancelled, OrderClosed) else (draw(st.integers(1, 12)),)
        events.append(said(kind, *fields, at=at, event_id=f"w{n}"))
    return events


@given(events=words(), data=st.data())
def test_words_come_to_the_same_in_any_order_in_any_batches_and_more_than_once(events, data):
    together, _ = heard(*events)
    state = ORDERED
    shuffled = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=3))))
    for event in shuffled:
        state, _ = heard(event, state=state)
    comparable = [
        [order._replace(receipts=(), arrivals=()) for order in (*each.open_orders, *each.closed_orders)]
        for each in (state, together)
    ]
    assert comparable[0] == comparable[1]
    assert state.on_order == together.on_order


# What a planner says


def test_a_dear_order_is_proposed_and_counts_and_goes_out_once_when_it_is_approved():
    proposed = decided(ProductState(MUG), 5, buying=DEAR)
    assert (proposed.record.ruling.hold, proposed.moved.sent) == (APPROVAL, ())
    assert (proposed.state.on_order, proposed.state.open_orders[0].status) == (37, "proposed")
    assert decided(proposed.state, 5, buying=DEAR).order is None
    approved, _ = heard(said(OrderApproved, 40), state=proposed.state)
    assert approved.on_order == 40
    gone = decided(approved, 5, buying=DEAR, forecast=on(D + 3))
    [sent] = gone.moved.sent
    assert (sent.reorder_id, sent.recommended_order_quantity, sent.on_order) == (ORDER, 40, 0)
    assert (gone.order, gone.state.open_orders[0].due_on) == (None, D + 3 + 7)
    assert decided(gone.state, 5, buying=DEAR, forecast=on(D + 3)).moved.sent == ()


def test_a_rejection_outweighs_an_approval_and_the_need_is_seen_again():
    proposed = decided(ProductState(MUG), 5, buying=DEAR).state
    for events in itertools.permutations([said(OrderApproved), said(OrderRejected, at=NOON - 5)]):
        state, _ = heard(*events, state=proposed)
        assert (state.on_order, state.open_orders) == (0, ())
        again = decided(state, 5, buying=DEAR)
        assert (again.moved.sent, again.order.reorder_id) == ((), "85123A#north:2")


def test_an_order_that_was_sent_is_not_for_a_planner_to_reject():
    state, outcomes = heard(said(OrderRejected), said(OrderApproved, 99))
    assert (outcomes, state.on_order) == ([Outcome.APPLIED, Outcome.APPLIED], 10)


def test_an_approved_order_of_a_joined_supplier_waits_for_its_review_then():
    dear = OF_ACME._replace(unit_cost_minor=100, approval_above_minor=1)
    approved, _ = heard(said(OrderApproved), state=decided(ProductState(MUG), 5, buying=dear).state)
    waits = decided(approved, 5, buying=dear)
    [line] = waits.moved.waiting
    assert (line.supplier, line.cycle, line.quantity, line.value_minor) == ("acme", 1, 37, 3_700)
    assert (waits.moved.sent, waits.state.open_orders[0].hold) == ((), REVIEW)
    released, _ = heard(said(OrderReleased, "acme:2011-12-31"), state=waits.state)
    [sent] = decided(released, 5, buying=dear).moved.sent
    assert (sent.proposal_id, sent.supplier) == ("acme:2011-12-31", "acme")


def test_an_order_begins_to_wait_for_its_review_when_a_planner_lets_it_go_and_its_line_keeps_that_day():
    dear = OF_ACME._replace(unit_cost_minor=100, approval_above_minor=1)
    approved, _ = heard(said(OrderApproved), state=decided(ProductState(MUG), 5, buying=dear).state)
    waits = decided(approved, 5, buying=dear, forecast=on(D + 3))
    again = decided(waits.state, 1, buying=dear, forecast=on(D + 4))
    [line], [newer] = waits.moved.waiting, again.moved.waiting
    assert (line.proposed_on, newer.proposed_on) == (D + 3, D + 3)
    assert (line.stockout_on, newer.stockout_on) == (D + 3 + 2, D + 4 + 0), "the line says what is known now"
    [unknown] = decided(waits.state, None, buying=dear, forecast=on(D + 4)).moved.waiting
    assert unknown.stockout_on is None


@pytest.mark.parametrize("hold", ["review", "approved"])
def test_an_order_proposed_to_a_supplier_that_is_not_bought_from_any_more_is_sent(hold):
    held = OpenOrder(1, 46, 0, D + 7, requested_on=D, supplier="acme", hold=hold)
    state = ProductState(MUG, cycle=1, open_orders=(held,))
    moved = decided(state, 5, buying=Buying("h", "bolt", joined=True)).moved
    assert [(sent.reorder_id, sent.supplier) for sent in moved.sent] == [(ORDER, "acme")]
    assert moved.waiting == ()


def test_a_freeze_that_keeps_an_order_back_has_somebody_look_when_it_ends():
    held = OpenOrder(1, 90, 0, D + 7, requested_on=D, supplier="acme", hold="released")
    state, _ = heard(ProductFrozen(MUG, "f", NOON, D + 2), state=ProductState(MUG, cycle=1, open_orders=(held,)))
    kept = decided(state, 5, buying=OF_ACME)
    assert (kept.record.ruling.why, kept.moved.sent, kept.moved.look_on) == ("enough", (), (D + 3,))


def test_a_frozen_product_is_not_ordered_until_it_thaws():
    frozen, _ = heard(ProductFrozen(MUG, "f", NOON, D + 2, "Ann"), state=ProductState(MUG))
    assert [decided(frozen, 0, forecast=on(D + days)).order is not None for days in (0, 2, 3)] == [False, False, True]
    thawed, _ = heard(ProductUnfrozen(MUG, "u", NOON + 1), state=frozen)
    assert decided(thawed, 0).order is not None
    late, _ = heard(ProductFrozen(MUG, "older", NOON - 1), state=thawed)
    assert decided(late, 0).order is not None


def test_an_override_is_the_quantity_of_the_next_order_and_of_no_other():
    state, _ = heard(QuantityOverridden(MUG, "o", NOON, 7, None, "Ann"), state=ProductState(MUG))
    assert decided(state, 99).order is None, "no need, no order"
    first = decided(state, 5)
    assert first.order.recommended_order_quantity == 7
    assert first.record.known.override == (NOON, 7, FOR_EVER, "Ann")
    assert decided(first.state, 5).order.recommended_order_quantity == 42 - 12
    stale, _ = heard(QuantityOverridden(MUG, "o", NOON, 7, D - 1), state=ProductState(MUG))
    assert decided(stale, 5).order.recommended_order_quantity == 37


# Overdue


def test_an_overdue_order_is_told_of_once_and_never_ordered_again():
    state = ORDERED._replace(open_orders=(OpenOrder(1, 60, 0, D + 7, requested_on=D),))
    assert decided(state, 0, forecast=on(D + 7)).moved.overdue == ()
    late = decided(state, 0, forecast=on(D + 9))
    [overdue] = late.moved.overdue
    assert (overdue.days, overdue.order.outstanding, late.order, late.state.on_order) == (2, 60, None, 60)
    later = decided(late.state, 0, forecast=on(D + 90))
    assert (later.moved.overdue, later.order, later.state.on_order) == ((), None, 60)


def test_each_order_has_somebody_look_the_day_after_it_is_due_and_again_if_the_supplier_moves_the_day():
    opened = decided(ProductState(MUG), 5)
    assert opened.moved.look_on == (D + 8,)
    assert decided(opened.state, 5).moved.look_on == ()
    moved, _ = heard(said(OrderConfirmed, 46, D + 20), state=opened.state)
    assert decided(moved, 5).moved.look_on == (D + 21,)


def test_receipts_are_passed_on_once_with_how_long_they_took():
    state = ORDERED._replace(open_orders=(OpenOrder(1, 10, 0, D + 7, requested_on=D, supplier="acme"),))
    arrivals = [said(ShipmentReceived, 4, at=NOON + days * MS_PER_DAY, event_id=f"s{days}") for days in (6, 9)]
    state, _ = heard(*arrivals, said(ReorderCancelled), state=state)
    told = decided(state, 99, forecast=on(D + 9))
    assert [(a.supplier, a.days, a.lead_time_days) for a in told.moved.arrivals] == [("acme", 6, 7), ("acme", 9, 7)]
    assert decided(told.state, 99, forecast=on(D + 9)).moved.arrivals == ()


def test_several_cycles_are_open_when_the_lead_time_exceeds_the_review():
    """Three weeks of lead time, an order cycle of two days: each order is its own until it is received."""
    terms = SupplyTerms(lead_time_days=21, review_days=1, order_cycle_days=2)
    totals = tuple(TotalDemand(days, 2 * days, 0) for days in (1, terms.protection_days, 28))
    state, level, most, received = ProductState(MUG), 60, 0, Counter()
    due: dict[int, list[OpenOrder]] = {}
    for day in range(D, D + 120):
        level -= 2
        for order in due.pop(day, ()):
            level += order.quantity
            received[order.cycle] += order.quantity
            event = ShipmentReceived(
                MUG, f"s{order.cycle}", day * MS_PER_DAY, f"85123A#north:{order.cycle}", order.quantity
            )
            state, _ = heard(event, state=state)
        decision = decided(state, level, terms=terms, forecast=DemandForecast(day, "model", totals))
        state = decision.state
        if decision.order is not None:
            opened = state.open_orders[-1]
            due.setdefault(opened.due_on, []).append(opened)
        most = max(most, len(state.open_orders))
        assert level + state.on_order <= decision.record.ruling.target + 4
    assert most > 5
    assert level > 0
    assert set(received) == set(range(1, state.cycle + 1 - len(state.open_orders)))
