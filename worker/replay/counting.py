"""How is a message of the past counted?

By the worker's own intake, under the message's own id: what was counted is a duplicate, what is bad goes to quarantine
and what is late to the late sales, as ever. No metric is written, which would be an alarm of the past, and nothing is
decided before the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

import structlog

from handlers.errors import TransientFailure
from handlers.metrics import Metric
from handlers.ports import Clock
from handlers.products import Products
from handlers.record_sales import RecordSales
from handlers.watermark import Watermark
from worker.aws.clients import Clients, translated
from worker.aws.parking import DynamoParking
from worker.aws.state import DynamoState
from worker.intake import Batch, Intake
from worker.rebuild import CountsOf
from worker.replay.held_agenda import HeldAgenda
from worker.settings import Settings
from worker.sources.bodies import Bodies
from worker.sources.source import Message
from worker.telemetry import EmbeddedMetrics

log = structlog.get_logger()

ATTEMPTS = 3
RETRY_AFTER_S = 1.0
COUNTED = {
    "counted": (Metric.SALES_APPLIED, Metric.OTHER_APPLIED),
    "duplicates": (Metric.SALES_DUPLICATE,),
    "late": (Metric.SALES_LATE,),
    "quarantined": (Metric.SALES_QUARANTINED,),
}


@dataclass(slots=True)
class Counting:
    """Counts messages at no more than rate lines a second (0: as fast as it goes)."""

    intake: Intake
    agenda: HeldAgenda
    clock: Clock
    counts: Counter[str]
    rate: float = 0.0
    lines: int = 0
    unsettled: int = 0
    _started_s: float = field(default_factory=monotonic)

    async def take(self, messages: Sequence[Message]) -> set[str]:
        """Settles messages together; returns the receipts of those that could not be, which nothing was lost of."""
        waiting: Sequence[Message] = messages
        for attempt in range(ATTEMPTS):
            if attempt:
                await self.clock.sleep(RETRY_AFTER_S * attempt)
            waiting = await self._settle(waiting, first=not attempt)
            if not waiting:
                break
        self.unsettled += len(waiting)
        await self._keep_pace()
        return {message.receipt for message in waiting}

    async def _settle(self, messages: Sequence[Message], *, first: bool) -> Sequence[Message]:
        batch = Batch()
        for message in messages:
            await self.intake.add(batch, message)
        self.lines += batch.lines if first else 0
        try:
            return (await self.intake.settle(batch)).handed_back
        except TransientFailure as exc:
            log.warning("replay.not_settled", messages=len(messages), reason=str(exc))
            return messages

    async def _keep_pace(self) -> None:
        if self.rate:
            ahead_s = self.lines / self.rate - (monotonic() - self._started_s)
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)

    def summary(self) -> dict[str, int]:
        """Lines read, and what became of them; unsettled are messages."""
        became = {name: sum(self.counts[metric.label] for metric in metrics) for name, metrics in COUNTED.items()}
        return {"lines": self.lines, **became, "unsettled": self.unsettled}


async def open_counting(settings: Settings, clients: Clients, clock: Clock, rate: float) -> Counting:
    """Misconfigured if there is no state table."""
    with translated(f"DescribeTable {settings.state_table}"):
        await clients.dynamodb.describe_table(TableName=settings.state_table)
    counts: Counter[str] = Counter()
    metrics = EmbeddedMetrics(clock.now, CountsOf(counts))
    store = DynamoState(clients.dynamodb, settings.state_table, settings.commit_deadline_s)
    products = Products(store, settings.cached_products, settings.cached_mb * 1_000_000)
    parking = DynamoParking(
        clients.dynamodb, clients.s3, settings.state_table, settings.quarantine_bucket, settings.quarantine_days
    )
    record = RecordSales(products, parking, clock, metrics, Watermark())
    agenda = HeldAgenda(clients.dynamodb, settings.state_table, clock)
    bodies = Bodies(clients.s3, settings.payload_bucket)
    intake = Intake(bodies, record, agenda, parking, clock, metrics, settings.table_fields)
    return Counting(intake, agenda, clock, counts, rate)
