"""Which of a product's orders move on with a decision, and what is to be told of them?

An order that nothing holds any more is sent; one that a planner has let go may still have to wait for its supplier's
review; one that is overdue is told of once, and goes on counting. Each step is part of the decision's own commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain.events import ProductKey, ReorderRequired
from domain.joint_purchases import WaitingLine
from domain.orders import APPROVED, RELEASED, REVIEW, OpenOrder
from domain.policy import SupplyTerms
from domain.product import ProductState, reorder_id


class Standing(NamedTuple):
    """What a decision knows of a product, beside its state: as it is told to whoever gets an order."""

    now: int
    as_of: int
    on_hand: int | None
    reorder_point: int
    target: int
    terms: SupplyTerms
    joined: bool
    frozen: bool
    urgency: str
    stockout_on: int | None
    forecast_source: str


class Overdue(NamedTuple):
    """An order that should have come. days: by how many it is late."""

    product: ProductKey
    order: OpenOrder
    days: int
    noticed_at: int


class Arrival(NamedTuple):
    """A receipt, so many days after its order."""

    supplier: str
    days: int
    lead_time_days: int


class Moved(NamedTuple):
    """The state after its orders moved on; which were sent or began to wait, which are overdue, what arrived. look_on:
    days on which somebody must look at the product, whatever it sells."""

    state: ProductState
    sent: tuple[ReorderRequired, ...] = ()
    waiting: tuple[WaitingLine, ...] = ()
    overdue: tuple[Overdue, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    look_on: tuple[int, ...] = ()


def moved_on(state: ProductState, standing: Standing, unit_minor: float | None) -> Moved:
    """Every order one step further, if there is one to go."""
    orders = [_next(order, standing) for order in state.open_orders]
    sent = [o for o, was in zip(orders, state.open_orders, strict=True) if was.hold and not o.hold]
    waits = [o for o, was in zip(orders, state.open_orders, strict=True) if o.hold == REVIEW != was.hold]
    late = [order for order in orders if order.is_overdue(standing.as_of)]
    look_on = {order.expected_on + 1 for order in orders if _unwatched(order)}
    arrived = [
        Arrival(order.supplier, days, order.due_on - order.requested_on)
        for order in (*orders, *state.closed_orders)
        for days in order.arrivals
    ]
    told = state._replace(
        open_orders=tuple(_told(order, standing.as_of) for order in orders),
        closed_orders=tuple(order._replace(arrivals=()) for order in state.closed_orders),
    )
    return Moved(
        told,
        tuple(announcement(state, order, standing) for order in sent),
        tuple(waiting_line(state.key, order, standing, unit_minor) for order in waits),
        tuple(Overdue(state.key, o, standing.as_of - o.expected_on, standing.now) for o in late),
        tuple(arrived),
        tuple(sorted(look_on)),
    )


def _next(order: OpenOrder, standing: Standing) -> OpenOrder:
    """The order when a hold has ended. A stock that is not known keeps it where it is, for what is said of an order
    names it; a freeze keeps what no planner has let go."""
    if standing.on_hand is None or (standing.frozen and order.hold != APPROVED):
        return order
    if order.hold == APPROVED and standing.joined:
        return order._replace(hold=REVIEW, quantity=order.asked, approval=None)
    if order.hold in (APPROVED, RELEASED) or (order.hold == REVIEW and not standing.joined):
        return order.sent(standing.as_of, standing.terms.lead_time_days)
    return order


def _unwatched(order: OpenOrder) -> bool:
    return not order.hold and not order.watched and not order.overdue


def _told(order: OpenOrder, today: int) -> OpenOrder:
    overdue = order.overdue or order.is_overdue(today)
    return order._replace(overdue=overdue, watched=order.watched or _unwatched(order), arrivals=())


def announcement(state: ProductState, order: OpenOrder, standing: Standing) -> ReorderRequired:
    """What is said of an order when it is sent, or proposed: the position is that without it."""
    on_order = state.on_order - sum(each.outstanding for each in state.open_orders if each.cycle == order.cycle)
    on_hand, terms = standing.on_hand or 0, standing.terms
    return ReorderRequired(
        product=state.key,
        reorder_id=reorder_id(state.key, order.cycle),
        decided_at=standing.now,
        as_of=standing.as_of,
        current_stock=on_hand,
        on_order=on_order,
        inventory_position=on_hand + on_order,
        reorder_point=standing.reorder_point,
        optimal_inventory=standing.target,
        recommended_order_quantity=order.asked,
        pack_size=terms.pack_size,
        minimum_order_quantity=terms.minimum_order_quantity,
        lead_time_days=terms.lead_time_days,
        urgency=standing.urgency,
        projected_stockout_on=standing.stockout_on,
        forecast_source=standing.forecast_source,
        supplier=order.supplier or None,
        proposal_id=order.proposal or None,
    )


def waiting_line(product: ProductKey, order: OpenOrder, standing: Standing, unit_minor: float | None) -> WaitingLine:
    """The order as its supplier's review sees it."""
    value = round(unit_minor * order.asked) if unit_minor is not None else None
    return WaitingLine(
        order.supplier,
        product,
        order.cycle,
        order.asked,
        value,
        standing.stockout_on,
        standing.terms.lead_time_days,
        standing.as_of,
    )


def needs_a_look(state: ProductState, today: int) -> bool:
    """Whether a product must be decided although nothing was heard of it: an order of it is overdue."""
    return any(order.is_overdue(today) for order in state.open_orders)


def counts_by_status(states: Sequence[ProductState]) -> dict[str, int]:
    """How many orders there are of each status, and how many of the open ones are overdue. Of those that came to an
    end before the last few are kept, only the number is known: closed is every order that is not open any more."""
    orders = [order for state in states for order in state.open_orders]
    counts = dict.fromkeys(("proposed", "requested", "confirmed", "shipped", "partly_received"), 0)
    for order in orders:
        counts[order.status] += 1
    ended = sum(state.cycle for state in states) - len(orders)
    return counts | {"closed": ended, "overdue": sum(order.overdue for order in orders)}
