"""What do we know of one product?

The state is a function of the *set* of accepted events: daily buckets hold integer sums, which commute. How events
change it is told in folding.py."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from domain.buckets import NO_DAYS, Days
from domain.events import ProductKey
from domain.ledger import NO_IDS, Ledger
from domain.orders import OpenOrder
from domain.signals import Watch

INTERVAL_DAYS = 28


class Outcome(Enum):
    """What became of an event. CONFLICT: its id was counted before with another payload. EXCESSIVE: the sums of its
    day would leave 64 bits. UNMATCHED: it was remembered, and is about an order that nobody knows."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    LATE = "late"
    CONFLICT = "conflict"
    EXCESSIVE = "excessive"
    UNMATCHED = "unmatched"


class StockLevel(NamedTuple):
    level: int
    at: int


class Interval(NamedTuple):
    """The 80 % interval that was forecast for one day, before that day began."""

    day: int
    low: int
    high: int


class ForecastNote(NamedTuple):
    """The forecast a product was last judged by. inputs names what it was computed from."""

    as_of: int
    inputs: int
    source: str
    totals: tuple[tuple[int, float, float], ...]


class Freeze(NamedTuple):
    """A planner's newest word on whether the product may be ordered: not up to and including until_on."""

    at: int
    until_on: int
    by: str = ""


class Override(NamedTuple):
    """A planner's newest word on the next order: so many units (0: it was used), if it is decided by until_on."""

    at: int
    quantity: int
    until_on: int
    by: str = ""


class ProductState(NamedTuple):
    """Everything Restock keeps of a product. version counts commits, sales accepted sales and units their net units
    (both as corrected), dirty what was accepted since the last decision (dirty_since: when the first of it was, ms),
    decisions how often it was decided. received_at is the time of the newest receipt (ms). closed_orders are the last
    few of which nothing is outstanding."""

    key: ProductKey
    version: int = 0
    buckets: Days = NO_DAYS
    newest_day: int | None = None
    sales: int = 0
    units: int = 0
    dirty: int = 0
    dirty_since: int = 0
    decisions: int = 0
    received_at: int = 0
    ledger: Ledger = NO_IDS
    category: str | None = None
    stock: StockLevel | None = None
    cycle: int = 0
    open_orders: tuple[OpenOrder, ...] = ()
    promotions: tuple[tuple[int, int], ...] = ()
    forecast: ForecastNote | None = None
    intervals: tuple[Interval, ...] = ()
    band: str | None = None
    insight_on: int | None = None
    closed_orders: tuple[OpenOrder, ...] = ()
    freeze: Freeze | None = None
    override: Override | None = None
    watch: Watch | None = None

    @property
    def on_order(self) -> int:
        return sum(order.outstanding for order in self.open_orders)


def product_label(product: ProductKey) -> str:
    """One unambiguous string for a product: `id`, or `id#location`; `#` and `%` inside an id are percent-encoded."""
    label = _escape(product.product_id)
    return label if product.location_id is None else f"{label}#{_escape(product.location_id)}"


def product_of(label: str) -> ProductKey:
    """The product that product_label made this string from."""
    product_id, hash_sign, location_id = label.partition("#")
    return ProductKey(_unescape(product_id), _unescape(location_id) if hash_sign else None)


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("#", "%23")


def _unescape(text: str) -> str:
    return text.replace("%23", "#").replace("%25", "%")


def reorder_id(product: ProductKey, cycle: int) -> str:
    """The id of a product's order of this cycle: one decision, one id, however often it is published."""
    return f"{product_label(product)}:{cycle}"


def cycle_of(product: ProductKey, order_id: str) -> int | None:
    """The cycle an order id names, None if it is no id of this product's orders."""
    prefix, _, cycle = order_id.rpartition(":")
    if prefix != product_label(product) or not cycle.isascii() or not cycle.isdigit():
        return None
    return int(cycle)
