"""How much is ordered of a product, given all that is known, and why?

Policy first, then what planners and rules say: freeze, override, maximum stock, and whether the order must wait. All of
it is a function of Known, which is kept with the decision: whoever asks later gets the same answer, and the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from domain.buying import FREELY, Buying
from domain.features import Floats
from domain.orders import APPROVAL, REVIEW
from domain.policy import FORECAST_DAYS, SupplyTerms, Thresholds, order_quantity, thresholds
from domain.product import Override
from domain.purchase import UNLIMITED

OPEN_ORDERS_MAX = 64

ENOUGH, NO_STOCK, FROZEN, FULL, TOO_MANY, ORDERED, OVERRIDDEN = (
    "enough",
    "stock unknown",
    "frozen",
    "no room below the maximum stock",
    "too many open orders",
    "ordered",
    "overridden",
)
"""Why so much was ordered, or nothing."""


class Known(NamedTuple):
    """What a decision is made from. protection: mean and dispersion of the demand over the protection days.
    period_mean: of that over FORECAST_DAYS. stock: level and time, None where the shop has no record. frozen_until:
    a planner's freeze that holds on the day. override: a planner's that does. unit_minor: what a unit costs."""

    product: str
    decided_at: int
    as_of: int
    forecast_source: str
    forecast_inputs: int
    protection: tuple[float, float]
    period_mean: float
    terms: SupplyTerms
    buying: Buying
    stock: tuple[int, int] | None
    on_order: int
    open_orders: int
    frozen_until: int | None = None
    override: Override | None = None
    unit_minor: float | None = None

    @property
    def position(self) -> int:
        """Inventory position; what is on order alone where the stock is not known."""
        return (self.stock[0] if self.stock is not None else 0) + self.on_order


class Ruling(NamedTuple):
    """What follows. needed is the policy's own quantity, quantity what is ordered. hold: why it is not sent yet."""

    reorder_point: int
    target: int
    needed: int
    quantity: int
    why: str
    hold: str = ""


class DecisionRecord(NamedTuple):
    """A decision, with all that it was made from."""

    known: Known
    ruling: Ruling


def levels(terms: Sequence[SupplyTerms], protection: tuple[Floats, Floats], period_mean: Floats) -> Thresholds:
    """Reorder points and targets of n products: the one place where a decision and its replay ask the policy."""
    return thresholds(list(terms), *protection, period_mean / FORECAST_DAYS)


def rule_on(known: Known, reorder_point: int, target: int, ceiling: int = UNLIMITED) -> Ruling:
    """What is ordered at these thresholds, with no more than the ceiling in stock and on order."""
    needed = 0
    if known.stock is not None:
        needed = order_quantity(known.position, reorder_point, target, known.terms, ceiling)
    ruling = Ruling(reorder_point, target, needed, 0, ENOUGH if known.stock is not None else NO_STOCK)
    if needed == 0:
        return ruling
    if known.frozen_until is not None or known.buying.frozen:
        return ruling._replace(why=FROZEN)
    if known.open_orders >= OPEN_ORDERS_MAX:
        return ruling._replace(why=TOO_MANY)
    if known.override is not None:
        quantity, why = known.override.quantity, OVERRIDDEN
    else:
        quantity, why = within_maximum(needed, known), ORDERED
    if quantity == 0:
        return ruling._replace(why=FULL)
    return ruling._replace(quantity=quantity, why=why, hold=_hold(known, quantity))


def within_maximum(quantity: int, known: Known) -> int:
    """The quantity, cut to whole packs that fit below the maximum stock; 0 if that is less than the supplier sells."""
    terms, maximum = known.terms, known.buying.maximum_stock
    if maximum is None or known.position + quantity <= maximum:
        return quantity
    room = max(0, maximum - known.position) // terms.pack_size * terms.pack_size
    return room if room >= terms.minimum_order_quantity else 0


def value_minor(known: Known, quantity: int) -> int | None:
    """What an order of so many units costs, None if nothing says what one does."""
    return None if known.unit_minor is None else round(known.unit_minor * quantity)


def _hold(known: Known, quantity: int) -> str:
    limit, value = known.buying.approval_above_minor, value_minor(known, quantity)
    # What nobody can value is not known to be below the limit.
    if limit is not None and (value is None or value > limit):
        return APPROVAL
    return REVIEW if known.buying.joined else ""


def replay(record: DecisionRecord) -> Ruling:
    """The decision made again from what was known: thresholds, quantity and all."""
    known = record.known
    mean, dispersion = known.protection
    found = levels([known.terms], (np.array([mean]), np.array([dispersion])), np.array([known.period_mean]))
    return rule_on(known, int(found.reorder_point[0]), int(found.target[0]), int(found.ceiling[0]))


def record_from(said: Sequence[Sequence[object]]) -> DecisionRecord:
    """The record that was written as lists without field names, as JSON has them."""
    known, ruling = Known(*said[0]), Ruling(*said[1])  # type: ignore[arg-type]
    return DecisionRecord(
        known._replace(
            protection=(known.protection[0], known.protection[1]),
            terms=SupplyTerms(*known.terms),
            buying=Buying(*known.buying) if known.buying else FREELY,
            stock=(known.stock[0], known.stock[1]) if known.stock is not None else None,
            override=Override(*known.override) if known.override is not None else None,
        ),
        ruling,
    )
