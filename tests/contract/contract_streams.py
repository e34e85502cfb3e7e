"""A shop that writes sales into its table, and workers that read the table's stream."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import NamedTuple

from fakes.clock import FakeClock
from fakes.metrics import RecordedMetrics
from fakes.parking import InMemoryParking

from worker.sources.dynamodb_streams import DynamoStreamSource
from worker.sources.shards.leases import LOOK
from worker.sources.shards.lineage import SHARD_END

WITHIN_S = 30.0
LEASE_S = 30.0
A_LOOK_S = LEASE_S / 3 + 0.5


class Held(NamedTuple):
    """A lease as it stands in the table."""

    stream: str
    shard_id: str
    owner: str
    checkpoint: str


class Till:
    """The shop: an item a sale, under its name."""

    def __init__(self, world) -> None:
        self.world = world
        self.dynamodb, self.table = world.straight.dynamodb, world.settings.stream_table

    async def sell(self, *names, **said):
        for name in names:
            item = {"product_id": {"S": name}, "sale_date": {"S": "2024-10-01"}, "quantity": {"N": "1"}, **said}
            await self.dynamodb.put_item(TableName=self.table, Item=item)

    async def cancel(self, name):
        key = {"product_id": {"S": name}, "sale_date": {"S": "2024-10-01"}}
        await self.dynamodb.batch_write_item(RequestItems={self.table: [{"DeleteRequest": {"Key": key}}]})

    async def leases(self) -> list[Held]:
        items = [item for item in await self.world.items(self.world.settings.leases_table) if item["sk"]["S"] != LOOK]
        return sorted(Held(*(item[name]["S"] for name in ("pk", "sk", "owner", "checkpoint"))) for item in items)

    async def lease(self) -> Held:
        """That of the only shard."""
        [said] = await self.leases()
        return said

    async def checkpoint(self) -> str:
        return (await self.lease()).checkpoint

    async def renew_stream(self):
        """Gives the table another stream; the one it had is closed."""
        await self.world.end_stream()
        await self.world.begin_stream()


class Worker:
    """A source, driven step by step as the worker drives it."""

    def __init__(self, world, **changed) -> None:
        self.till, self.clock = Till(world), FakeClock()
        self.metrics, self.parking = RecordedMetrics(), InMemoryParking()
        self.settings = world.settings.model_copy(update=changed)
        clients = world.clients
        self.source = DynamoStreamSource(
            clients.streams, clients.dynamodb, self.parking, self.clock, self.metrics, self.settings
        )

    async def tend(self):
        """One round of what keep() does for ever."""
        await self.source._leasing.write_progress()
        await self.source._leasing.look_after()

    @asynccontextmanager
    async def kept(self):
        """keep() runs for as long as the block; then it dies, and nothing is handed over."""
        keeping = asyncio.create_task(self.source.keep())
        try:
            yield
            assert not keeping.done()
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def received(self, count):
        """This many records, in the order in which they came."""
        found, deadline = [], time.monotonic() + WITHIN_S
        while len(found) < count:
            assert time.monotonic() < deadline, names(found)
            await self.tend()
            found += await self.source.receive(1)
        assert len(found) == count, names(found)
        return found

    async def nothing(self):
        """Whether there is nothing for it, although it looks for it."""
        await self.tend()
        return await self.source.receive(0) == []

    async def ended(self, count):
        """Reads until so many shards are at their end, and brings nothing more."""
        deadline = time.monotonic() + WITHIN_S
        while sum(lease.checkpoint == SHARD_END for lease in await self.till.leases()) < count:
            assert time.monotonic() < deadline
            assert await self.source.receive(1) == []
            await self.tend()

    async def settled(self, messages):
        """Acknowledges, and writes down that it has."""
        await self.source.acknowledge(messages)
        await self.tend()


def said_of(message):
    return json.loads(message.body)


def number(message):
    return said_of(message)["dynamodb"]["SequenceNumber"]


def names(messages):
    """What was sold, in this order."""
    return [said_of(message)["dynamodb"]["Keys"]["product_id"]["S"] for message in messages]
