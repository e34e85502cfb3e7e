"""How does a micro-batch of messages become durable and go?

decode → quarantine what is no event → note the products → fold and commit → write the counts → acknowledge.
A message is acknowledged only when each of its lines is counted or kept aside; any other is handed back whole, and its
counted lines will be recognised when it comes again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

import structlog

from domain.events import ProductKey, SaleCorrected, SaleRecorded
from domain.product import Outcome
from domain.sales import EventBatch, SaleColumns
from handlers.errors import InvalidEvent, Misconfigured, TransientFailure
from handlers.metrics import Metric
from handlers.ports import Agenda, Clock, Parking, Quarantined
from handlers.record_sales import RecordSales
from worker.decode import OUR_NAMES, Read, Rejected, as_text, decode, read, read_singles
from worker.sources.bodies import Bodies
from worker.sources.source import Message
from worker.telemetry import EmbeddedMetrics

log = structlog.get_logger()

SALE_METRICS = {
    Outcome.APPLIED: Metric.SALES_APPLIED,
    Outcome.DUPLICATE: Metric.SALES_DUPLICATE,
    Outcome.LATE: Metric.SALES_LATE,
    Outcome.CONFLICT: Metric.SALES_QUARANTINED,
    Outcome.EXCESSIVE: Metric.SALES_QUARANTINED,
}


@dataclass(slots=True)
class Batch:
    """Messages that are settled together. read_at: when they were read (ms). bodies: what they turned out to say; said:
    what was read in each, None for one of a single line that is read with the others. events of all of them, owners
    the positions of the messages that they came in, and places which events of those they are. unreadable: the
    positions of messages whose body could not be had."""

    messages: list[Message] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    said: list[Read | None] = field(default_factory=list)
    read_at: int = 0
    lines: int = 0
    events: EventBatch = field(default_factory=EventBatch)
    owners: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    rejected: list[tuple[int, Rejected]] = field(default_factory=list)
    unreadable: set[int] = field(default_factory=set)

    def add(self, message: Message, body: str, said: Read | None) -> None:
        self.messages.append(message)
        self.bodies.append(body)
        self.said.append(said)
        self.lines += 1 if said is None else len(said[0]) + len(said[1])


@dataclass(frozen=True, slots=True)
class Settled:
    """What may be deleted, what must be handed back, and which products now wait for a decision."""

    done: list[Message]
    handed_back: list[Message]
    dirty: set[ProductKey]


class Intake:
    def __init__(
        self,
        bodies: Bodies,
        record: RecordSales,
        agenda: Agenda,
        parking: Parking,
        clock: Clock,
        metrics: EmbeddedMetrics,
        table_fields: Mapping[str, str] = OUR_NAMES,
    ) -> None:
        self._bodies = bodies
        self._record = record
        self._agenda = agenda
        self._parking = parking
        self._clock = clock
        self._metrics = metrics
        self._table_fields = table_fields

    async def add(self, batch: Batch, message: Message) -> None:
        """Takes a message into the batch. One that changes nothing has no lines, and is settled with the others."""
        started = perf_counter()
        try:
            body = await self._bodies.of(message.body)
        except InvalidEvent as exc:
            refused = Rejected(exc.reason, message.message_id, message.body)
            batch.add(message, message.body, ((), (refused,)))
            return
        except (TransientFailure, Misconfigured) as exc:
            log.warning("body.not_read", message_id=message.message_id, reason=str(exc))
            batch.unreadable.add(len(batch.messages))
            batch.add(message, message.body, ((), ()))
            return
        if body[:1] == "{" and body.count("{") == 1:  # one line, and no order of many
            batch.add(message, body, None)
            return
        # One time for all of a batch: should a line be read again, it must be found as it was.
        batch.read_at = batch.read_at or self._clock.now()
        batch.add(message, body, read(body, message.message_id, batch.read_at, self._table_fields))
        self._metrics.observe(Metric.DECODE_TIME, (perf_counter() - started) * 1000)

    async def settle(self, batch: Batch) -> Settled:
        """Makes everything in the batch durable, and what is to be decided for it, and its counts written."""
        started = perf_counter()
        self._read(batch)
        unsettled = set(batch.unreadable)
        parked = await self._quarantine(batch, unsettled)
        products = {*batch.events.products}
        entries = await self._agenda.add(products)
        to_decide = products  # of what fails, some may be durable all the same
        try:
            outcomes, dirty = await self._record(batch.events, partial(self._line_of, batch))
            told = zip(batch.events.products, outcomes, strict=True)
            failed = {product for product, outcome in told if outcome is None}
            to_decide = dirty | failed
        finally:
            await self._agenda.committed(entries, to_decide)
        self._count(batch.events, outcomes)
        if None in outcomes:
            unsettled.update(batch.owners[row] for row, outcome in enumerate(outcomes) if outcome is None)
        self._measure(batch, parked, (perf_counter() - started) * 1000)
        done = [m for position, m in enumerate(batch.messages) if position not in unsettled]
        self._metrics.count(Metric.MESSAGES, len(done))
        self._metrics.flush()
        return Settled(done, [batch.messages[position] for position in sorted(unsettled)], dirty)

    def _read(self, batch: Batch) -> None:
        """Reads what is not read yet, and puts the lines of all messages together."""
        started = perf_counter()
        batch.read_at = batch.read_at or self._clock.now()
        singles = [position for position, said in enumerate(batch.said) if said is None]
        bodies = [batch.bodies[position] for position in singles]
        ids = [batch.messages[position].message_id for position in singles]
        sales, rows, odd = read_singles(bodies, ids, batch.read_at, self._table_fields)
        for row, found in odd.items():
            batch.said[singles[row]] = found
        batch.owners, batch.places = [singles[row] for row in rows], [0] * len(rows)
        lines = [(position, *line) for position, said in enumerate(batch.said) if said for line in enumerate(said[0])]
        # Sales go before what is none; for what they come to, their order is all the same.
        for are_sales in (True, False):
            some = [line for line in lines if (type(line[2]) is SaleRecorded) is are_sales]
            batch.owners += [position for position, _, _ in some]
            batch.places += [place for _, place, _ in some]
        packed = [event for _, _, event in lines if type(event) is SaleRecorded]
        others = [event for _, _, event in lines if type(event) is not SaleRecorded]
        batch.events = EventBatch(sales.with_more(SaleColumns.of(packed)), others)
        for position, said in enumerate(batch.said):
            batch.rejected += [(position, line) for line in said[1]] if said else ()
        if singles:
            self._metrics.observe(Metric.DECODE_TIME, (perf_counter() - started) * 1000)

    def _line_of(self, batch: Batch, row: int) -> tuple[str, str]:
        """The id and text of the line that an event of the batch was read from. It is read again for that."""
        position, place = batch.owners[row], batch.places[row]
        message = batch.messages[position]
        events, _ = decode(batch.bodies[position], message.message_id, batch.read_at, self._table_fields)
        return events[place].line_id, as_text(events[place].line)

    def _count(self, events: EventBatch, outcomes: Sequence[Outcome | None]) -> None:
        kinds = [*[SaleRecorded] * events.plain, *map(type, events.others)]
        for (kind, outcome), count in Counter(zip(kinds, outcomes, strict=True)).items():
            if outcome is None:
                continue
            if kind is SaleRecorded:
                self._metrics.count(Metric.SALES_RECEIVED, count)
                self._metrics.count(SALE_METRICS[outcome], count)
            elif outcome is Outcome.APPLIED:
                self._metrics.count(Metric.OTHER_APPLIED, count)
            elif outcome is Outcome.UNMATCHED:
                self._metrics.count(Metric.ORDER_MESSAGES_UNMATCHED, count)

    async def _quarantine(self, batch: Batch, unsettled: set[int]) -> int:
        if not batch.rejected:
            return 0
        now = self._clock.now()
        records = [Quarantined(r.line_id, r.reason, as_text(r.line), now) for _, r in batch.rejected]
        try:
            await self._parking.quarantine(records)
        except (TransientFailure, Misconfigured) as exc:
            log.error("quarantine.failed", lines=len(records), reason=str(exc))
            unsettled.update(position for position, _ in batch.rejected)
            return 0
        for record in records[:3]:
            log.info("line.quarantined", line_id=record.record_id, reason=record.reason[:200])
        return len(records)

    def _measure(self, batch: Batch, parked: int, took_ms: float) -> None:
        self._metrics.count(Metric.SALES_RECEIVED, parked)
        self._metrics.count(Metric.SALES_QUARANTINED, parked)
        self._metrics.observe(Metric.COMMIT_TIME, took_ms)
        self._metrics.observe(Metric.BATCH_SALES, len(batch.events))
        # A correction bears the time of its sale, however long ago that was.
        others = [event.occurred_at for event in batch.events.others if type(event) is not SaleCorrected]
        newest = max([*others, *batch.events.sales.occurred_at.tolist()], default=None)
        if newest is not None:
            self._metrics.observe(Metric.EVENT_LAG, self._clock.now() - newest)
