"""An SQS in memory that keeps every promise of the real one and no other.

Standard queues deliver in any order, sometimes twice, and may forget a deletion. FIFO groups are locked while one of
their messages is in flight. A receipt is good until the message is received again. What was received too often goes
to the dead-letter queue, and an operator redrives it. The limits of the API are enforced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from simulation.network import Network, Said, ServiceError
from worker.producer import partition_of

ENTRIES_MAX = 10
VISIBILITY_MAX_S = 43_200
MISTAKEN = 0.05


@dataclass(slots=True)
class Message:
    number: int
    body: str
    group: str | None
    visible_at: float
    receives: int = 0
    receipt: str = ""
    holder: str = ""

    @property
    def message_id(self) -> str:
        return f"m{self.number}"


@dataclass(slots=True)
class _Poll:
    said: Said
    caller: str
    answer: asyncio.Future[Said]


class Queue:
    """first: the number of its first message less one; no two queues that are read give a number twice."""

    def __init__(
        self, network: Network, name: str, receives_max: int = 10**9, dead: Queue | None = None, first: int = 0
    ) -> None:
        self._network = network
        self._first = first
        self.name = name
        self.fifo = name.endswith(".fifo")
        self._receives_max = receives_max
        self._dead = dead
        self.messages: dict[int, Message] = {}
        self._receipts: dict[str, int] = {}
        self._polls: list[_Poll] = []
        self.sent = 0
        self.deliveries = 0
        self.redeliveries = 0
        self.dead_letters = 0
        self.deleting: Callable[[Message], None] = lambda message: None
        self.delivered: Callable[[str], None] = lambda holder: None

    def send(self, body: str, group: str | None = None) -> None:
        self.sent += 1
        number, now = self._first + self.sent, self._network.loop.time()
        self.messages[number] = Message(number, body, group if self.fifo else None, now)
        self._serve()

    def redrive_to(self, queue: Partitions) -> None:
        """What an operator does with dead letters once the cause is mended."""
        for message in list(self.messages.values()):
            del self.messages[message.number]
            queue.send(message.body, message.group)

    def held_by(self, holder: str) -> int:
        """Messages a process has received and that nobody else may have yet."""
        now = self._network.loop.time()
        return sum(m.holder == holder and m.visible_at > now for m in self.messages.values())

    def receive(self, said: Said, caller: str) -> Said | asyncio.Future[Said]:
        """A long poll waits on the server, also when whoever asked is dead by then."""
        found = self._take(said, caller)
        if found or not said.get("WaitTimeSeconds"):
            return {"Messages": found} if found else {}
        poll = _Poll(said, caller, self._network.loop.create_future())
        self._polls.append(poll)
        self._network.loop.call_later(said["WaitTimeSeconds"], self._end, poll)
        return poll.answer

    def _end(self, poll: _Poll) -> None:
        if not poll.answer.done():
            self._polls.remove(poll)
            poll.answer.set_result({})

    def _serve(self) -> None:
        """Gives what became visible to those who wait for it."""
        for poll in list(self._polls):
            found = self._take(poll.said, poll.caller)
            if not found:
                return
            self._polls.remove(poll)
            poll.answer.set_result({"Messages": found})

    def _take(self, said: Said, caller: str) -> list[Said]:
        limit = said["MaxNumberOfMessages"]
        if not 1 <= limit <= ENTRIES_MAX or not 0 <= said.get("WaitTimeSeconds", 0) <= 20:
            raise ServiceError("InvalidParameterValue", "out of range")
        taken = []
        for message in self._available():
            if message.receives >= self._receives_max:
                self._bury(message)
                continue
            taken.append(self._deliver(message, said["VisibilityTimeout"], caller))
            if len(taken) == limit:
                break
        return taken

    def _available(self) -> list[Message]:
        now = self._network.loop.time()
        if not self.fifo:
            visible = [m for m in self.messages.values() if m.visible_at <= now]
            return self._network.chance.sample(visible, len(visible))
        by_group: dict[str | None, list[Message]] = {}
        for message in self.messages.values():
            by_group.setdefault(message.group, []).append(message)
        free = [ms for ms in by_group.values() if all(m.visible_at <= now for m in ms)]
        self._network.chance.shuffle(free)
        return [message for messages in free for message in messages]

    def _bury(self, message: Message) -> None:
        del self.messages[message.number]
        assert self._dead is not None
        self.dead_letters += 1
        self._dead.send(message.body, message.group)

    def _deliver(self, message: Message, visible_after_s: int, caller: str) -> Said:
        message.receives += 1
        message.holder = caller
        message.receipt = f"{self.name}-{message.number}-{message.receives}"
        self._receipts[message.receipt] = message.number
        self._hide(message, visible_after_s)
        self.deliveries += 1
        self.redeliveries += message.receives > 1
        self.delivered(caller)
        if not self.fifo and self._draw() < self._network.weather.delivered_twice:
            self._hide(message, self._draw() * 3)
        return {
            "MessageId": message.message_id,
            "ReceiptHandle": message.receipt,
            "Body": message.body,
            "Attributes": {"ApproximateReceiveCount": str(message.receives)},
        }

    def _hide(self, message: Message, seconds: float) -> None:
        message.visible_at = self._network.loop.time() + seconds
        self._network.loop.call_at(message.visible_at, self._serve)

    def delete(self, said: Said, caller: str) -> Said:
        return self._each(said, self._delete)

    def _delete(self, entry: Said) -> None:
        message = self._by(entry["ReceiptHandle"])
        if message is None:
            return  # deleted before: that is a success
        current = message.receipt == entry["ReceiptHandle"]
        if self.fifo and (not current or message.visible_at <= self._network.loop.time()):
            raise ServiceError("InvalidParameterValue", "the receipt handle has expired")
        if not current:
            return  # "the request succeeds, but the message might not be deleted"
        self.deleting(message)
        if not self.fifo and self._draw() < self._network.weather.undeleted:
            self._hide(message, 5)
            return
        del self.messages[message.number]
        self._serve()

    def change_visibility(self, said: Said, caller: str) -> Said:
        return self._each(said, self._change)

    def _change(self, entry: Said) -> None:
        message, seconds = self._by(entry["ReceiptHandle"]), entry["VisibilityTimeout"]
        if not 0 <= seconds <= VISIBILITY_MAX_S:
            raise ServiceError("InvalidParameterValue", "out of range")
        expired = message is None or message.visible_at <= self._network.loop.time()
        if message is None or expired or message.receipt != entry["ReceiptHandle"]:
            raise ServiceError("MessageNotInflight")
        self._hide(message, seconds)
        self._serve()

    def _each(self, said: Said, action: Callable[[Said], None]) -> Said:
        entries = said["Entries"]
        ids = {entry["Id"] for entry in entries}
        if not 1 <= len(entries) <= ENTRIES_MAX or len(ids) < len(entries):
            raise ServiceError("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", "1 to 10 entries of distinct ids")
        answer: dict[str, list[Any]] = {"Successful": [], "Failed": []}
        for entry in entries:
            try:
                if self._draw() < self._network.weather.partial:
                    raise ServiceError("InternalError", status=500)
                action(entry)
                answer["Successful"].append({"Id": entry["Id"]})
            except ServiceError as exc:
                failed = {"Id": entry["Id"], "Code": exc.code, "SenderFault": exc.status < 500, "Message": exc.message}
                answer["Failed"].append(failed)
        return {name: rows for name, rows in answer.items() if rows}

    def _by(self, receipt: str) -> Message | None:
        return self.messages.get(self._receipts.get(receipt, 0))

    def _draw(self) -> float:
        return self._network.chance.random()


class Partitions:
    """Where the shop sends to: the queue, or a product's own partition. Now and then a producer is mistaken."""

    def __init__(self, queues: Sequence[Queue], seed: str) -> None:
        self._queues = queues
        self._chance = Random(f"restock partitions {seed}")

    def send(self, body: str, group: str | None = None) -> None:
        count = len(self._queues)
        mistaken = count > 1 and self._chance.random() < MISTAKEN
        partition = self._chance.randrange(count) if mistaken else partition_of(group or "", None, count)
        self._queues[partition].send(body, group)


