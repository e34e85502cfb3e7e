"""How do the changes of a table come into a FIFO queue?

As EventBridge Pipes brings them, which no emulator does: each record of the table's stream becomes a message, in the
order of the stream. The group is what the item itself says, so that the changes of a product stay in their order;
the record's own id keeps a message that is sent twice from arriving twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from handlers.errors import TransientFailure
from worker.aws.clients import Clients, translated
from worker.aws.dynamodb import chunks
from worker.local.progress import say
from worker.local.tills import GROUP
from worker.producer import SQS_BATCH_ENTRIES_MAX
from worker.settings import RECORDS_A_READ
from worker.sources.shards.lineage import TRIM_HORIZON, ShardKey
from worker.sources.shards.position import Position
from worker.sources.shards.records import as_json

IDLE_S = 0.1
AGAIN_AFTER_S = 1.0

Record = Mapping[str, Any]
T = TypeVar("T")


class Pipe:
    """passed counts the records that are in the queue."""

    def __init__(self, clients: Clients, shard: ShardKey, queue_url: str) -> None:
        self.passed = 0
        self._clients = clients
        self._shard = shard
        self._queue_url = queue_url

    async def run(self) -> None:
        """Brings every record there is and will be, for ever."""
        position = Position(self._clients.streams, self._shard, TRIM_HORIZON)
        while True:
            page = await _sooner_or_later(lambda: position.read(RECORDS_A_READ))
            for records in chunks(page.records, SQS_BATCH_ENTRIES_MAX):
                # One call after the other: the messages of a group must be sent in their order.
                await self._send([_entry(index, record, self._shard.stream) for index, record in enumerate(records)])
            if not page.records:
                await asyncio.sleep(IDLE_S)

    async def _send(self, entries: Sequence[dict[str, str]]) -> None:
        left = list(entries)

        async def once() -> None:
            nonlocal left
            with translated("SendMessageBatch"):
                answer = await self._clients.sqs.send_message_batch(QueueUrl=self._queue_url, Entries=left)
            failed = {said["Id"] for said in answer.get("Failed", [])}
            left = [entry for entry in left if entry["Id"] in failed]
            if left:
                raise TransientFailure(f"SendMessageBatch left {len(left)} messages")

        await _sooner_or_later(once)
        self.passed += len(entries)


def _entry(index: int, record: Record, stream_arn: str) -> dict[str, str]:
    """The message of a record, as an entry of SendMessageBatch."""
    image = record["dynamodb"].get("NewImage") or record["dynamodb"]["OldImage"]
    return {
        "Id": str(index),
        "MessageBody": as_json(record, stream_arn),
        "MessageGroupId": image[GROUP]["S"],
        "MessageDeduplicationId": record["eventID"],
    }


async def _sooner_or_later(call: Callable[[], Awaitable[T]]) -> T:
    """A pipe tries again until it succeeds: a record that is passed over would be lost."""
    while True:
        try:
            return await call()
        except TransientFailure as exc:
            say(f"the pipe will try again: {exc}")
            await asyncio.sleep(AGAIN_AFTER_S)
