"""What does a word of a supplier or a planner make of a product's orders?

Each message is counted once and changes only the order it names. An order of which nothing is outstanding leaves the
open ones, and is remembered for a while: what is heard of it then still counts, and may open it again. A message about
an order that nobody knows (any longer) is a result of its own, not an error."""

from __future__ import annotations

from typing import NamedTuple

from domain.events import (
    MS_PER_DAY,
    OfOrder,
    OfPlan,
    OrderApproved,
    OrderClosed,
    OrderConfirmed,
    OrderRejected,
    OrderReleased,
    OrderShipped,
    ProductFrozen,
    ProductUnfrozen,
    ReorderCancelled,
    ShipmentReceived,
)
from domain.orders import CLOSED, Approval, OpenOrder, Word
from domain.product import Freeze, Outcome, Override, ProductState, cycle_of

CLOSED_MAX = 2
FOR_EVER = 10**6
NOT_FROZEN = -1


class Heard(NamedTuple):
    """What became of a message, and the state after it."""

    outcome: Outcome
    state: ProductState


def heard(state: ProductState, event: OfOrder | OfPlan, digest: bytes) -> Heard:
    """The state after a message about an order, or about what a planner wants of the product. digest: of its id."""
    if isinstance(event, OfPlan):
        return Heard(Outcome.APPLIED, _planned(state, event))
    order = order_of(event, state)
    if order is not None and digest.hex() in order.receipts:
        return Heard(Outcome.DUPLICATE, state)
    if isinstance(event, ShipmentReceived):
        # The stock holds it, whatever order it was for.
        state = state._replace(received_at=max(state.received_at, event.occurred_at))
    if order is None:
        known_to_all = isinstance(event, ShipmentReceived | ReorderCancelled)
        return Heard(Outcome.APPLIED if known_to_all else Outcome.UNMATCHED, state)
    changed = _changed(order, event, digest.hex())
    return Heard(Outcome.APPLIED, state if changed == order else with_order(state, changed))


def order_of(event: OfOrder, state: ProductState) -> OpenOrder | None:
    """The order an event names, among those that are open or remembered."""
    cycle = cycle_of(event.product, event.reorder_id)
    known = (*state.open_orders, *state.closed_orders)
    return next((order for order in known if order.cycle == cycle), None)


def with_order(state: ProductState, changed: OpenOrder) -> ProductState:
    """The state with this order in the place of the one of its cycle: an open one if anything is outstanding."""
    others = [order for order in (*state.open_orders, *state.closed_orders) if order.cycle != changed.cycle]
    every = sorted([*others, changed], key=lambda order: order.cycle)
    closed = [order for order in every if order.outstanding == 0]
    return state._replace(
        open_orders=tuple(order for order in every if order.outstanding),
        closed_orders=tuple(closed[-CLOSED_MAX:]),
    )


def _changed(order: OpenOrder, event: OfOrder, digest: str) -> OpenOrder:
    """The order after a message about it."""
    match event:
        case ShipmentReceived():
            return order.after_receipt(digest, event.quantity, event.occurred_at // MS_PER_DAY)
        case OrderShipped():
            return order.after_shipment(digest, event.quantity)
        case OrderConfirmed():
            return order.after_word(Word(event.occurred_at, event.quantity, event.due_on or 0))
        case ReorderCancelled():
            return order.after_word(Word(event.occurred_at, 0))
        case OrderApproved():
            return order.after_approval(Approval(event.occurred_at, event.quantity or 0))
        case OrderRejected():
            return order.after_rejection()
        case OrderReleased():
            return order.after_release(event.proposal_id)
        case OrderClosed():
            return order._replace(ended=order.ended or CLOSED)


def _planned(state: ProductState, event: OfPlan) -> ProductState:
    """The state after a planner's word on the product itself: the newest holds."""
    if isinstance(event, ProductFrozen):
        until_on = FOR_EVER if event.until_on is None else event.until_on
        return _frozen(state, Freeze(event.occurred_at, until_on, event.by or ""))
    if isinstance(event, ProductUnfrozen):
        return _frozen(state, Freeze(event.occurred_at, NOT_FROZEN))
    until_on = FOR_EVER if event.until_on is None else event.until_on
    said = Override(event.occurred_at, event.quantity, until_on, event.by or "")
    return state._replace(override=said) if state.override is None or said > state.override else state


def _frozen(state: ProductState, said: Freeze) -> ProductState:
    return state._replace(freeze=said) if state.freeze is None or said > state.freeze else state
