"""What does a planner see of a product, in one row of numbers?

A row is made of a decision, by whomever and whenever it was made, and holds nothing that the decision does not: the
page never asks the model, and what it shows is what was decided from."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, inf, nan
from typing import NamedTuple

from domain.buckets import SLOTS, Days, sums_of
from domain.orders import APPROVAL, APPROVED, RELEASED, REVIEW, OpenOrder
from domain.policy import FORECAST_DAYS, SupplyTerms, days_of_cover
from domain.product import ProductState, product_label
from domain.ruling import ENOUGH, FROZEN, FULL, NO_STOCK, ORDERED, OVERRIDDEN, TOO_MANY, DecisionRecord, Known, Ruling
from domain.signals import stock_band

OUT, SOON, OVERDUE, EXCESS, FINE, UNKNOWN = range(6)
STATUSES = ("out", "soon", "overdue", "excess", "fine", "unknown")
"""In order of urgency; a product stands in the first that it is in. out: nothing on hand of what sells. soon: will be
out before the next delivery. unknown: the shop has no record of its stock."""

DUE = "due"
REASONS = (ENOUGH, ORDERED, OVERRIDDEN, FROZEN, FULL, TOO_MANY, NO_STOCK, APPROVAL, REVIEW, DUE)
HELD = {APPROVAL: APPROVAL, APPROVED: APPROVAL, REVIEW: REVIEW, RELEASED: REVIEW}
COVER_DAYS_MAX = 10_000


class Row(NamedTuple):
    """A product on the page. NaN where something is not known. Money in minor units: unit is what the last unit was
    sold for, risk what its demand is worth a day while it is out, or will be before the next delivery. overdue: units
    of orders that should have come. due_on: the day the next delivery of an order under way is expected. Days
    are days since the epoch. reason: a place in REASONS."""

    label: str
    category: str
    version: int
    status: int
    reason: int
    frozen: bool
    on_hand: float
    on_order: float
    daily: float
    cover: float
    out_on: float
    reorder_point: float
    target: float
    suggested: float
    order_by: float
    unit: float
    risk: float
    overdue: float
    due_on: float
    as_of: float


NUMBERS = Row._fields[6:]


def row_of(state: ProductState, record: DecisionRecord, *, committed: bool = True) -> Row:
    """The row of a product as it was decided; state is the one that the decision made. Or, if it is not committed, as
    it would be: what it orders is not ordered yet."""
    known, ruling = record
    on_hand = float(known.stock[0]) if known.stock is not None else nan
    daily, unit, as_of = known.period_mean / FORECAST_DAYS, last_price(state.buckets), known.as_of
    cover = days_of_cover(known.stock[0], daily) if known.stock is not None else nan
    overdue = sum(order.outstanding for order in late_orders(state.open_orders, as_of))
    stocked = ruling.target > 0 or on_hand < 0
    due_on = next_delivery(state.open_orders, as_of)
    gap_days = due_on - as_of if due_on is not None else known.terms.lead_time_days
    status = _status(on_hand, cover, gap_days, overdue, stocked, known.terms)
    held = next((order for order in state.open_orders if order.hold), None)
    return Row(
        label=product_label(state.key),
        category=state.category or "",
        version=state.version,
        status=status,
        reason=REASONS.index(_reason(held, ruling, committed)),
        frozen=_is_frozen(state, known),
        on_hand=on_hand,
        on_order=float(state.on_order),
        daily=daily,
        cover=cover,
        out_on=as_of + floor(cover) if cover < COVER_DAYS_MAX else nan,
        reorder_point=float(ruling.reorder_point),
        target=float(ruling.target),
        suggested=float(held.asked if held is not None else ruling.quantity or ruling.needed),
        order_by=_order_by(on_hand + state.on_order, daily, as_of, known.terms),
        unit=unit,
        risk=daily * unit if status in (OUT, SOON) else 0.0,
        overdue=float(overdue),
        due_on=float(due_on) if due_on is not None else nan,
        as_of=float(as_of),
    )


def _is_frozen(state: ProductState, known: Known) -> bool:
    # A planner's freeze stands in the state before anything is decided by it.
    freeze = state.freeze
    return known.buying.frozen or (freeze is not None and freeze.until_on >= known.as_of)


def _reason(held: OpenOrder | None, ruling: Ruling, committed: bool) -> str:
    if held is not None:
        return HELD[held.hold]
    return DUE if ruling.quantity and not committed else ruling.why


def late_orders(orders: Sequence[OpenOrder], today: int) -> list[OpenOrder]:
    """Those that were sent and should have come before today."""
    return [order for order in orders if order.is_late(today)]


def next_delivery(orders: Sequence[OpenOrder], today: int) -> int | None:
    """The day the next delivery is expected; one that is late tells nothing, and one that was not sent has its lead
    time before it."""
    due = [order.expected_on for order in orders if not order.hold and order.outstanding and order.expected_on >= today]
    return min(due, default=None)


def last_price(days: Days) -> float:
    """Minor units that a unit brought on the newest day that it brought anything; NaN if no sale named a price."""
    main = sums_of(days.main)
    for age in range(SLOTS):
        slot = (days.newest - age) % SLOTS
        if main[slot] > 0 and main[SLOTS + slot] > 0:
            return float(main[SLOTS + slot] / main[slot])
    return nan


def _status(on_hand: float, cover: float, gap_days: int, overdue: int, stocked: bool, terms: SupplyTerms) -> int:
    if on_hand != on_hand:
        return UNKNOWN
    if on_hand <= 0 and stocked:
        return OUT
    if stocked and cover < gap_days:
        return SOON
    if overdue:
        return OVERDUE
    return EXCESS if on_hand > 0 and stock_band(None, cover, terms.lead_time_days) == "excess" else FINE


def _order_by(position: float, daily: float, as_of: int, terms: SupplyTerms) -> float:
    """The last day on which an order would come before what is on hand and on order has run out."""
    lasts = max(position, 0.0) / daily if daily > 0 else inf
    return as_of + floor(lasts) - terms.lead_time_days if lasts < COVER_DAYS_MAX else nan
