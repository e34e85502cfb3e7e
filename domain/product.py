"""What do we know of one product, and how does an event change it?

The state is a function of the *set* of accepted events: daily buckets hold integer sums, which commute. Folding a
batch gives the next state, an outcome for each event, and the ledger segments to write with it. Duplicate and late
are results, not errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from domain.buckets import NO_SALES, Bucket, bucket_of, corrected
from domain.events import (
    MS_PER_DAY,
    Event,
    ProductKey,
    PromotionPlanned,
    ReorderCancelled,
    SaleCorrected,
    SaleRecorded,
    ShipmentReceived,
    StockChanged,
)
from domain.ledger import Ledger, Segment, id_digest, payload_digest
from domain.orders import OpenOrder

HORIZON_DAYS = 35
WINDOW_DAYS = 56
KEPT_DAYS = WINDOW_DAYS + HORIZON_DAYS
INTERVAL_DAYS = 28
PROMOTIONS_MAX = 16
SCANS_MAX = 5_000


class Outcome(Enum):
    """What became of an event. CONFLICT: its id was counted before with another payload."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    LATE = "late"
    CONFLICT = "conflict"


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


NO_BUCKETS: Mapping[int, Bucket] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ProductState:
    """Everything Restock keeps of a product. version counts commits, sales accepted sales and units their net units
    (both as corrected), dirty what was accepted since the last decision (dirty_since: when the first of it was, ms),
    decisions how often it was decided. received_at is the time of the newest receipt (ms)."""

    key: ProductKey
    version: int = 0
    buckets: Mapping[int, Bucket] = field(default_factory=lambda: NO_BUCKETS)
    newest_day: int | None = None
    sales: int = 0
    units: int = 0
    dirty: int = 0
    dirty_since: int = 0
    decisions: int = 0
    received_at: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    category: str | None = None
    stock: StockLevel | None = None
    cycle: int = 0
    open_orders: tuple[OpenOrder, ...] = ()
    promotions: tuple[tuple[int, int], ...] = ()
    forecast: ForecastNote | None = None
    intervals: tuple[Interval, ...] = ()
    band: str | None = None
    insight_on: int | None = None

    @property
    def on_order(self) -> int:
        return sum(order.outstanding for order in self.open_orders)


@dataclass(frozen=True, slots=True)
class Folded:
    """The result of a fold: the next state (the same object if nothing was accepted) and what to write with it."""

    state: ProductState
    outcomes: tuple[Outcome, ...]
    written: tuple[Segment, ...] = ()
    dropped: tuple[int, ...] = ()


def fold(state: ProductState, events: Sequence[Event], now: int) -> Folded:
    """Folds events of one product into its state. now (ms) dates the change and ages event ids, nothing else."""
    draft = _Draft(state, len(events))
    outcomes = tuple(draft.take(event) for event in events)
    return draft.finish(outcomes, now)


