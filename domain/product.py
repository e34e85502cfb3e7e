"""What do we know of one product, and how does an event change it?

The state is a function of the *set* of accepted events: daily buckets hold integer sums, which commute. Folding a
batch gives the next state, an outcome for each event, and the ledger segments to write with it. Duplicate and late
are results, not errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from domain.buckets import HORIZON_DAYS, NO_DAY, NO_DAYS, SLOTS, Days, OpenDays, bucket_of
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
from domain.ledger import ID_BYTES, NO_IDS, Ledger, Segment, entry_of
from domain.orders import OpenOrder

INTERVAL_DAYS = 28
PROMOTIONS_MAX = 16


class Outcome(Enum):
    """What became of an event. CONFLICT: its id was counted before with another payload. EXCESSIVE: the sums of its
    day would leave 64 bits."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    LATE = "late"
    CONFLICT = "conflict"
    EXCESSIVE = "excessive"


APPLIED, DUPLICATE, LATE, CONFLICT, EXCESSIVE = Outcome


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


class ProductState(NamedTuple):
    """Everything Restock keeps of a product. version counts commits, sales accepted sales and units their net units
    (both as corrected), dirty what was accepted since the last decision (dirty_since: when the first of it was, ms),
    decisions how often it was decided. received_at is the time of the newest receipt (ms)."""

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

    @property
    def on_order(self) -> int:
        return sum(order.outstanding for order in self.open_orders)


class Folded(NamedTuple):
    """The result of a fold: the next state (the same object if nothing was accepted) and what to write with it."""

    state: ProductState
    outcomes: tuple[Outcome, ...]
    written: tuple[Segment, ...] = ()
    dropped: tuple[int, ...] = ()


