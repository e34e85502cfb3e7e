"""What became a dead letter, and how does one leave its queue?

The queues of dead letters are those that the sales queues themselves name. A message is ours from its receipt, hidden
for HELD_S; it is deleted when it is settled, and otherwise let go, and nobody has lost it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from handlers.errors import Misconfigured, TransientFailure
from worker.aws.clients import translated
from worker.aws.dynamodb import chunks
from worker.retry import retrying
from worker.sources.source import Message

BATCH_MAX = 10
HELD_S = 600
SENT = "SentTimestamp"


class DeadLetter(NamedTuple):
    """A message, and when it was sent (ms); SQS sets that anew when it moves the message of a FIFO queue."""

    message: Message
    sent_at: int


async def dead_letter_queues(sqs: Any, queue_names: Sequence[str]) -> list[str]:
    """The addresses of the queues that the dead letters of these queues go to, each once. Misconfigured if a queue is
    not there."""
    urls: dict[str, None] = {}
    for name in queue_names:
        with translated(f"GetQueueUrl {name}"):
            url = (await sqs.get_queue_url(QueueName=name))["QueueUrl"]
        said = await attributes_of(sqs, url, "RedrivePolicy")
        if "RedrivePolicy" in said:
            dead = json.loads(said["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")[2]
            with translated(f"GetQueueUrl {dead}"):
                urls[(await sqs.get_queue_url(QueueName=dead))["QueueUrl"]] = None
    return list(urls)


async def attributes_of(sqs: Any, url: str, *names: str) -> dict[str, str]:
    with translated("GetQueueAttributes"):
        answer = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names) or ["All"])
    said: dict[str, str] = answer.get("Attributes", {})
    return said


class DeadLetters:
    """One queue of dead letters."""

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs = sqs
        self.url = queue_url
        self._held: dict[str, Message] = {}

    async def about(self) -> int:
        """About how many there are, as SQS counts: those that somebody holds are not among them."""
        said = await attributes_of(self._sqs, self.url, "ApproximateNumberOfMessages")
        return int(said["ApproximateNumberOfMessages"])

    async def receive(self) -> list[DeadLetter]:
        """Up to 10, which are ours now; none if no more are to be had."""

        async def once() -> Any:
            with translated("ReceiveMessage"):
                return await self._sqs.receive_message(
                    QueueUrl=self.url,
                    MaxNumberOfMessages=BATCH_MAX,
                    WaitTimeSeconds=1,  # without waiting, SQS asks a few of its servers only
                    VisibilityTimeout=HELD_S,
                    MessageSystemAttributeNames=[SENT],
                )

        answer = await retrying(once)
        letters = [
            DeadLetter(Message(m["MessageId"], m["ReceiptHandle"], m["Body"], source="dlq"), _sent(m))
            for m in answer.get("Messages", [])
        ]
        self._held.update({letter.message.receipt: letter.message for letter in letters})
        return letters

    async def delete(self, messages: Sequence[Message]) -> None:
        """One that cannot be deleted is received again, and counted once all the same."""
        for part in chunks(messages, BATCH_MAX):
            left = {str(index): message.receipt for index, message in enumerate(part)}

            async def once(left: dict[str, str] = left) -> None:
                entries = [{"Id": entry_id, "ReceiptHandle": receipt} for entry_id, receipt in left.items()]
                with translated("DeleteMessageBatch"):
                    answer = await self._sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
                for done in (*answer.get("Successful", []), *answer.get("Failed", [])):
                    if not done.get("Code") or done.get("SenderFault"):
                        left.pop(done["Id"], None)
                if left:
                    raise TransientFailure(f"DeleteMessageBatch left {len(left)} messages")

            await retrying(once)
            for message in part:
                self._held.pop(message.receipt, None)

    async def let_go(self) -> None:
        """What is still ours may be received by others at once."""
        held, self._held = list(self._held.values()), {}
        for part in chunks(held, BATCH_MAX):
            entries = [
                {"Id": str(index), "ReceiptHandle": message.receipt, "VisibilityTimeout": 0}
                for index, message in enumerate(part)
            ]
            try:
                with translated("ChangeMessageVisibilityBatch"):
                    await self._sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)
            except (TransientFailure, Misconfigured):
                return  # they come back by themselves when HELD_S is over


def _sent(message: dict[str, Any]) -> int:
    return int(message.get("Attributes", {}).get(SENT, 0))
