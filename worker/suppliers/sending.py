"""How do a supplier's messages get onto the queue of sales?

As anybody's: packed, each product's to its own partition, in the order they came. Nothing is acknowledged to the
sender before the queue has taken all of it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from handlers.errors import Overloaded, TransientFailure
from worker.aws.clients import translated
from worker.producer import PackedMessage, Row, batches, pack
from worker.retry import retrying
from worker.settings import Settings
from worker.sources.partitions import queue_urls

FIFO_GROUPS = 32


class Outgoing:
    def __init__(self, sqs: Any, settings: Settings) -> None:
        self._sqs = sqs
        self._settings = settings
        self._urls: list[str] = []

    async def connect(self) -> None:
        """Finds the queue; Misconfigured or TransientFailure if it cannot be found."""
        self._urls = await queue_urls(self._sqs, self._settings)

    async def send(self, rows: Sequence[Row]) -> None:
        """Sends rows. TransientFailure if some may not have been sent: sent again, they count once."""
        if not self._urls:
            await self.connect()
        groups = FIFO_GROUPS if self._settings.queue_name.endswith(".fifo") else None
        by_partition: dict[int, list[PackedMessage]] = {}
        for message in pack(rows, fifo_groups=groups, partitions=len(self._urls)):
            by_partition.setdefault(message.partition, []).append(message)
        for partition, messages in by_partition.items():
            for batch in batches(messages):
                await self._put(self._urls[partition], batch)

    async def _put(self, url: str, messages: Sequence[PackedMessage]) -> None:
        left = {str(index): message for index, message in enumerate(messages)}

        async def once() -> None:
            with translated("SendMessageBatch"):
                entries = [_entry(name, message) for name, message in left.items()]
                answer = await self._sqs.send_message_batch(QueueUrl=url, Entries=entries)
            for sent in answer.get("Successful", []):
                left.pop(sent["Id"], None)
            if left:
                raise Overloaded("SendMessageBatch left messages unsent")

        await retrying(once)
        if left:
            raise TransientFailure("SendMessageBatch left messages unsent")


def _entry(name: str, message: PackedMessage) -> dict[str, str]:
    entry = {"Id": name, "MessageBody": message.body}
    if message.group_id is not None:
        entry |= {"MessageGroupId": message.group_id, "MessageDeduplicationId": _deduplication_id(message)}
    return entry


def _deduplication_id(message: PackedMessage) -> str:
    """The same for the same body: what a queue has taken and did not say so need not be taken again."""
    return sha256(message.body.encode()).hexdigest()
