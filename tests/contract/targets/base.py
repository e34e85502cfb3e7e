"""What must a place have so that the contract suites can run on it?

A target opens its servers once, then gives every test a World: everything there, nothing in it. Ports it has nothing
for are skipped with its reason; what it is known to do wrong stands in gaps.py."""

from __future__ import annotations

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from targets.resources import create_sales_table, streaming, with_stream
from targets.trouble import Trouble
from worker.aws.clients import Clients
from worker.local.gateway import Gateway
from worker.settings import Settings
from worker.sources.shards.discovery import VIEW

T = TypeVar("T")
# Gives the world of one test of this port: what the port does not need may be absent. Where a target can, lane=False
# gives the same with every call through aiobotocore.
Fresh = Callable[..., Awaitable["World"]]

SOON_S = 10.0

# The ports of handlers/ports.py that an AWS service stands behind, the sources, and the services by themselves.
OF_DYNAMODB = frozenset(
    {
        "Agenda",
        "StateStore",
        "AccuracyBook",
        "OrderBooks",
        "InsightBook",
        "InsightLedger",
        "Parking",
        "Inventory",
        "Forecasts",
    }
    | {"DynamoDB"}
)
OF_STREAMS = frozenset({"Leases", "StreamSource", "Streams", "PartitionedSqsSource"})
OF_THE_BUS = frozenset({"EventBus", "EventBridge"})
OF_AWS = OF_DYNAMODB | OF_STREAMS | OF_THE_BUS | {"ForecastMetrics", "Forecaster", "Explainer", "SqsSource", "SQS"}
OF_THE_PROCESS = frozenset({"Clock", "Metrics"})
# Whose calls go by the lane (worker/aws/lane.py) and are run without it, too. The source that reads streams is not:
# its suites wait for half a minute, and its calls are those of Leases and Streams.
OF_THE_LANE = OF_DYNAMODB | (OF_STREAMS - {"StreamSource", "PartitionedSqsSource"}) | OF_THE_BUS | {"SqsSource", "SQS"}


@dataclass(slots=True)
class World:
    """straight reaches the services as they are; clients are what an adapter gets, and trouble decides what becomes of
    their calls. gateway, where there is one, leads the model's endpoint to an instance."""

    straight: Clients
    settings: Settings
    trouble: Trouble
    clients: Clients
    subscriber_url: str = ""
    gateway: Gateway | None = None
    prefix: str = ""
    queues: int = 0
    poll_s: int = 0

    async def items(self, table: str) -> list[dict[str, Any]]:
        """Everything in a table."""
        found, start = [], {}
        while True:
            page = await self.straight.dynamodb.scan(TableName=table, ConsistentRead=True, **start)
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    async def end_stream(self) -> None:
        """The table of sales has no stream from now on."""
        await self._change_stream(StreamEnabled=False)

    async def begin_stream(self) -> None:
        """The table of sales has a new stream."""
        await self._change_stream(StreamEnabled=True, StreamViewType=VIEW)

    async def table_with(self, view: str | None) -> str:
        """The name of another table, the stream of which carries this view; without one it has none."""
        settings = streaming(self.settings, f"-{view}")
        await create_sales_table(self.straight.dynamodb, settings, **(with_stream(view) if view else {}))
        return settings.stream_table

    async def _change_stream(self, **said: Any) -> None:
        dynamodb, table = self.straight.dynamodb, self.settings.stream_table
        await dynamodb.update_table(TableName=table, StreamSpecification=said)
        await dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})

    async def queue(self, *, fifo: bool = False) -> str:
        """The address of a new queue."""
        self.queues += 1
        name = f"{self.prefix}contract-{self.queues}{'.fifo' if fifo else ''}"
        said = {"FifoQueue": "true"} if fifo else {}
        return str((await self.straight.sqs.create_queue(QueueName=name, Attributes=said))["QueueUrl"])

    async def events(self, count: int) -> list[tuple[str, str, Any]]:
        """What a subscriber of the bus has received, once it is this many: source, type and detail of each."""
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + SOON_S
        while True:
            answer = await self.straight.sqs.receive_message(
                QueueUrl=self.subscriber_url, MaxNumberOfMessages=10, WaitTimeSeconds=self.poll_s
            )
            messages = answer.get("Messages", [])
            found += [json.loads(message["Body"]) for message in messages]
            if not messages and (len(found) >= count or time.monotonic() > deadline):
                return [(said["source"], said["detail-type"], said["detail"]) for said in found]


class Target(ABC):
    """A place to run on. name is what --target says; on_the_emulator: the embedded AWS must run beside it."""

    name: str
    on_the_emulator = False

    def refusal(self) -> str | None:
        """Why nothing can be run here now; None if it can."""
        return None

    @abstractmethod
    def why_not(self, port: str) -> str | None:
        """Why this port is not run here; None if it is."""

    @abstractmethod
    def opened(self, emulator_url: str, folder: Path) -> AbstractAsyncContextManager[Fresh]:
        """Everything that is opened once; gives what makes a World for one test."""


async def soon(read: Callable[[], Awaitable[T]], wanted: T, within_s: float = SOON_S) -> T:
    """What read() answers as soon as that is what is wanted, and otherwise in the end: an index may lag behind."""
    deadline = time.monotonic() + within_s
    while (said := await read()) != wanted and time.monotonic() < deadline:  # noqa: ASYNC110 - the service has no event
        await asyncio.sleep(0.05)
    return said
