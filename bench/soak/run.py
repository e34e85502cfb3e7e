"""How do a million sales go through one worker, and was each counted exactly once?

The worker is a process of its own, with its settings in the environment; it reads a queue and writes tables of the
embedded AWS. A shop sends no further ahead than the worker follows, takes orders from the bus and delivers them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from bench.soak.memory import EVERY_S, Sample, watch
from bench.soak.sales import Stream
from bench.soak.shared_time import SharedTime
from bench.soak.worker_process import CALENDAR, LEAK
from domain.events import MS_PER_DAY
from handlers.metrics import Metric
from worker.aws.agenda import DynamoAgenda
from worker.aws.clients import Clients, Endpoints, open_clients
from worker.aws.state import DynamoState
from worker.clock import SystemClock
from worker.local.embedded_aws import create_resources, embedded_aws
from worker.local.gateway import Gateway
from worker.local.models import Models
from worker.local.observed import Observed
from worker.local.processes import Child, ChildFailed, child
from worker.local.progress import Display
from worker.local.report import read_states
from worker.local.shop import Shop
from worker.local.subscriber import Subscriber
from worker.settings import Settings

ROOT = Path(__file__).parents[2]
FIRST_DAY = 20_454  # 2026-01-01
AHEAD_MAX = 20_000
AHEAD_DAYS_MAX = 25  # A queue may deliver in any order: no sale must become late because a newer one overtook it.
TICK_S = 0.05
STUCK_S = 120.0
WORKER_STOP_S = 90.0
ENDPOINT = "soak-forecaster"
EXPLAINER = "soak-explainer"


@dataclass(frozen=True, slots=True)
class Options:
    """What is sent, and how. settings are the worker's, beside those every run needs."""

    events: int = 1_000_000
    products: int = 2_000
    cached_products: int = 600
    days: int = 365
    leak: str = ""
    model: bool = True
    sample_every_s: float = EVERY_S
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Soaked:
    """What a run has shown. wrong are the products whose counts are not what was sent."""

    options: Options
    stream: Stream
    settings: Settings
    observed: Observed = field(default_factory=Observed)
    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0
    orders: int = 0
    deliveries: int = 0
    counted: int = 0
    wrong: int = 0
    exit_code: int | None = None


@dataclass(slots=True)
class _Parts:
    """The parts of a run under way."""

    clients: Clients
    shop: Shop
    subscriber: Subscriber
    calendar: SharedTime
    worker: Child
    soaked: Soaked
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def settled(self) -> int:
        return self.soaked.observed[Metric.SALES_RECEIVED]

    def counted(self) -> int:
        return self.soaked.observed[Metric.SALES_APPLIED]

    def check(self) -> None:
        """ChildFailed if the worker has ended, or what one of our own tasks ended with."""
        for task in self.tasks:
            if task.done():
                task.result()
        if not self.worker.running:
            raise ChildFailed(f"the worker ended with code {self.worker.process.returncode}: see {self.worker.log}")


async def soak(options: Options, folder: Path, display: Display) -> Soaked:
    """Sends everything, waits until it is counted and stops the worker in order. ChildFailed if a part ends."""
    stream = Stream(options.events, options.products, options.days, FIRST_DAY * MS_PER_DAY)
    async with _parts(options, stream, folder) as parts:
        started, pid = time.monotonic(), parts.worker.process.pid
        listening = asyncio.create_task(_listen(parts))
        parts.tasks = [
            listening,
            asyncio.create_task(parts.subscriber.listen()),
            asyncio.create_task(watch(pid, parts.counted, parts.soaked.samples, options.sample_every_s)),
        ]
        try:
            with display.shown():
                await _send(parts, stream, display)
                await _until_done(parts, display)
            parts.soaked.seconds = time.monotonic() - started
            parts.soaked.exit_code = await parts.worker.stop(WORKER_STOP_S)
            await listening
        finally:
            for task in parts.tasks:
                task.cancel()
            await asyncio.gather(*parts.tasks, return_exceptions=True)
        await _compare(parts, stream)
        return parts.soaked


async def _send(parts: _Parts, stream: Stream, display: Display) -> None:
    ahead_max = min(AHEAD_MAX, stream.sales_in(AHEAD_DAYS_MAX))
    for chunk in stream.chunks():
        parts.calendar.set(chunk.now)
        await parts.shop.sell(chunk.rows, chunk.sales)
        parts.check()
        while parts.shop.sent - parts.settled > ahead_max:
            _show(parts, display)
            parts.check()
            await asyncio.sleep(TICK_S)
        _show(parts, display)


