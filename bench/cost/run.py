"""How is one run counted?

The products are written as they are before it, a warming batch is settled and decided, and what the worker reports
from there on is the run. Between two batches all is quiet, so that nothing is counted that belongs to neither."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cost.catalogue import Catalogue
from bench.cost.shapes import EVENTS_PER_DAY, Shape
from handlers.metrics import Metric
from worker.aws.agenda import DynamoAgenda
from worker.aws.clients import Clients, Endpoints, open_clients
from worker.aws.dynamodb import Item, batch_write, chunks, gather_bounded
from worker.aws.state import DynamoState
from worker.clock import SystemClock
from worker.cost.usage import Usage
from worker.local.embedded_aws import create_resources, embedded_aws
from worker.local.gateway import Gateway
from worker.local.models import Models
from worker.local.observed import Observed
from worker.local.processes import Child, ChildFailed, child, restock
from worker.producer import PackedMessage, batches, pack
from worker.settings import Settings

ENDPOINT = "cost-forecaster"
EXPLAINER = "cost-explainer"
DAY_S = 86_400
TICK_S = 0.1
STUCK_S = 120.0
TOLD_S = 2.0
WRITTEN_AT_ONCE = 1_000
CALLS_IN_FLIGHT = 4
LATER = 2**49  # ms: everything that is undecided or unpublished

Tell = Callable[[str], None]


@dataclass(slots=True)
class Counted:
    """What a run came to. seconds are those of the run without its warming batch."""

    usage: Usage
    seconds: float


@dataclass(slots=True)
class _Parts:
    clients: Clients
    settings: Settings
    queue_url: str
    worker: Child
    observed: Observed
    catalogue: Catalogue
    sent: int = 0


@asynccontextmanager
async def model_server(folder: Path) -> AsyncIterator[Gateway]:
    """A real model behind the gateway, for all runs."""
    async with Gateway({ENDPOINT: None}, models=[EXPLAINER]) as gateway:
        models = Models(gateway, ENDPOINT, folder, lambda path: path)
        try:
            await models.start()
            yield gateway
        finally:
            await models.stop()


async def count(shape: Shape, gateway: Gateway, folder: Path, tell: Tell) -> Counted:
    """One run; ChildFailed if the worker ends or nothing moves any more."""
    async with _parts(shape, gateway, folder, tell) as parts:
        listening = asyncio.create_task(_listen(parts))
        try:
            await _sell(parts, shape, 0, shape.batch_sales)
            before, started = parts.observed.usage.copy(), time.monotonic()
            for batch in range(1, shape.batches + 1):
                await _sell(parts, shape, batch * shape.batch_sales, shape.batch_sales)
                if not shape.real_time or batch % 20 == 0:
                    tell(f"{shape.name}: {batch} of {shape.batches} batches")
            await asyncio.sleep(shape.idle_s)
            seconds = time.monotonic() - started
            if shape.idle_s:
                # Nothing is said while nothing is done: the end of the worker brings what it asked meanwhile.
                await parts.worker.stop()
                await listening
            return Counted(parts.observed.usage.since(before), seconds)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _sell(parts: _Parts, shape: Shape, first: int, count_: int) -> None:
    """Sends a batch and waits until it is settled and decided; in real time, only until its successor is due."""
    due = time.monotonic() + count_ / EVENTS_PER_DAY * DAY_S
    rows = parts.catalogue.rows(first, count_, int(time.time() * 1000))
    calls = batches(pack(rows, fifo_groups=None, sales_per_message=shape.sales_per_message))
    await gather_bounded(lambda call: _send(parts, call), calls, CALLS_IN_FLIGHT)
    parts.sent += count_
    if shape.real_time:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    if not shape.real_time or first in (0, shape.sales - count_):
        await _quiet(parts)


async def _send(parts: _Parts, messages: list[PackedMessage]) -> None:
    entries = [{"Id": str(index), "MessageBody": message.body} for index, message in enumerate(messages)]
    answer = await parts.clients.sqs.send_message_batch(QueueUrl=parts.queue_url, Entries=entries)
    if answer.get("Failed"):
        raise ChildFailed(f"the queue refused messages: {answer['Failed'][0]}")


async def _quiet(parts: _Parts) -> None:
    """Until all that was sent is settled, decided and published."""
    table = parts.settings.state_table
    store = DynamoState(parts.clients.dynamodb, table, 30)
    agenda = DynamoAgenda(parts.clients.dynamodb, table, SystemClock())
    last, moved_at = (0, 0), time.monotonic()
    while True:
        seen = parts.observed[Metric.SALES_RECEIVED], parts.observed[Metric.PRODUCTS_DECIDED]
        settled = seen[0] >= parts.sent and not await agenda.due(LATER, 1) and not await store.outbox(LATER, 1)
        if settled and not parts.observed.dirty:
            await _told(parts)
            return
        if seen != last:
            last, moved_at = seen, time.monotonic()
        if not parts.worker.running or time.monotonic() - moved_at > STUCK_S:
            raise ChildFailed(f"the worker does not go on after {seen[0]:,} sales: see {parts.worker.log}")
        await asyncio.sleep(TICK_S)


async def _told(parts: _Parts) -> None:
    """Until the worker has told what it asked for, which it does when it writes its metrics, a little later."""
    calls, since = -1.0, time.monotonic()
    while time.monotonic() - since < TOLD_S:
        if sum(parts.observed.usage.calls.values()) != calls:
            calls, since = sum(parts.observed.usage.calls.values()), time.monotonic()
        await asyncio.sleep(TICK_S)


async def _listen(parts: _Parts) -> None:
    async for line in parts.worker.lines():
        parts.observed.read(line)


@asynccontextmanager
async def _parts(shape: Shape, gateway: Gateway, folder: Path, tell: Tell) -> AsyncIterator[_Parts]:
    async with AsyncExitStack() as stack:
        aws = await stack.enter_async_context(embedded_aws(folder))
        values = _settings(shape, aws, gateway.url)
        settings = Settings.model_validate(values)
        clients = await stack.enter_async_context(open_clients(settings.region, Endpoints(aws, None)))
        queue_url, _ = await create_resources(clients, settings)
        catalogue = Catalogue(shape, int(time.time() * 1000))
        written = await _write(clients.dynamodb, settings.state_table, catalogue.items())
        await _write(clients.dynamodb, settings.inventory_table, catalogue.stock())
        tell(f"{shape.name}: {written:,} items of grown products are written")
        environment = {f"RESTOCK_{name.upper()}": value for name, value in values.items()}
        worker = await stack.enter_async_context(
            child("the worker", restock("run"), environment, folder / "worker.log", listened=True)
        )
        yield _Parts(clients, settings, queue_url, worker, Observed(), catalogue)


async def _write(dynamodb: Any, table: str, items: Iterable[Item]) -> int:
    requests = [{"PutRequest": {"Item": item}} for item in items]
    for part in chunks(requests, WRITTEN_AT_ONCE):
        await batch_write(dynamodb, table, part)
    return len(requests)


def _settings(shape: Shape, aws: str, runtimes: str) -> dict[str, str]:
    """The worker's settings. Sweeps, which go by the clock, are left to the idle run."""
    messages = -(-shape.batch_sales // shape.sales_per_message)
    batched = (
        {}
        if shape.real_time
        else {
            "batch_sales": str(shape.batch_sales),
            "batch_linger_s": "2",
            "messages_in_flight": str(messages + 100),
        }
    )
    return {
        "endpoint_url": aws,
        "runtime_endpoint_url": runtimes,
        "sagemaker_endpoint": ENDPOINT,
        "bedrock_model": EXPLAINER,
        "sweep_interval_s": "3600",
        "health_port": "0",
        "meter_calls": "true",
        **batched,
        **shape.settings,
    }
