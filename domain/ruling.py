"""How much is ordered of a product, given all that is known, and why?

Policy first, then what planners and rules say: freeze, override, maximum stock, and whether the order must wait. All of
it is a function of Known, which is kept with the decision: whoever asks later gets the same answer, and the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from domain.buying import FREELY, Buying
from domain.features import Floats
from domain.orders import APPROVAL, REVIEW, OpenOrder
from domain.outlook import Arrivals, Outlook, Totals, outlook_between
from domain.policy import FORECAST_DAYS, SupplyTerms, Thresholds, lost_sales, order_quantity, thresholds
from domain.product import Override
from domain.purchase import UNLIMITED

OPEN_ORDERS_MAX = 64
PLAIN_KNOWN, PLAIN_TERMS = 15, 13  # fields that every version has known

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


Due = tuple[tuple[int, int], ...] | None


class Known(NamedTuple):
    """What a decision is made from. protection: mean and dispersion of the demand over the protection days; period_mean
    and period_dispersion: of that over FORECAST_DAYS; day: of the first day's. stock: level and time, None where the
    shop has no record. frozen_until: a planner's freeze that holds on the day. override: a planner's that does.
    unit_minor: what a unit costs. due: in how many days how many units arrive; None, by an older version: it was
    decided as if no sale were lost."""

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
    period_dispersion: float = 0.0
    day: tuple[float, float] = (0.0, 0.0)
    due: Due = None

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


def levels(
    terms: Sequence[SupplyTerms], totals: Totals, stock: Sequence[tuple[int | None, int]], due: Sequence[Due]
) -> Thresholds:
    """Reorder points and targets of n products: the one place where a decision and its replay ask the policy.

    totals: of the first day, the protection days and FORECAST_DAYS. stock: on hand, None where the shop does not say,
    and on order. due: as in Known."""
    # An older version's decision is made again as it was: by the whole, as if customers waited.
    terms = [t if said is not None else t._replace(backorders=True) for t, said in zip(terms, due, strict=True)]
    outlook = _outlook(terms, totals, due)
    return thresholds(terms, outlook, totals.mean[:, 2] / FORECAST_DAYS, _lost(terms, stock, due, outlook))


def lost_units(known: Known) -> float:
    """How many are expected to be asked for before an order placed now arrives, and lost."""
    if known.due is None:
        return 0.0
    terms, due = [known.terms], [known.due]
    return float(_lost(terms, [_stock(known)], due, _outlook(terms, _totals_of(known), due))[0])


def due_of(orders: Sequence[OpenOrder], as_of: int) -> tuple[tuple[int, int], ...]:
    """In how many days how many units of these orders arrive. What is late may come any day; of what was not sent yet
    nobody can say."""
    sent = (order for order in orders if not order.hold and order.outstanding)
    return tuple((max(0, order.expected_on - as_of), order.outstanding) for order in sent)


def _outlook(terms: Sequence[SupplyTerms], totals: Totals, due: Sequence[Due]) -> Outlook:
    lead = np.array([t.lead_time_days for t in terms], dtype=np.int64)
    review = np.array([t.review_days for t in terms], dtype=np.int64)
    coming = [(row, *order) for row, orders in enumerate(due) for order in orders or ()]
    return outlook_between(totals, lead, review, Arrivals(*np.array(coming, dtype=np.int64).reshape(-1, 3).T))


def _lost(
    terms: Sequence[SupplyTerms], stock: Sequence[tuple[int | None, int]], due: Sequence[Due], outlook: Outlook
) -> Floats:
    """None where the shop's stock is not known, either. What is on order and comes later than an order that
    is placed now, or nobody knows when, cannot stand for that order as well: so much less is taken off."""
    told = np.array([level is not None for level, _ in stock])
    rows = zip(terms, stock, due, strict=True)
    later = np.array([on_order - _in_time(t, orders or ()) for t, (_, on_order), orders in rows])
    shelf = np.array([level or 0 for level, _ in stock], dtype=np.int64)
    return np.where(told, np.maximum(lost_sales(terms, shelf, outlook.before) - later, 0.0), 0.0)


def _in_time(terms: SupplyTerms, due: Sequence[tuple[int, int]]) -> int:
    return sum(units for days, units in due if days < terms.protection_days)


def _totals_of(known: Known) -> Totals:
    told = known.day, known.protection, (known.period_mean, known.period_dispersion)
    days = np.array([[1, known.terms.protection_days, FORECAST_DAYS]], dtype=np.int64)
    return Totals(days, np.array([[mean for mean, _ in told]]), np.array([[dispersion for _, dispersion in told]]))


def _stock(known: Known) -> tuple[int | None, int]:
    return known.stock[0] if known.stock is not None else None, known.on_order


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
    found = levels([known.terms], _totals_of(known), [_stock(known)], [known.due])
    return rule_on(known, int(found.reorder_point[0]), int(found.target[0]), int(found.ceiling[0]))


def record_row(record: DecisionRecord) -> list[object]:
    """A decision as lists without field names. What older versions do not know stands in a list behind theirs, which
    they pass over."""
    known, terms = record.known, record.known.terms
    plain = known._replace(terms=terms[:PLAIN_TERMS])[:PLAIN_KNOWN]  # type: ignore[arg-type]  # as an older version has it
    return [plain, record.ruling, (*known[PLAIN_KNOWN:], *terms[PLAIN_TERMS:])]


def record_from(said: Sequence[Sequence[object]]) -> DecisionRecord:
    """The decision that record_row of this version or another one wrote, as JSON has it; what a newer one knows beyond
    is passed over."""
    more = list(said[2]) if len(said) > 2 else []
    added = len(Known._fields) - PLAIN_KNOWN
    known = Known(*said[0][:PLAIN_KNOWN], *more[:added])  # type: ignore[arg-type]  # JSON
    terms = (*known.terms[:PLAIN_TERMS], *more[added : added + len(SupplyTerms._fields) - PLAIN_TERMS])
    return DecisionRecord(
        known._replace(
            protection=(known.protection[0], known.protection[1]),
            terms=SupplyTerms(*terms),  # type: ignore[arg-type]  # JSON
            buying=Buying(*known.buying) if known.buying else FREELY,
            stock=(known.stock[0], known.stock[1]) if known.stock is not None else None,
            override=Override(*known.override) if known.override is not None else None,
            day=(known.day[0], known.day[1]),
            due=tuple((days, units) for days, units in known.due) if known.due is not None else None,
        ),
        Ruling(*said[1]),  # type: ignore[arg-type]  # JSON
    )
