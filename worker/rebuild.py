"""How is what a stream lost counted after all?

The table is read as a whole, and each item goes through the worker's own intake as the INSERT that its stream carried:
what was counted is a duplicate, what was not is counted, what is bad or contradicts what was counted is kept aside, and
what is late stays in the table. The ledger makes it safe to kill and to run again. Nothing is decided here: the
products are left dirty."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO
from time import monotonic
from typing import TextIO

import structlog

from handlers.errors import Misconfigured, TransientFailure
from handlers.metrics import Metric
from handlers.ports import Clock
from worker.aws.clients import Clients
from worker.intake import Batch, Intake
from worker.settings import Settings
from worker.sources.source import Message
from worker.table_scan import TableScan, telling
from worker.wiring import build_parts

log = structlog.get_logger()

ATTEMPTS = 3  # of the intake, which itself tries for minutes while the state table is away
RETRY_AFTER_S = 1.0


@dataclass(slots=True)
class Figures:
    """What became of the items so far. counted, duplicates, late and quarantined are lines; conflicts are those of the
    quarantined that contradict what was counted; unsettled are items. failure says why it ended early, in a line."""

    items: int = 0
    parked: int = 0
    unsettled: int = 0
    whole: bool = False
    failure: str | None = None
    counts: Counter[str] = field(default_factory=Counter)
    started_s: float = field(default_factory=monotonic)
    ended_s: float | None = None

    @property
    def seconds(self) -> float:
        return (monotonic() if self.ended_s is None else self.ended_s) - self.started_s

    @property
    def items_per_s(self) -> float:
        return self.items / max(self.seconds, 0.001)

    def summary(self) -> dict[str, int | float]:
        quarantined = self.counts[Metric.SALES_QUARANTINED.label]
        return {
            "items": self.items,
            "counted": self.counts[Metric.SALES_APPLIED.label] + self.counts[Metric.OTHER_APPLIED.label],
            "duplicates": self.counts[Metric.SALES_DUPLICATE.label],
            "late": self.counts[Metric.SALES_LATE.label],
            "quarantined": quarantined,
            "conflicts": max(0, quarantined - self.parked),
            "unsettled": self.unsettled,
            "seconds": round(self.seconds, 2),
            "items_per_s": round(self.items_per_s, 1),
        }

    def line(self) -> str:
        """How far it is."""
        said = self.summary()
        names = ("counted", "duplicates", "late", "quarantined", "unsettled")
        parts = [f"{said[name]:,} {name}" for name in names if said[name] or name not in ("late", "unsettled")]
        return f"{self.items:,} items read, {self.items_per_s:,.0f} a second: {', '.join(parts)}"


class CountsOf(StringIO):
    """A stream of EMF lines that only adds up their counts: standard output is for the closing summary."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self._counts = counts

    def write(self, line: str) -> int:
        said = json.loads(line)
        (described,) = said["_aws"]["CloudWatchMetrics"]
        for definition in described["Metrics"]:
            if definition["Unit"] == "Count" and not isinstance(said[definition["Name"]], list):
                self._counts[definition["Name"]] += int(said[definition["Name"]])
        return len(line)


async def rebuild(
    settings: Settings,
    clients: Clients,
    clock: Clock,
    table: str,
    segments: int,
    stop: asyncio.Event,
    progress: TextIO,
) -> Figures:
    """Sends every item of the table through the intake. Misconfigured if the table, or what the worker needs, is not
    there; a failure on the way ends the reading and stands in the figures."""
    scan = await TableScan.of(clients.dynamodb, table)
    figures = Figures()
    parts = await build_parts(settings, clients, clock, metrics_stream=CountsOf(figures.counts), keeps_late=False)
    settling = _Settling(parts.intake, clock, figures)
    async with telling(figures.line, progress):
        try:
            figures.whole = await scan.read(segments, settings.batch_sales, stop, settling.take)
        except (TransientFailure, Misconfigured) as exc:
            figures.failure = str(exc).splitlines()[0]
    figures.ended_s = monotonic()
    return figures


class _Settling:
    """Takes pages through the intake. An item that cannot be settled is tried again with what else is left of its
    page, then counted as unsettled: it is still in the table."""

    def __init__(self, intake: Intake, clock: Clock, figures: Figures) -> None:
        self._intake = intake
        self._clock = clock
        self._figures = figures

    async def take(self, page: list[Message]) -> None:
        waiting: Sequence[Message] = page
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._clock.sleep(RETRY_AFTER_S * attempt)
            waiting = await self._settle(waiting)
            if not waiting:
                break
        self._figures.items += len(page)
        self._figures.unsettled += len(waiting)

    async def _settle(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Returns those that are not settled."""
        batch = Batch()
        for message in messages:
            await self._intake.add(batch, message)
        try:
            settled = await self._intake.settle(batch)
        except TransientFailure as exc:
            log.warning("page.not_settled", items=len(messages), reason=str(exc))
            return messages
        # Lines that are no sale are quarantined all or none.
        again = {message.receipt for message in settled.handed_back}
        if any(batch.messages[position].receipt not in again for position, _ in batch.rejected):
            self._figures.parked += len(batch.rejected)
        return settled.handed_back
