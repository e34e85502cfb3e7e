"""How do messages come from a queue that is parted, so that each product is one worker's?

The sales of a product travel in one of N queues, its partition (worker/producer.py), and a worker receives from those
it holds a lease of. At most one receive waits at an idle partition, and none keeps another partition waiting; one that
gives all it can is asked by several. What was received is settled as ever, whoever owns its partition by then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from worker.aws.clients import translated
from worker.aws.dynamodb import gather_bounded
from worker.settings import Settings
from worker.sources.partition_leases import PartitionLeases
from worker.sources.source import Message
from worker.sources.sqs import BATCH_MAX, SqsSource
from worker.waiting import set_within

TURN_MAX_S = 1.0  # how long a receive waits for a partition: meanwhile it has taken the room that others may need
TURN_MIN_S = 0.1
HELPING_S = 1
FAILED_S = 2.0

Settle = Callable[[SqsSource, Sequence[Message]], Awaitable[None]]


@dataclass(slots=True, eq=False)
class Partition:
    """One of the queues. polls: receive calls that are open. polled_at: when the last one ended, by the loop's clock.
    full: whether it brought all that one can. due_at: not to be asked before."""

    number: int
    source: SqsSource
    polls: int = 0
    polled_at: float = 0.0
    due_at: float = 0.0
    full: bool = False


async def queue_urls(sqs: Any, settings: Settings) -> list[str]:
    """Where the queue's partitions are, in their order; Misconfigured with the name of one that is not there."""

    async def url(name: str) -> str:
        with translated(f"GetQueueUrl {name}"):
            return str((await sqs.get_queue_url(QueueName=name))["QueueUrl"])

    return await gather_bounded(url, settings.queue_names)


class PartitionedSqsSource:
    """A receipt names the partition that its message came from, for receipts are unique in a queue only."""

    name = "sqs"
    receive_max = BATCH_MAX

    def __init__(self, sqs: Any, urls: Sequence[str], leases: PartitionLeases, settings: Settings) -> None:
        self.pollers = settings.polls
        self.steady_pollers = min(len(urls), settings.polls)
        self.in_flight_max = settings.messages_in_flight
        self._pollers_each = settings.pollers
        self._partitions = [
            Partition(number, SqsSource(sqs, url, settings.visibility_timeout_s)) for number, url in enumerate(urls)
        ]
        self._leases = leases
        self._ended = asyncio.Event()

    async def keep(self) -> None:
        """Tends the leases, and keeps what was received ours, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._leases.keep())
            for partition in self._partitions:
                group.create_task(partition.source.keep())

    async def receive(self, wait_s: int) -> list[Message]:
        """Up to 10 messages of one partition, waiting for the first one at most wait_s."""
        now_s = asyncio.get_running_loop().time
        until = now_s() + max(TURN_MIN_S, min(wait_s, TURN_MAX_S))
        while (partition := self._next(now_s())) is None:
            if now_s() >= until:
                return []
            await set_within(self._ended, until - now_s())
        return await self._receive(partition, wait_s)

    def _ours(self) -> list[Partition]:
        return [partition for partition in self._partitions if self._leases.owns(partition.number)]

    def _next(self, now_s: float) -> Partition | None:
        """The partition whose turn it is: of those that nobody asks the one that waits longest, or else one that has
        more than its receivers bring."""
        due = [partition for partition in self._ours() if partition.due_at <= now_s]
        idle = [partition for partition in due if not partition.polls]
        full = [partition for partition in due if partition.full and partition.polls < self._pollers_each]
        return min(idle or full, key=lambda partition: (partition.polls, partition.polled_at), default=None)

    async def _receive(self, partition: Partition, wait_s: int) -> list[Message]:
        loop = asyncio.get_running_loop()
        wait_s = min(wait_s, HELPING_S) if partition.polls else self._patience_s(wait_s)
        partition.polls += 1
        failed = True
        try:
            messages = await partition.source.receive(wait_s)
            failed = False
        finally:
            partition.polls -= 1
            partition.polled_at = loop.time()
            partition.due_at = partition.polled_at + (FAILED_S if failed else 0.0)
            # Those who wait for a turn look again; nobody who comes later is meant.
            self._ended.set()
            self._ended.clear()
        partition.full = len(messages) == BATCH_MAX
        return [m._replace(receipt=f"{partition.number} {m.receipt}") for m in messages]

    def _patience_s(self, wait_s: int) -> int:
        """How long to wait at an idle partition: less if there are more of them than receivers, so that none waits
        long for its turn and all of them together cost what they may."""
        crowd = len(self._ours()) / self.pollers
        return max(1, int(wait_s / crowd)) if wait_s and crowd > 1 else wait_s

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """Deletes messages. One that cannot be deleted is no longer ours and comes again."""
        await self._each(SqsSource.acknowledge, messages)

    async def hand_back(self, messages: Sequence[Message]) -> None:
        """Makes messages that could not be settled visible again, later each time."""
        await self._each(SqsSource.hand_back, messages)

    async def _each(self, settle: Settle, messages: Sequence[Message]) -> None:
        """Settles the messages of each partition there."""
        parts: dict[int, list[Message]] = {}
        for message in messages:
            number, _, receipt = message.receipt.partition(" ")
            parts.setdefault(int(number), []).append(message._replace(receipt=receipt))

        async def one(number: int) -> None:
            await settle(self._partitions[number].source, parts[number])

        await gather_bounded(one, parts, len(parts))

    async def hand_over(self) -> None:
        """Makes all that is still owned visible, and gives the partitions up, for other workers, at once."""
        # Side by side: a queue that hangs keeps no partition from others.
        await asyncio.gather(
            self._leases.release(),
            gather_bounded(lambda partition: partition.source.hand_over(), self._partitions),
        )