class _Draft:
    """A state under change. It lives for one fold only."""

    def __init__(self, state: ProductState, events: int) -> None:
        self.state = state
        self.buckets = dict(state.buckets)
        self.newest_day = state.newest_day
        # Against the header as it was: the order of the events within a batch changes nothing.
        self.late_before = -1 if state.newest_day is None else state.newest_day - HORIZON_DAYS
        self.sales = 0
        self.units = 0
        self.accepted: dict[bytes, bytes] = {}
        self.newest_accepted_day = -1
        self.category = state.category
        self.stock = state.stock
        self.orders = {order.cycle: order for order in state.open_orders}
        self.promotions = state.promotions
        self.received_at = state.received_at
        # Many events against many segments: one table of all ids is cheaper than looking through each.
        ledger = state.ledger
        self.counted = ledger.entries() if len(ledger.segments) * events > SCANS_MAX else None

    def take(self, event: Event) -> Outcome:
        digest = id_digest(event.event_id)
        payload = payload_digest(event[2:])
        known = self.accepted.get(digest) or self._counted_with(digest)
        if known is not None:
            return Outcome.DUPLICATE if known == payload else Outcome.CONFLICT
        if isinstance(event, (SaleRecorded, SaleCorrected)):
            if event.day < self.late_before:
                return Outcome.LATE
            self._count(event)
        elif isinstance(event, ShipmentReceived):
            if self._was_received(event, digest):
                return Outcome.DUPLICATE
            self._receive(event, digest)
        else:
            self._other(event)
        # The day of any event keeps its id: a receipt must not count twice either.
        self.newest_accepted_day = max(self.newest_accepted_day, event.occurred_at // MS_PER_DAY)
        self.accepted[digest] = payload
        return Outcome.APPLIED

    def _counted_with(self, digest: bytes) -> bytes | None:
        return self.state.ledger.payload_of(digest) if self.counted is None else self.counted.get(digest)

    def _count(self, event: SaleRecorded | SaleCorrected) -> None:
        day = event.day
        so_far = self.buckets.get(day, NO_SALES)
        if isinstance(event, SaleRecorded):
            self.buckets[day] = bucket_of(event, so_far)
            self.sales += 1
            self.units += event.quantity
            if event.category is not None:
                self.category = event.category
        else:
            self.buckets[day] = corrected(so_far, event)
            self.sales += event.sales
            self.units += event.sold - event.returned
        if self.newest_day is None or day > self.newest_day:
            self.newest_day = day

    def _other(self, event: StockChanged | PromotionPlanned | ReorderCancelled) -> None:
        if isinstance(event, StockChanged):
            if self.stock is None or (event.occurred_at, event.level) > (self.stock.at, self.stock.level):
                self.stock = StockLevel(event.level, event.occurred_at)
        elif isinstance(event, PromotionPlanned):
            kept = {*self.promotions, (event.starts_on, event.ends_on)}
            self.promotions = tuple(sorted(kept))[-PROMOTIONS_MAX:]
        elif (order := self._order_of(event)) is not None:
            del self.orders[order.cycle]

    def _was_received(self, shipment: ShipmentReceived, digest: bytes) -> bool:
        order = self._order_of(shipment)
        return order is not None and digest.hex() in order.receipts

    def _receive(self, shipment: ShipmentReceived, digest: bytes) -> None:
        self.received_at = max(self.received_at, shipment.occurred_at)
        order = self._order_of(shipment)
        if order is None:
            return
        left = order.after_receipt(digest.hex(), shipment.quantity)
        if left.outstanding:
            self.orders[order.cycle] = left
        else:
            del self.orders[order.cycle]

    def _order_of(self, event: ShipmentReceived | ReorderCancelled) -> OpenOrder | None:
        cycle = cycle_of(event.product, event.reorder_id)
        return self.orders.get(cycle) if cycle is not None else None

    def finish(self, outcomes: tuple[Outcome, ...], now: int) -> Folded:
        if not self.accepted:
            return Folded(self.state, outcomes)
        today = now // MS_PER_DAY
        entries = b"".join(digest + payload for digest, payload in self.accepted.items())
        ledger, written = self.state.ledger.append(entries, self.newest_accepted_day, today)
        dropped: tuple[int, ...] = ()
        if self.newest_day is not None:
            ledger, dropped = ledger.forget(self.newest_day - HORIZON_DAYS, today - HORIZON_DAYS)
            oldest = self.newest_day - KEPT_DAYS
            if min(self.buckets) < oldest:
                self.buckets = {day: bucket for day, bucket in self.buckets.items() if day >= oldest}
        state = replace(
            self.state,
            version=self.state.version + 1,
            buckets=self.buckets,
            newest_day=self.newest_day,
            sales=self.state.sales + self.sales,
            units=self.state.units + self.units,
            dirty=self.state.dirty + len(self.accepted),
            dirty_since=self.state.dirty_since if self.state.dirty else now,
            ledger=ledger,
            category=self.category,
            stock=self.stock,
            open_orders=tuple(self.orders.values()),
            promotions=self.promotions,
            received_at=self.received_at,
        )
        return Folded(state, outcomes, written, dropped)


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
