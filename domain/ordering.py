"""Which of a product's orders move on with a decision, and what is to be told of them?

An order that nothing holds any more is sent; one that a planner has let go may still have to wait for its supplier's
review; one that is overdue is told of once, and goes on counting. Each step is part of the decision's own commit."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from domain.events import ProductKey, ReorderRequired
from domain.joint_purchases import WaitingLine
from domain.lifecycle import FOR_EVER
from domain.orders import APPROVAL, APPROVED, RELEASED, REVIEW, OpenOrder
from domain.policy import SupplyTerms
from domain.product import ProductState, reorder_id


class Standing(NamedTuple):
    """What a decision knows of a product, beside its state: as it is told to whoever gets an order. supplier: whom the
    product is bought from now; joined: whether from it jointly."""

    now: int
    as_of: int
    on_hand: int | None
    reorder_point: int
    target: int
    terms: SupplyTerms
    supplier: str
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
    """The state after its orders moved on; which were sent, which wait for a review, which are overdue, what arrived.
    look_on: days on which somebody must look at the product, whatever it sells."""

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
    # Written again by each decision: what is lost or stale where the review reads it does not stay so.
    waits = [order for order in orders if order.hold == REVIEW]
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
    # No review of the supplier the product is bought from now would let go an order that was proposed to another one.
    reviewed = standing.joined and order.supplier == standing.supplier
    if order.hold == APPROVED and reviewed:
        return order._replace(hold=REVIEW, quantity=order.asked, approval=None, requested_on=standing.as_of)
    if order.hold in (APPROVED, RELEASED) or (order.hold == REVIEW and not reviewed):
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
    """The order as its supplier's review sees it, since the day on which it began to wait."""
    value = round(unit_minor * order.asked) if unit_minor is not None else None
    return WaitingLine(
        order.supplier,
        product,
        order.cycle,
        order.asked,
        value,
        standing.stockout_on if standing.on_hand is not None else None,
        standing.terms.lead_time_days,
        order.requested_on,
    )


class Wait(Enum):
    """Whether the order of a waiting line waits for its review: not yet by what is committed, now, or never again."""

    NOT_YET, NOW, OVER = range(3)


def wait_of(line: WaitingLine, state: ProductState) -> Wait:
    """What the committed state of its product says of a line, which is written before its order is."""
    if line.cycle > state.cycle:
        return Wait.NOT_YET
    order = next((order for order in state.open_orders if order.cycle == line.cycle), None)
    if order is None or order.supplier != line.supplier:
        return Wait.OVER
    if order.hold in (APPROVAL, APPROVED):
        return Wait.NOT_YET
    return Wait.NOW if order.hold == REVIEW else Wait.OVER


def looked_at_after(moved: Moved, frozen_until: int | None, stopped: bool) -> Moved:
    """With a look on the day after the freeze, if it stopped an order, or keeps one that was decided."""
    if frozen_until is None or frozen_until >= FOR_EVER:
        return moved
    if not stopped and not any(order.hold for order in moved.state.open_orders):
        return moved
    return moved._replace(look_on=(*moved.look_on, frozen_until + 1))


def needs_a_look(state: ProductState, today: int) -> bool:
    """Whether a product must be decided although nothing was heard of it: an order of it is overdue, or it was frozen
    when it was decided last and is not any more."""
    freeze, note = state.freeze, state.forecast
    thawed = freeze is not None and note is not None and note.as_of <= freeze.until_on < today
    return thawed or any(order.is_overdue(today) for order in state.open_orders)


def counts_by_status(states: Sequence[ProductState]) -> dict[str, int]:
    """How many orders there are of each status, and how many of the open ones are overdue. Of those that came to an
    end before the last few are kept, only the number is known: closed is every order that is not open any more."""
    orders = [order for state in states for order in state.open_orders]
    counts = dict.fromkeys(("proposed", "requested", "confirmed", "shipped", "partly_received"), 0)
    for order in orders:
        counts[order.status] += 1
    ended = sum(state.cycle for state in states) - len(orders)
    return counts | {"closed": ended, "overdue": sum(order.overdue for order in orders)}
