"""A queue in partitions, its senders, and workers that share them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from fakes.clock import FakeClock
from fakes.metrics import RecordedMetrics

from worker.sources.partition_leases import LOOK_EVERY_S, PartitionLeases
from worker.sources.partitions import PartitionedSqsSource
from worker.sources.shards.leases import LeaseTable

PARTITIONS = 8
WITHIN_S = 20.0
LEASE_S = 30.0
A_LOOK_S = LOOK_EVERY_S + 0.1


class Parted:
    """The queue: where its partitions are, and what is sent to them."""

    def __init__(self, world, urls) -> None:
        self.world, self.urls = world, urls

    async def send(self, partition, *bodies):
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        await self.world.straight.sqs.send_message_batch(QueueUrl=self.urls[partition], Entries=entries)

    async def owners(self) -> Counter:
        """How many partitions each worker holds, by what the table says; nobody's are those of ""."""
        items = await self.world.items(self.world.settings.leases_table)
        return Counter(item["owner"]["S"] for item in items)

    async def owner(self, partition) -> str:
        items = await self.world.items(self.world.settings.leases_table)
        [said] = [item["owner"]["S"] for item in items if item["sk"] == {"S": str(partition)}]
        return said


class Worker:
    """A source, driven step by step as the worker drives it."""

    def __init__(self, parted: Parted, **changed) -> None:
        world, said = parted.world, {"queue_partitions": len(parted.urls), "lease_s": LEASE_S, **changed}
        self.metrics = RecordedMetrics()
        self.settings = world.settings.model_copy(update=said)
        table = LeaseTable(world.clients.dynamodb, world.settings.leases_table)
        self.leases = PartitionLeases(table, self.settings, FakeClock(), self.metrics)
        self.source = PartitionedSqsSource(world.clients.sqs, parted.urls, self.leases, self.settings)

    @property
    def ours(self) -> set[int]:
        """The partitions that it believes to own."""
        return {partition for partition in range(self.settings.queue_partitions) if self.leases.owns(partition)}

    async def tend(self):
        """One round of what keep() does for ever."""
        await self.leases.renew()
        await self.leases.look()

    async def owning_all(self):
        """This worker, once it has taken every partition."""
        for _ in range(2):
            await self.tend()
        assert self.ours == set(range(self.settings.queue_partitions))
        return self

    async def received(self, count):
        """This many messages."""
        messages, deadline = [], time.monotonic() + WITHIN_S
        while len(messages) < count:
            assert time.monotonic() < deadline, bodies(messages)
            messages += await self.source.receive(0)
        assert len(messages) == count
        return messages

    async def nothing(self):
        """Whether there is nothing for it in any partition that it owns."""
        return not any([await self.source.receive(0) for _ in range(self.settings.queue_partitions + 1)])


async def balanced(*workers, rounds=12):
    """Rounds of looking, as they follow each other."""
    for _ in range(rounds):
        for worker in workers:
            await worker.tend()
    owned = [worker.ours for worker in workers]
    assert sum(map(len, owned)) == len(set().union(*owned)), "a partition is owned twice"
    return sorted(map(len, owned))


async def settled_down(*tasks):
    """Ends what still runs."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def bodies(messages):
    return sorted(message.body for message in messages)