class Queues:
    """The SQS API over some queues."""

    def __init__(self, *queues: Queue) -> None:
        self._queues = {queue.name: queue for queue in queues}

    def add(self, queue: Queue) -> None:
        """One more."""
        self._queues[queue.name] = queue

    def get_queue_url(self, said: Said, caller: str) -> Said:
        return {"QueueUrl": f"https://sqs.test/{self._named(said['QueueName']).name}"}

    def receive_message(self, said: Said, caller: str) -> Said | asyncio.Future[Said]:
        return self._of(said).receive(said, caller)

    def delete_message_batch(self, said: Said, caller: str) -> Said:
        return self._of(said).delete(said, caller)

    def change_message_visibility_batch(self, said: Said, caller: str) -> Said:
        return self._of(said).change_visibility(said, caller)

    def send_message_batch(self, said: Said, caller: str) -> Said:
        queue = self._of(said)
        for entry in said["Entries"]:
            queue.send(entry["MessageBody"], entry.get("MessageGroupId"))
        return {"Successful": [{"Id": entry["Id"]} for entry in said["Entries"]]}

    def _of(self, said: Said) -> Queue:
        return self._named(said["QueueUrl"].rpartition("/")[2])

    def _named(self, name: str) -> Queue:
        if name not in self._queues:
            raise ServiceError("AWS.SimpleQueueService.NonExistentQueue", f"no queue {name}")
        return self._queues[name]