async def _until_done(parts: _Parts, display: Display) -> None:
    """Until all is settled, decided and published; ChildFailed if nothing moves any more."""
    last, moved_at = (0, 0), time.monotonic()
    while not await _quiet(parts):
        _show(parts, display)
        parts.check()
        seen = parts.settled, parts.soaked.observed[Metric.PRODUCTS_DECIDED]
        if seen != last:
            last, moved_at = seen, time.monotonic()
        if time.monotonic() - moved_at > STUCK_S:
            raise ChildFailed(f"{parts.shop.sent - parts.settled:,} lines were never settled: see {parts.worker.log}")
        await asyncio.sleep(0.5)


async def _quiet(parts: _Parts) -> bool:
    if parts.settled < parts.shop.sent:
        return False
    table, later = parts.soaked.settings.state_table, 2**49
    store = DynamoState(parts.clients.dynamodb, table, 30)
    agenda = DynamoAgenda(parts.clients.dynamodb, table, SystemClock())
    return not await store.outbox(later, 1) and not await agenda.due(later, 1)


def _show(parts: _Parts, display: Display) -> None:
    samples = parts.soaked.samples
    rss = f"{samples[-1].rss_mb:.0f} MB" if samples else ""
    waiting, orders = max(0, parts.shop.sent - parts.settled), len(parts.subscriber.order_ids)
    display.update(rss, parts.counted(), waiting, 0, orders)


async def _listen(parts: _Parts) -> None:
    async for line in parts.worker.lines():
        parts.soaked.observed.read(line)


async def _compare(parts: _Parts, stream: Stream) -> None:
    """Every product's sales and units in the table against what was sent."""
    soaked, expected = parts.soaked, stream.expected
    states = await read_states(parts.clients.dynamodb, soaked.settings.state_table)
    found = {state.key: (state.sales, state.units) for state in states}
    soaked.counted = sum(sales for sales, _ in found.values())
    soaked.wrong = sum(found.get(key) != expected.get(key) for key in found.keys() | expected.keys())
    soaked.orders = len(parts.subscriber.order_ids)
    soaked.deliveries = soaked.observed[Metric.OTHER_APPLIED]


@asynccontextmanager
async def _parts(options: Options, stream: Stream, folder: Path) -> AsyncIterator[_Parts]:
    """Starts everything in the order the parts need each other, and stops it the other way round."""
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(Gateway({ENDPOINT: None}, models=[EXPLAINER]))
        if options.model:
            models = Models(gateway, ENDPOINT, folder, lambda path: path)
            stack.push_async_callback(models.stop)
            await models.start()
        aws = await stack.enter_async_context(embedded_aws(folder))
        values = _settings(options, aws, gateway.url)
        settings = Settings.model_validate(values)
        clients = await stack.enter_async_context(open_clients(settings.region, Endpoints(aws, None)))
        queue_url, subscriber_url = await create_resources(clients, settings)
        shop = Shop(clients, settings, queue_url, stream.opening(), 0.0, Random(1))
        calendar = SharedTime(folder / "calendar", create=True)
        calendar.set(stream.start)
        environment = {f"RESTOCK_{name.upper()}": value for name, value in values.items()}
        environment |= {CALENDAR: str(folder / "calendar"), LEAK: options.leak, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "bench.soak.worker_process"]
        worker = await stack.enter_async_context(
            child("the worker", command, environment, folder / "worker.log", listened=True)
        )
        subscriber = Subscriber(clients.sqs, subscriber_url, shop)
        yield _Parts(clients, shop, subscriber, calendar, worker, Soaked(options, stream, settings))


def _settings(options: Options, aws: str, runtimes: str) -> dict[str, Any]:
    return {
        "endpoint_url": aws,
        "runtime_endpoint_url": runtimes,
        "sagemaker_endpoint": ENDPOINT,
        "bedrock_model": EXPLAINER,
        "insights_per_hour": "1",
        "order_cycle_days": "28",
        "cached_products": str(options.cached_products),
        "long_poll_s": "1",
        # In the run's own calendar, of which days pass in a second.
        "sweep_age_s": str(10 * MS_PER_DAY // 1000),
        "health_port": "0",
        **options.settings,
    }