def fold(state: ProductState, events: Sequence[Event], now: int) -> Folded:  # noqa: C901 - see below
    """Folds events of one product into its state. now (ms) dates the change and ages event ids, nothing else."""
    # Every sale passes here: what nearly all of them need stands in the loop itself, where it costs half.
    days, rest, ledger = OpenDays(state.buckets), state, state.ledger.searchable()
    main, newest, oldest = days.main, days.newest, days.oldest
    # Against the header as it was: the order of the events within a batch changes nothing.
    late_before = newest - HORIZON_DAYS
    tail, older = ledger.tail, ledger.segments
    category, last_day, sales, units = state.category, -1, 0, 0
    outcomes: list[Outcome] = []
    accepted: dict[bytes, bytes] = {}
    for event in events:
        entry = entry_of(event)
        digest = entry[:ID_BYTES]
        if digest in accepted:
            outcomes.append(DUPLICATE if accepted[digest] == entry else CONFLICT)
            continue
        if (older or digest in tail) and (known := ledger.payload_of(digest)) is not None:
            outcomes.append(DUPLICATE if known == entry[ID_BYTES:] else CONFLICT)
            continue
        day = event[2] // MS_PER_DAY
        if type(event) is not SaleRecorded:
            outcome, rest = _noted(rest, days, event, day, late_before, digest)
            main, newest, oldest = days.main, days.newest, days.oldest
        elif day < late_before:
            outcome = LATE
        else:
            _, _, _, quantity, revenue, promotion, named = event
            try:
                if day > newest:
                    days.advance(day)
                    main, newest, oldest = days.main, days.newest, days.oldest
                if quantity >= 0 and day >= oldest and not promotion:
                    slot = day % SLOTS
                    # The sum that might not fit comes first: then the other was not touched yet.
                    main[SLOTS + slot] += revenue
                    main[slot] += quantity
                else:
                    days.add(day, bucket_of(event))
            except OverflowError:
                outcome = EXCESSIVE
            else:
                outcome = APPLIED
                sales += 1
                units += quantity
                if named is not None:
                    category = named
        outcomes.append(outcome)
        if outcome is APPLIED:
            accepted[digest] = entry
            # The day of any event keeps its id: a receipt must not count twice either.
            if day > last_day:
                last_day = day
    if not accepted:
        return Folded(state, tuple(outcomes))
    days.sales += sales
    days.units += units
    ledger, written, dropped = _remembered(ledger, accepted.values(), last_day, newest, now // MS_PER_DAY)
    return Folded(_next(rest, days, len(accepted), ledger, category, now), tuple(outcomes), written, dropped)


def _corrected(days: OpenDays, by: SaleCorrected, day: int) -> Outcome:
    try:
        days.add(day, (by.sold, by.revenue, by.returned, by.refunded, by.promoted))
    except OverflowError:
        return EXCESSIVE
    days.sales += by.sales
    days.units += by.sold - by.returned
    return APPLIED


def _noted(
    state: ProductState, days: OpenDays, event: Event, day: int, late_before: int, digest: bytes
) -> tuple[Outcome, ProductState]:
    """What an event that is no new sale makes of the days, or of the rest of a state."""
    if isinstance(event, SaleCorrected):
        return (_corrected(days, event, day) if day >= late_before else LATE), state
    if isinstance(event, ShipmentReceived):
        order = _order_of(event, state)
        if order is not None and digest.hex() in order.receipts:
            return DUPLICATE, state
        left = _received(state.open_orders, order, digest.hex(), event.quantity)
        return APPLIED, state._replace(open_orders=left, received_at=max(state.received_at, event.occurred_at))
    if isinstance(event, ReorderCancelled):
        order = _order_of(event, state)
        return APPLIED, state._replace(open_orders=tuple(each for each in state.open_orders if each is not order))
    if isinstance(event, StockChanged):
        told = StockLevel(event.level, event.occurred_at)
        newer = state.stock is None or (told.at, told.level) > (state.stock.at, state.stock.level)
        return APPLIED, state._replace(stock=told) if newer else state
    if isinstance(event, PromotionPlanned):
        kept = sorted({*state.promotions, (event.starts_on, event.ends_on)})
        return APPLIED, state._replace(promotions=tuple(kept)[-PROMOTIONS_MAX:])
    raise TypeError(f"no event of a product: {type(event).__name__}")


def _received(
    orders: tuple[OpenOrder, ...], order: OpenOrder | None, receipt: str, quantity: int
) -> tuple[OpenOrder, ...]:
    """The orders after a receipt for one of them; an order that is complete is open no longer."""
    if order is None:
        return orders
    left = order.after_receipt(receipt, quantity)
    return tuple(left if each is order else each for each in orders if each is not order or left.outstanding)


def _remembered(
    ledger: Ledger, entries: Iterable[bytes], last_day: int, newest_day: int, today: int
) -> tuple[Ledger, tuple[Segment, ...], tuple[int, ...]]:
    """The ledger with the accepted ids, the segments to write, and the numbers of those to delete."""
    ledger, written = ledger.append(b"".join(entries), last_day, today)
    if not ledger.segments or newest_day == NO_DAY:
        return ledger, written, ()
    ledger, dropped = ledger.forget(newest_day - HORIZON_DAYS, today - HORIZON_DAYS)
    return ledger, written, dropped


def _next(
    state: ProductState, days: OpenDays, accepted: int, ledger: Ledger, category: str | None, now: int
) -> ProductState:
    """The state after so many accepted events. Made without _replace, which takes several times as long."""
    return ProductState(
        state.key,
        state.version + 1,
        days.closed(),
        days.newest if days.newest != NO_DAY else None,
        state.sales + days.sales,
        state.units + days.units,
        state.dirty + accepted,
        state.dirty_since if state.dirty else now,
        state.decisions,
        state.received_at,
        ledger,
        category,
        state.stock,
        state.cycle,
        state.open_orders,
        state.promotions,
        state.forecast,
        state.intervals,
        state.band,
        state.insight_on,
    )


def _order_of(event: ShipmentReceived | ReorderCancelled, state: ProductState) -> OpenOrder | None:
    cycle = cycle_of(event.product, event.reorder_id)
    return next((order for order in state.open_orders if order.cycle == cycle), None)


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
