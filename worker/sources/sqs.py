"""How do messages come from SQS, stay ours while we work, and go?

A message is owned from its receipt until it is acknowledged or handed back, and its visibility is renewed every third
of its timeout for just that long. Deleting is retried for the entries SQS reports as failed; one that still fails
comes again, and the ledger knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from handlers.errors import Misconfigured, TransientFailure
from worker.aws.clients import translated
from worker.aws.dynamodb import chunks, gather_bounded
from worker.retry import retrying
from worker.sources.source import Message

log = structlog.get_logger()

BATCH_MAX = 10
LONG_POLL_S = 20
RECEIVES = "ApproximateReceiveCount"
BACK_OFF_MAX_S = 300


class SqsSource:
    """pollers: receive calls at a time; in_flight_max: messages received and not yet settled."""

    name = "sqs"
    receive_max = BATCH_MAX
    steady_pollers = 1

    def __init__(
        self, client: Any, queue_url: str, visibility_timeout_s: int, pollers: int = 2, in_flight_max: int = 200
    ) -> None:
        self.pollers = pollers
        self.in_flight_max = in_flight_max
        self._client = client
        self._queue_url = queue_url
        self._visibility_timeout_s = visibility_timeout_s
        self._owned: dict[str, Message] = {}

    async def receive(self, wait_s: int = LONG_POLL_S) -> list[Message]:
        """Up to 10 messages, waiting for the first one at most wait_s."""
        with translated("ReceiveMessage"):
            answer = await self._client.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=BATCH_MAX,
                WaitTimeSeconds=wait_s,
                VisibilityTimeout=self._visibility_timeout_s,
                MessageSystemAttributeNames=[RECEIVES],
            )
        messages = [
            Message(m["MessageId"], m["ReceiptHandle"], m["Body"], int(m.get("Attributes", {}).get(RECEIVES, 1)))
            for m in answer.get("Messages", [])
        ]
        self._owned.update({message.receipt: message for message in messages})
        return messages

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """Deletes messages. One that cannot be deleted is no longer ours and comes again."""
        for message in messages:
            self._owned.pop(message.receipt, None)
        await gather_bounded(self._delete, chunks(messages, BATCH_MAX))

    async def _delete(self, messages: Sequence[Message]) -> None:
        left = {str(index): message.receipt for index, message in enumerate(messages)}

        async def once() -> None:
            entries = [{"Id": entry_id, "ReceiptHandle": receipt} for entry_id, receipt in left.items()]
            with translated("DeleteMessageBatch"):
                answer = await self._client.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)
            for done in answer.get("Successful", []):
                left.pop(done["Id"], None)
            # A receipt that is no longer valid belongs to a message somebody else has received: nothing to retry.
            for failed in answer.get("Failed", []):
                if failed.get("SenderFault"):
                    left.pop(failed["Id"], None)
            if left:
                raise TransientFailure(f"DeleteMessageBatch left {len(left)} messages")

        try:
            await retrying(once)
        except TransientFailure as exc:
            log.warning("messages.not_deleted", count=len(left), reason=str(exc))

    async def hand_back(self, messages: Sequence[Message]) -> None:
        """Makes messages that could not be settled visible again, later each time: what mends itself must not end
        as a dead letter within seconds."""
        for message in messages:
            self._owned.pop(message.receipt, None)
        await self._change_visibility([(m, min(BACK_OFF_MAX_S, 2**m.receives)) for m in messages])

    async def hand_over(self) -> None:
        """Makes all that is still owned visible at once, for another worker."""
        owned, self._owned = list(self._owned.values()), {}
        await self._change_visibility([(message, 0) for message in owned])

    async def _change_visibility(self, changes: Sequence[tuple[Message, int]]) -> None:
        for part in chunks(changes, BATCH_MAX):
            entries = [
                {"Id": str(index), "ReceiptHandle": message.receipt, "VisibilityTimeout": visible_after_s}
                for index, (message, visible_after_s) in enumerate(part)
            ]
            try:
                with translated("ChangeMessageVisibilityBatch"):
                    await self._client.change_message_visibility_batch(QueueUrl=self._queue_url, Entries=entries)
            except (TransientFailure, Misconfigured) as exc:
                # Their visibility runs out by itself; only time is lost.
                log.warning("visibility.not_changed", count=len(part), reason=str(exc))

    async def keep(self) -> None:
        """Renews the visibility of what is owned, for ever."""
        while True:
            await asyncio.sleep(self._visibility_timeout_s / 3)
            await self._change_visibility([(m, self._visibility_timeout_s) for m in self._owned.values()])
