"""What does a handler need from the world?

Each port has one contract suite that runs on the fake and on the real server alike. A port translates failures into
the errors of handlers/errors.py; nothing else comes out of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol

from domain.accuracy import Promise, Scoreboard
from domain.drift import Standing
from domain.events import ProductKey, ReorderRequired, SaleCorrected, SaleRecorded
from domain.features import DailySeries, Ints
from domain.forecast import DemandForecast, TotalDemand
from domain.ledger import Segment
from domain.policy import SupplyTerms
from domain.product import ProductState, StockLevel
from domain.ruling import DecisionRecord
from handlers.insight_text import InsightText, Usage
from handlers.metrics import Metric


class OutboxEntry(NamedTuple):
    """An event that is committed and must reach the bus. entry_id is stable across publications."""

    entry_id: str
    detail_type: str
    detail: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Change:
    """One product's commit: the state with its version raised by one, and the items that go with it. record: what the
    order was decided from."""

    state: ProductState
    written: tuple[Segment, ...] = ()
    dropped: tuple[int, ...] = ()
    order: ReorderRequired | None = None
    outbox: tuple[OutboxEntry, ...] = ()
    record: DecisionRecord | None = None


class Committed(Enum):
    """YES: durable. NO: another writer won, or it is not known and the state must be read again."""

    YES = "yes"
    NO = "no"


class Quarantined(NamedTuple):
    """A line that cannot be counted. record_id is the same on every delivery."""

    record_id: str
    reason: str
    body: str
    received_at: int


class LateSale(NamedTuple):
    """A sale, or a correction of one, that was older than the horizon when it came."""

    sale: SaleRecorded | SaleCorrected
    received_at: int


class InventoryRecord(NamedTuple):
    """What the shop says of a product. stock is None if its record names no level."""

    stock: StockLevel | None
    terms: SupplyTerms
    category: str | None = None
    supplier: str | None = None


class ForecastRecord(NamedTuple):
    """A product's forecast as it is kept for planners and accuracy. quantiles: p10, p50, p90 of the period's units.
    reorder_point and target: the usual ones, of a shop that loses no sale. decision: the one that it was made for."""

    product: ProductKey
    forecast: DemandForecast
    quantiles: tuple[int, int, int]
    reorder_point: int
    target: int
    confidence: float | None
    made_at: int
    decision: DecisionRecord | None = None


class ScoredWeek(NamedTuple):
    """What the promises of a week came to, and what was concluded."""

    week: int
    board: Scoreboard
    standing: Standing


class Clock(Protocol):
    def now(self) -> int:
        """Milliseconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class StateStore(Protocol):
    async def load(self, keys: Sequence[ProductKey]) -> dict[ProductKey, ProductState]:
        """The committed state of each product; a fresh ProductState for one never seen. A product whose state this
        worker must not touch (a newer schema) is absent."""
        ...

    async def commit(self, changes: Sequence[Change]) -> list[Committed]:
        """Commits each change if and only if its product is still at the version it was made from."""
        ...

    async def outbox(self, before: int, limit: int) -> list[OutboxEntry]:
        """Entries created before this time (ms) and not yet forgotten."""
        ...

    async def forget(self, entry_ids: Sequence[str]) -> None:
        """Removes published entries from the outbox."""
        ...


class Agenda(Protocol):
    """Which products are to be decided, whatever becomes of this worker. One that stands there twice, or for nothing,
    costs a look."""

    def mark(self) -> int:
        """What was committed until now, as done() is told."""
        ...

    async def add(self, keys: Collection[ProductKey]) -> Any:
        """These products are about to be committed. Durable when this returns; a failure leaves open whether it is.
        Returns what committed() wants to know."""
        ...

    async def committed(self, entries: Any, dirty: Collection[ProductKey]) -> None:
        """The commits of what was added are made, or given up; of these products it is to be decided."""
        ...

    async def done(self, keys: Collection[ProductKey], mark: int) -> None:
        """These products need no decision for anything that was committed before the mark."""
        ...

    async def due(self, before: int, limit: int) -> list[ProductKey]:
        """Products that were added before this time (ms), by whichever worker, and are not done."""
        ...


class Parking(Protocol):
    """Where a line goes that is not counted. Writing the same record twice leaves one."""

    async def quarantine(self, records: Sequence[Quarantined]) -> None: ...

    async def late(self, sales: Sequence[LateSale]) -> None: ...


class Inventory(Protocol):
    async def read(self, keys: Sequence[ProductKey]) -> dict[ProductKey, InventoryRecord]:
        """The shop's records; a product it does not know is absent."""
        ...


class Forecaster(Protocol):
    async def forecast(
        self, items: Sequence[ProductKey], series: DailySeries, cover_days: Ints
    ) -> dict[ProductKey, tuple[TotalDemand, ...]]:
        """Totals over each of cover_days (n, h). A product the model could not forecast is absent."""
        ...


class Forecasts(Protocol):
    async def save(self, records: Sequence[ForecastRecord]) -> None: ...


class ForecastMetrics(Protocol):
    async def publish(self, records: Sequence[ForecastRecord]) -> None:
        """Publishes demand and confidence over all of these products, and of each one on the allow-list."""
        ...


class AccuracyBook(Protocol):
    """What all workers together have promised of a week, and what became of it."""

    async def promise(self, week: int, promises: Sequence[Promise]) -> None:
        """Keeps one worker's part of a week beside the parts of others."""
        ...

    async def promised(self, week: int) -> list[Promise]:
        """The promises of all parts."""
        ...

    async def close(self, scored: ScoredWeek, outbox: Sequence[OutboxEntry]) -> bool:
        """Keeps a week's scores and puts what is to be announced into the outbox, both or neither. False, and nothing
        is written, if the week is closed."""
        ...

    async def closed(self, limit: int) -> list[ScoredWeek]:
        """The newest closed weeks, in order."""
        ...

    async def backtest(self) -> Mapping[str, float]:
        """The WAPE of the serving model on its held-out days, by category; empty if nobody has said it."""
        ...

    async def set_backtest(self, wape: Mapping[str, float]) -> None: ...


class EventBus(Protocol):
    async def publish(self, entries: Sequence[OutboxEntry]) -> list[bool]:
        """Which entries the bus accepted."""
        ...


MayCall = Callable[[], Awaitable[None]]
"""Awaited before every attempt at the model, each of which may be billed; what it raises ends the question."""


async def unbounded() -> None:
    """The MayCall of whoever asks without a budget."""


class Explainer(Protocol):
    async def explain(self, facts: Mapping[str, object], may_call: MayCall) -> InsightText: ...

    async def ready(self, may_call: MayCall) -> Usage:
        """What it cost to see that it can answer. Fails as explain() would if it could not."""
        ...


class Metrics(Protocol):
    def count(self, metric: Metric, amount: int = 1) -> None: ...

    def observe(self, metric: Metric, value: float) -> None: ...
