"""How do the changes of a table come from its stream, and how far are they settled?

Shards are shared out among the workers by leases; of each only the records beyond its checkpoint are read, a child
after its parent. A record that is settled moves the checkpoint when everything before it is settled too. One that
cannot be settled comes again, later each time, and is quarantined in the end: it holds its shard up for some minutes,
never for a day. That two workers read one shard for a moment costs a reading, not a count: the ledger knows each
event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any

import structlog

from handlers.errors import Misconfigured, TransientFailure
from handlers.metrics import Metric
from handlers.ports import Clock, Parking, Quarantined
from worker.settings import RECORDS_A_READ, Settings
from worker.sources.shards.discovery import Discovery
from worker.sources.shards.leases import LeaseTable
from worker.sources.shards.leasing import Leasing
from worker.sources.shards.lineage import TRIM_HORIZON
from worker.sources.shards.owned import Owned, again_after_s
from worker.sources.shards.position import Page
from worker.sources.shards.progress import Progress
from worker.sources.shards.records import as_json, created_at
from worker.sources.source import Message
from worker.telemetry import EmbeddedMetrics

log = structlog.get_logger()

WAIT_MAX_S = 1.0  # a stop waits for the receive that is open
LOOK_EVERY_S = 0.1
UNSETTLED_REASON = "could not be settled in {} attempts, while others could: see the worker's log"
AGAIN_BYTES_MAX = 16 * 1024 * 1024


class DynamoStreamSource:
    name = "stream"
    receive_max = RECORDS_A_READ

    def __init__(
        self,
        streams: Any,
        dynamodb: Any,
        parking: Parking,
        clock: Clock,
        metrics: EmbeddedMetrics,
        settings: Settings,
    ) -> None:
        self.pollers = self.steady_pollers = settings.shard_readers
        self.in_flight_max = settings.records_in_flight
        self._parking = parking
        self._clock = clock
        self._metrics = metrics
        self._settings = settings
        self._held: dict[str, tuple[Owned, str]] = {}
        self._receipts = count()
        self._busy_first = False
        self._leasing = Leasing(
            LeaseTable(dynamodb, settings.leases_table),
            Discovery(streams, settings.stream_table),
            partial(Owned.of, streams),
            self._alarm,
            settings,
            clock,
            metrics,
        )

    async def keep(self) -> None:
        """Tends the leases, for ever. Renewing them does not wait for the looking after new ones."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(self._leasing.write_progress))
            group.create_task(self._every(self._leasing.look_after))

    async def _every(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except (TransientFailure, Misconfigured) as exc:
                log.warning("shards.not_tended", table=self._settings.stream_table, reason=str(exc))
            self._metrics.flush()
            await asyncio.sleep(self._settings.checkpoint_interval_s)

    async def receive(self, wait_s: int) -> list[Message]:
        """The records of one shard, waiting for the first one at most wait_s, and at most a second."""
        loop = asyncio.get_running_loop()
        until = loop.time() + max(LOOK_EVERY_S, min(wait_s, WAIT_MAX_S))
        while True:
            owned = self._next(loop.time())
            messages = self._come_again(loop.time()) or (await self._read(owned) if owned is not None else [])
            if messages or loop.time() >= until:
                return messages
            await asyncio.sleep(0 if owned is not None else LOOK_EVERY_S)

    def _come_again(self, now_s: float) -> list[Message]:
        for owned in self._leasing.owned.values():
            due = owned.due_again(now_s, self.receive_max)
            if due:
                return [self._hold(owned, message, number) for message, number in due]
        return []

    def _next(self, now_s: float) -> Owned | None:
        """The shard whose turn it is: by turns any, and one that had something to say the last time."""
        shards = self._leasing.owned.values()
        if sum(owned.again_bytes for owned in shards) > AGAIN_BYTES_MAX:
            return None
        due = [owned for owned in shards if owned.may_be_read(self._settings.lease_s, now_s)]
        self._busy_first = not self._busy_first
        busy = [owned for owned in due if owned.busy] if self._busy_first else []
        return min(busy or due, key=lambda owned: owned.due_at, default=None)

    async def _read(self, owned: Owned) -> list[Message]:
        """What the shard has next. A failure is its own: it makes nobody wait for the other shards."""
        loop = asyncio.get_running_loop()
        owned.reading, unread = True, owned.unread_too_long(self._clock.now())
        try:
            page = await owned.position.read(self.receive_max)
        except (TransientFailure, Misconfigured) as exc:
            owned.failed(loop.time())
            log.warning("shard.not_read", shard=owned.key.shard_id, failures=owned.failures, reason=str(exc))
            return []
        finally:
            owned.reading = False
        if page.gone and self._leasing.is_listed(owned.key):
            # Whoever is listed cannot be gone: one answer is not enough to give up a shard for.
            owned.failed(loop.time())
            log.warning("shard.not_found", shard=owned.key.shard_id, failures=owned.failures)
            return []
        if unread and page.lost is None:
            page = page._replace(lost="the shard was not read for about as long as records are kept")
        return self._took(owned, page)

    def _took(self, owned: Owned, page: Page) -> list[Message]:
        now = self._clock.now()
        if page.lost is not None:
            self._alarm(owned.key.stream, owned.read_at, page.lost, owned.key.shard_id, owned.lease.checkpoint)
            if not page.at_end:
                owned.progress = Progress(TRIM_HORIZON)
        owned.took(page, self._settings.shard_idle_s, asyncio.get_running_loop().time(), now)
        self._metrics.count(Metric.STREAM_RECORDS, len(page.records))
        newest = created_at(page.records[-1]) if page.records else None
        if newest is not None:
            self._metrics.observe(Metric.STREAM_LAG, max(0, now - newest))
        return [self._message(owned, record) for record in page.records]

    def _alarm(self, stream: str, last_read: int, lost: str, shard: str = "", checkpoint: str = "") -> None:
        """What was trimmed can only be had from the table itself. last_read (ms): since when it may be missing."""
        log.error(
            "stream.trimmed",
            stream=stream,
            shard=shard,
            checkpoint=checkpoint,
            lost=lost,
            since=datetime.fromtimestamp(last_read / 1000, UTC).isoformat(timespec="seconds"),
            rebuild=f"restock rebuild --from-table {self._settings.stream_table} --missing-only",
        )
        self._metrics.count(Metric.STREAM_TRIMMED)
        self._metrics.flush()

    def _message(self, owned: Owned, record: dict[str, Any]) -> Message:
        number = record["dynamodb"]["SequenceNumber"]
        event_id = record.get("eventID") or f"{owned.key.shard_id}-{number}"
        return self._hold(owned, Message(event_id, "", as_json(record, owned.key.stream), 0, self.name), number)

    def _hold(self, owned: Owned, message: Message, number: str) -> Message:
        receipt = str(next(self._receipts))
        self._held[receipt] = owned, number
        return message._replace(receipt=receipt, receives=message.receives + 1)

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """Settles records; the next checkpoint says so."""
        for message in messages:
            if (held := self._held.pop(message.receipt, None)) is not None:
                owned, number = held
                owned.settle(number)

    async def hand_back(self, messages: Sequence[Message]) -> None:
        """Records that could not be settled come again; those that never could, while others were, are quarantined."""
        now_s = asyncio.get_running_loop().time()
        held = [(message, *self._held[message.receipt]) for message in messages if message.receipt in self._held]
        await self._bury([message for message, owned, number in held if owned.hopeless(message, number)])
        for message, owned, number in held:
            if self._held.pop(message.receipt, None) is not None:
                owned.comes_again(now_s + again_after_s(message.receives), message, number)

    async def _bury(self, messages: Sequence[Message]) -> None:
        """Quarantines records, and settles them if that was possible."""
        if not messages:
            return
        now = self._clock.now()
        records = [Quarantined(m.message_id, UNSETTLED_REASON.format(m.receives), m.body, now) for m in messages]
        try:
            await self._parking.quarantine(records)
        except (TransientFailure, Misconfigured) as exc:
            log.error("records.not_buried", records=len(messages), reason=str(exc))
            return
        log.error("records.buried", records=len(messages), first=messages[0].message_id)
        self._metrics.count(Metric.STREAM_BURIED, len(messages))
        for message in messages:
            owned, number = self._held.pop(message.receipt)
            owned.pass_over(number)

    async def hand_over(self) -> None:
        """Writes how far each shard is settled and gives up its lease; none is taken any more."""
        await self._leasing.release()
