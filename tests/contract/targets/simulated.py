"""The in-memory AWS of the simulation, on the loop that runs and in calm weather.

The simulation believes what it is told by these services; here they must keep the same contracts as the emulator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from fakes.clock import NOW
from simulation.clients import direct_clients
from simulation.network import Network, Weather
from simulation.queues import Queue, Queues
from simulation.services import Bedrock, Buckets, Bus, CloudWatch, Model
from simulation.streams import Streams
from simulation.tables import Tables, Write

from targets.base import OF_AWS, Fresh, Target, World
from targets.embedded import SETTINGS
from targets.resources import stream_tables_of, tables_of
from targets.trouble import Trouble
from worker.aws.clients import Clients

SEED = "restock contract"


class RealTime:
    """What the simulated network asks of a loop, asked of the one that runs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def time(self) -> float:
        return self._loop.time()

    def note(self, text: str) -> None:
        """Nobody keeps a trace of real time."""

    def create_future(self) -> asyncio.Future[Any]:
        return self._loop.create_future()

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None):
        return self._loop.call_later(max(0.0, delay), callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None):
        return self._loop.call_at(when, callback, *args, context=context)


@dataclass(slots=True)
class SimulatedWorld(World):
    """It looks into the services, which have no calls to list or to create anything."""

    network: Any = None

    async def items(self, table: str) -> list[dict[str, Any]]:
        return list(self.network.services["dynamodb"][table].items.values())

    async def end_stream(self) -> None:
        self.network.services["dynamodbstreams"].streams[-1].disable()

    async def begin_stream(self) -> None:
        streams = self.network.services["dynamodbstreams"]
        streams._enable()
        # In calm weather a new shard is listed at once.
        for shard in streams.streams[-1].shards:
            shard.listed_at = self.network.loop.time()

    async def table_with(self, view: str | None) -> str:
        tables, name = self.network.services["dynamodb"], f"{self.settings.stream_table}-{view}"
        tables.create(name, *stream_tables_of(self.settings)[self.settings.stream_table])
        if view is not None:
            tables.described[name] = lambda: {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": view}}
        return name

    async def queue(self, *, fifo: bool = False) -> str:
        self.queues += 1
        name = f"contract-{self.queues}{'.fifo' if fifo else ''}"
        self.network.services["sqs"].add(Queue(self.network, name))
        return str((await self.straight.sqs.get_queue_url(QueueName=name))["QueueUrl"])

    async def events(self, count: int) -> list[tuple[str, str, Any]]:
        published = self.network.services["events"].published
        return [(said["Source"], said["DetailType"], json.loads(said["Detail"])) for said in published]


class Simulated(Target):
    name = "simulated"

    def why_not(self, port: str) -> str | None:
        if port == "ForecastMetrics":
            return "the simulated CloudWatch keeps nothing"
        return None if port in OF_AWS else "nothing simulated stands behind it"

    @asynccontextmanager
    async def opened(self, emulator_url: str, folder: Path) -> AsyncIterator[Fresh]:
        async def fresh(port: str) -> World:
            network = Network(RealTime(), Weather(), Random(SEED))  # type: ignore[arg-type]
            tables = Tables(network)
            for table, keys in {**tables_of(SETTINGS), **stream_tables_of(SETTINGS)}.items():
                tables.create(table, *keys)
            streams = Streams(network, SETTINGS.stream_table, 1, lambda: NOW + int(network.loop.time() * 1000))
            tables.described[SETTINGS.stream_table] = streams.specification
            tables.decided = partial(_tell, tables, streams)
            network.services = {
                "sqs": Queues(),
                "dynamodb": tables,
                "dynamodbstreams": streams,
                "events": Bus(network, SETTINGS.event_bus),
                "cloudwatch": CloudWatch(),
                "s3": Buckets(),
                "sagemaker-runtime": Model(network),
                "bedrock-runtime": Bedrock(),
            }
            clients = await _clients(network)
            trouble = Trouble()
            return SimulatedWorld(clients, SETTINGS, trouble, trouble.before(clients), network=network)

        yield fresh


def _tell(tables: Tables, streams: Streams, writes: list[Write]) -> None:
    """What is written to the table of sales is told in its stream."""
    table = tables[SETTINGS.stream_table]
    for name, key, item in writes:
        if name == table.name and streams.enabled:
            named = {attribute: {"S": value} for attribute, value in zip(table.keys, key, strict=True)}
            streams.write(named, table.items.get(key), item)


async def _clients(network: Network) -> Clients:
    # They hold nothing open, so that they outlive the block.
    async with direct_clients(network) as clients:
        return clients
