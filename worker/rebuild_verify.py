"""Does the live state say of each product and day what the table says?

The valid sales of the table's items are folded into days, in memory, and held against the committed states product by
product. Nothing is written. Only the days that a state keeps can be compared; of a product of which the table has no
item nothing is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple, TextIO

from domain.buckets import KEPT_DAYS, NO_SALES, Bucket, bucket_of
from domain.events import ProductKey, SaleRecorded
from domain.product import ProductState
from handlers.errors import Misconfigured, TransientFailure
from handlers.ports import Clock
from worker.aws.clients import Clients, translated
from worker.aws.dynamodb import chunks
from worker.aws.state import DynamoState
from worker.decode import decode
from worker.settings import Settings
from worker.sources.source import Message
from worker.table_scan import TableScan, telling

PRODUCTS_A_LOAD = 100


class Difference(NamedTuple):
    """One figure of a product's day that the table and the live state do not agree on. day is None for the number of
    sales, which a state keeps for all days together."""

    product: ProductKey
    day: int | None
    figure: str
    table: int
    live: int


@dataclass(slots=True)
class Sold:
    """What the table says of one product. older: some of it is of days that no state keeps any more."""

    days: dict[int, Bucket] = field(default_factory=dict)
    sales: int = 0
    older: bool = False

    def add(self, sale: SaleRecorded) -> None:
        self.sales += 1
        self.days[sale.day] = bucket_of(sale, self.days.get(sale.day, NO_SALES))
        if len(self.days) > 2 * KEPT_DAYS:
            self.forget(max(self.days) - KEPT_DAYS)

    def forget(self, before: int) -> None:
        kept = {day: bucket for day, bucket in self.days.items() if day >= before}
        self.older = self.older or len(kept) < len(self.days)
        self.days = kept


@dataclass(slots=True)
class Verified:
    """How far a comparison came. differing are products; refused those whose state a newer version wrote."""

    items: int = 0
    products: int = 0
    differing: int = 0
    differences: int = 0
    refused: int = 0
    whole: bool = False
    failure: str | None = None
    started_s: float = field(default_factory=monotonic)

    @property
    def seconds(self) -> float:
        return monotonic() - self.started_s

    @property
    def items_per_s(self) -> float:
        return self.items / max(self.seconds, 0.001)

    def line(self) -> str:
        """How far it is."""
        return f"{self.items:,} items read, {self.items_per_s:,.0f} a second: {self.products:,} products compared"

    def summary(self) -> dict[str, int | float]:
        return {
            "items": self.items,
            "products": self.products,
            "differing": self.differing,
            "differences": self.differences,
            "refused": self.refused,
            "seconds": round(self.seconds, 2),
            "items_per_s": round(self.items_per_s, 1),
        }


async def verify(
    settings: Settings,
    clients: Clients,
    clock: Clock,
    table: str,
    segments: int,
    stop: asyncio.Event,
    progress: TextIO,
    found: Callable[[Difference], None],
) -> Verified:
    """Calls found for each difference. Misconfigured if a table is not there; a failure on the way ends it and stands
    in the result, and so does that it was stopped before all was compared."""
    scan = await TableScan.of(clients.dynamodb, table)
    with translated(f"DescribeTable {settings.state_table}"):
        await clients.dynamodb.describe_table(TableName=settings.state_table)
    state = DynamoState(clients.dynamodb, settings.state_table, settings.commit_deadline_s)
    verified, sold = Verified(), dict[ProductKey, Sold]()

    async def take(page: list[Message]) -> None:
        for message in page:
            for sale in _sales_of(message, settings.table_fields, clock.now()):
                sold.setdefault(sale.product, Sold()).add(sale)
        verified.items += len(page)

    async with telling(verified.line, progress):
        try:
            if await scan.read(segments, settings.batch_sales, stop, take):
                verified.whole = await _compare_all(sold, state, stop, verified, found)
        except (TransientFailure, Misconfigured) as exc:
            verified.failure = str(exc).splitlines()[0]
    return verified


def _sales_of(message: Message, table_fields: Mapping[str, str], now: int) -> list[SaleRecorded]:
    """What the intake would count of an item: of lines with one id only the first."""
    events, _ = decode(message.body, message.message_id, now, table_fields)
    sales: dict[tuple[ProductKey, str], SaleRecorded] = {}
    for decoded in events:
        if isinstance(decoded.event, SaleRecorded):
            sales.setdefault((decoded.event.product, decoded.event.event_id), decoded.event)
    return list(sales.values())


async def _compare_all(
    sold: dict[ProductKey, Sold],
    state: DynamoState,
    stop: asyncio.Event,
    verified: Verified,
    found: Callable[[Difference], None],
) -> bool:
    """Returns whether it came to the end."""
    for keys in chunks(sorted(sold, key=_order), PRODUCTS_A_LOAD):
        if stop.is_set():
            return False
        live = await state.load(keys)
        for key in keys:
            if key not in live:
                verified.refused += 1
                continue
            differences = compared(sold[key], live[key])
            verified.differing += bool(differences)
            verified.differences += len(differences)
            for difference in differences:
                found(difference)
        verified.products += len(keys)
    return True


def compared(sold: Sold, live: ProductState) -> Sequence[Difference]:
    """The differences of a product, day by day, of the days that a state keeps. The number of its sales is compared
    only if neither side knows of an older day."""
    newest = max((*sold.days, *live.buckets))
    sold.forget(newest - KEPT_DAYS)
    kept = {day: bucket for day, bucket in live.buckets.items() if day >= newest - KEPT_DAYS}
    differences = []
    for day in sorted({*sold.days, *kept}):
        there, here = sold.days.get(day, NO_SALES), kept.get(day, NO_SALES)
        for figure, table, counted in zip(Bucket._fields, there, here, strict=True):
            if table != counted:
                differences.append(Difference(live.key, day, figure, table, counted))
    all_kept = not sold.older and live.units == sum(bucket.net for bucket in kept.values())
    if all_kept and sold.sales != live.sales:
        differences.append(Difference(live.key, None, "sales", sold.sales, live.sales))
    return differences


def _order(key: ProductKey) -> tuple[str, str]:
    return key.product_id, key.location_id or ""
