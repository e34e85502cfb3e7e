"""Events and states that tests begin with."""

from __future__ import annotations

from domain.buckets import Bucket, Days
from domain.events import MS_PER_DAY, ProductKey, ReorderRequired, SaleRecorded
from domain.folding import fold
from domain.ledger import ENTRY_BYTES, Ledger, Segment
from domain.orders import OpenOrder
from domain.product import ForecastNote, Interval, ProductState, StockLevel, reorder_id
from fakes.clock import NOW, TODAY
from handlers.ports import Change, OutboxEntry

A, B, C = ProductKey("A"), ProductKey("B"), ProductKey("C", "north")
ODD_KEYS = [
    ProductKey("A"),
    ProductKey("a"),
    ProductKey("A", "north"),
    ProductKey("A#north"),
    ProductKey("A%23north"),
    ProductKey("A#", "#"),
    ProductKey("Grüße 東京 🛒"),
    ProductKey("with space", "łódź"),
    ProductKey("P#H", "E#000000000001"),
    ProductKey("x" * 256, "ü" * 256),
    ProductKey("  "),
    ProductKey("\x00\x1f"),
]


def sale(product: ProductKey = A, event_id: str = "e1", quantity: int = 1, day: int = TODAY, **said) -> SaleRecorded:
    at = said.pop("occurred_at", day * MS_PER_DAY + 1_000)
    return SaleRecorded(product, event_id, at, quantity, said.pop("revenue_minor", quantity * 100), **said)


def state_after(key: ProductKey, *quantities: int, day: int = TODAY - 1) -> ProductState:
    """The state after one commit of sales with these quantities, one each on the days up to `day`."""
    events = [sale(key, f"{key}-{i}", quantity, day - i) for i, quantity in enumerate(quantities)]
    return fold(ProductState(key), events, NOW).state


def first_change(key: ProductKey, event_id: str = "e1", quantity: int = 1) -> Change:
    folded = fold(ProductState(key), [sale(key, event_id, quantity)], NOW)
    return Change(folded.state, folded.written, folded.dropped)


def segment(number: int, entries: int = 3, newest_day: int = TODAY) -> Segment:
    return Segment(number, bytes(range(ENTRY_BYTES)) * entries, newest_day, TODAY)


def order_of(key: ProductKey, cycle: int = 1, quantity: int = 24) -> ReorderRequired:
    return ReorderRequired(
        product=key,
        reorder_id=reorder_id(key, cycle),
        decided_at=NOW,
        as_of=TODAY,
        current_stock=-2,
        on_order=3,
        inventory_position=1,
        reorder_point=9,
        optimal_inventory=25,
        recommended_order_quantity=quantity,
        pack_size=6,
        minimum_order_quantity=12,
        lead_time_days=7,
        urgency="critical",
        projected_stockout_on=None,
        forecast_source="model",
    )


def entry(entry_id: str, created_at: int = NOW, detail: str = '{"product_id":"Ünï"}') -> OutboxEntry:
    return OutboxEntry(entry_id, "Reorder Required", detail, created_at)


def rich_state(key: ProductKey, version: int = 1, segments: tuple[Segment, ...] = ()) -> ProductState:
    """A state with something in every field."""
    return ProductState(
        key=key,
        version=version,
        buckets=Days.of(
            {
                TODAY: Bucket(3, 10**12, 0, 0, 1),
                TODAY - 40: Bucket(0, 0, 7, -3, 0),
                TODAY - 91: Bucket(1),
                TODAY - 2: Bucket(),
            }
        ),
        newest_day=TODAY,
        sales=5,
        units=-3,
        dirty=2,
        dirty_since=NOW,
        ledger=Ledger(bytes(range(40)), TODAY, segments[0].number if segments else 0, len(segments), segments),
        category="Café & Co",
        stock=StockLevel(-4, NOW),
        cycle=2,
        open_orders=(OpenOrder(1, 24, 6, TODAY + 7, ("00" * 16,)), OpenOrder(2, 6, 0, TODAY + 9)),
        promotions=((TODAY, TODAY + 3), (TODAY + 5, TODAY + 5)),
        forecast=ForecastNote(TODAY, 4_000_000_000, "model", ((1, 0.1 + 0.2, 1e-9), (28, 1e6 / 3, 25.0))),
        intervals=(Interval(TODAY - 1, 0, 5), Interval(TODAY, 1, 9)),
        band="low",
        insight_on=0,
    )
