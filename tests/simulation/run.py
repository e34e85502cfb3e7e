"""Does everything hold for this scenario?

One run: a shop, its AWS, a fleet; load under faults; then everything heals and must come to rest: queues empty,
outbox empty, nothing undecided, every sale counted once, every order published."""

from __future__ import annotations

import asyncio
import gc
import io
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, redirect_stdout
from functools import partial
from random import Random
from typing import Any

import structlog

from simulation.checkpoints import Checkpoints
from simulation.checks import STATE, Judge
from simulation.clients import direct_clients
from simulation.figures import Figures
from simulation.fleet import Fleet
from simulation.loop import PROCESS, SimulatedLoop
from simulation.network import Network, Said
from simulation.queues import Partitions, Queue, Queues
from simulation.scenario import Scenario
from simulation.services import Bedrock, Buckets, Bus, CloudWatch, Model
from simulation.shop import EventKey, Shop
from simulation.streams import Streams
from simulation.tables import Tables, Write
from worker.aws.clients import Clients

HEALED_WITHIN_S = 3_600.0
LOOK_EVERY_S = 5.0
QUIET_LOOKS = 3
REDRIVE_EVERY_S = 60.0

Opener = Callable[[Network], AbstractAsyncContextManager[Clients]]
Told = Callable[[str], None]


class World:
    """Everything around the workers, put together for one scenario."""

    def __init__(self, scenario: Scenario, opened: Opener) -> None:
        self.scenario = scenario
        self.loop = SimulatedLoop()
        self.network = Network(self.loop, scenario.weather, Random(f"restock network {scenario.seed}"))
        self.tables = Tables(self.network)
        settings = scenario.settings
        self.state = self.tables.create(STATE, "pk", "sk")
        self.tables.create(settings.inventory_table, "product_id", "location_id")
        self.tables.create(settings.forecasts_table, "product_id", "forecast_date")
        self.leases = self.tables.create(settings.leases_table, "pk", "sk")
        self.dead = Queue(self.network, f"dead-{settings.queue_name}")
        self.queues = [
            Queue(self.network, name, scenario.receives_max, self.dead, number * 1_000_000)
            for number, name in enumerate(settings.queue_names)
        ]
        self.queue = Partitions(self.queues, scenario.seed)
        self.bus = Bus(self.network, settings.event_bus)
        buckets = Buckets()
        self.network.services = {
            "sqs": Queues(*self.queues, self.dead),
            "dynamodb": self.tables,
            "events": self.bus,
            "cloudwatch": CloudWatch(),
            "s3": buckets,
            "sagemaker-runtime": Model(self.network),
            "bedrock-runtime": Bedrock(),
        }
        self.streams = self._streams() if scenario.streamed else None
        self.shop = Shop(scenario, self.network, self.tables, self.queue, buckets, self.streams)
        self.judge = Judge(self.shop, self.state, self.queues, settings.messages_in_flight)
        self.checkpoints = self._checkpoints(self.streams) if self.streams is not None else None
        self.partitions = Counter(parted=len(self.queues) > 1)
        self.fleet = Fleet(scenario, self.loop, self.shop.now, partial(opened, self.network))
        self.tables.decided = self._decided
        for queue in self.queues:
            queue.deleting = self.judge.deleting
            queue.delivered = self.judge.delivered if scenario.weather.calm else lambda holder: None
        self.bus.subscriber = self._published

    def _streams(self) -> Streams:
        settings = self.scenario.settings
        self.tables.create(settings.stream_table, "product_id", "sale_date")
        streams = Streams(self.network, settings.stream_table, self.scenario.shards, lambda: self.shop.now())
        self.network.services["dynamodbstreams"] = streams
        self.tables.described[settings.stream_table] = streams.specification
        for at, kind in self.scenario.shard_events:
            self.loop.call_at(at, streams.happen, kind)
        for at, _ in self.scenario.leaps:
            self.loop.call_at(at + 1, lambda: self.tables.expire(settings.leases_table, self.shop.now()))
        return streams

    def _checkpoints(self, streams: Streams) -> Checkpoints:
        checkpoints = Checkpoints(streams, self.leases, self.judge.settled, self.shop.now)
        streams.giving = checkpoints.giving
        return checkpoints

    def _decided(self, writes: list[Write]) -> None:
        self.judge.decided(writes)
        if self.checkpoints is not None:
            self.checkpoints.decided(writes)
        for table, key, item in writes:
            if table == self.leases.name and key[0].startswith("Q#") and item is not None:
                before, owner = self.leases.items.get(key, item)["owner"]["S"], item["owner"]["S"]
                self.partitions["partitions_taken"] += owner not in ("", before)
                self.partitions["partitions_stolen"] += bool(before) and owner not in ("", before)

    def _published(self, entry: Said) -> None:
        self.judge.publishing(entry)
        self.shop.supply(entry)

    async def live(self) -> None:
        """The whole story."""
        accident = self.scenario.accident
        self.shop.open()
        self.fleet.start()
        if accident is not None and accident.kind not in ("kill", "stop"):
            self.network.planned[accident.at] = accident.kind
        await asyncio.sleep(self.scenario.load_s)
        self.network.weather.heal()
        self.fleet.heal()
        await self._come_to_rest()
        self.fleet.tell_all()
        await self.fleet.gone()
        self.judge.converged(may_be_late=bool(self.scenario.leaps), excused=self._excused())

    def _excused(self) -> set[EventKey | None]:
        """Events that need not be counted: nothing but a stream told of them, and they were trimmed, or were kept aside
        after many attempts."""
        if self.checkpoints is None:
            return set()
        lost = {record.event_id for record in self.checkpoints.lost()} | self.judge.quarantined
        return {key for event_id in lost for key in self.shop.carried.get(event_id, ())} - self.shop.queued

    async def _come_to_rest(self) -> None:
        deadline = self.loop.time() + HEALED_WITHIN_S
        looks, redrive_at = 0, 0.0
        while looks < QUIET_LOOKS:
            if self.loop.time() > deadline:
                raise AssertionError(f"did not come to rest: {', '.join(self._unfinished())}")
            if self.loop.time() >= redrive_at:
                self.dead.redrive_to(self.queue)
                redrive_at = self.loop.time() + REDRIVE_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            looks = 0 if self._unfinished() else looks + 1

    def _unfinished(self) -> list[str]:
        """What is still to be done, in words."""
        waiting = {
            "messages in the queue": sum(len(queue.messages) for queue in self.queues),
            "dead letters": len(self.dead.messages),
            "outbox entries": sum(key[0].startswith("X#") for key in self.state.items),
            "entries of the agenda": sum(key[0].startswith("A#") for key in self.state.items),
            "undecided products": sum(
                key[1] == "H" and item["dirty"]["N"] != "0" for key, item in self.state.items.items()
            ),
            "events to come": self.shop.coming,
        }
        if self.checkpoints is not None:
            waiting.update(self.checkpoints.unfinished())
        return [f"{count} {what}" for what, count in waiting.items() if count]

    @property
    def _of_queues(self) -> dict[str, int]:
        names = ("sent", "deliveries", "redeliveries", "dead_letters")
        return {name: sum(getattr(queue, name) for queue in self.queues) for name in names}

    @property
    def figures(self) -> Figures:
        figures = Figures(virtual_s=self.loop.time(), slowest_drain_s=max(self.fleet.deaths.drains_s, default=0.0))
        fates = self.network.fates
        figures.counts.update(
            kills=self.fleet.deaths.kills,
            deploys=self.fleet.deaths.deploys,
            freezes=self.fleet.deaths.freezes,
            calls=self.network.calls,
            faults=self.network.calls - fates["carried"],
            **self._of_queues,
            counted=sum(len(twin.counted) for twin in self.judge.twins.values()),
            late=len(self.judge.late),
            orders=len(self.judge.orders),
            published_twice=self.shop.published_again,
            commits=self.tables.commits,
            conflicts=self.tables.conflicts,
            steps=self.loop.steps,
            first_worker_steps=self.fleet.processes[0].steps,
        )
        figures.counts.update({**self.network.befell(STATE), **self.state.puts})
        figures.counts.update(self.partitions)
        if self.streams is not None and self.checkpoints is not None:
            figures.counts.update(streamed=1, shards=sum(len(stream.shards) for stream in self.streams.streams))
            figures.counts.update(self.streams.counts)
            figures.counts.update(self.checkpoints.counts)
        if self.shop.table is not None:
            figures.counts.update(self.shop.table.counts)
        return figures


def run(scenario: Scenario, opened: Opener = direct_clients, told: Told | None = None) -> tuple[Figures, int]:
    """The figures and the trace of a run; whatever does not hold is raised. told hears every line the workers log."""
    world = World(scenario, opened)
    random.seed(f"restock jitter {scenario.seed}")
    deadline_s = scenario.load_s + HEALED_WITHIN_S + 300
    with _heard(world, told):
        try:
            world.loop.run_until_complete(world.live(), deadline_s)
            figures = world.figures
        finally:
            _bury(world)
    return figures, world.loop.trace


@contextmanager
def _heard(world: World, told: Told | None) -> Iterator[None]:
    """What the workers log is heard by the judge of checkpoints, and told, if anybody listens, with the virtual time
    and the process."""
    before = structlog.get_config()

    def line(_: object, level: str, said: Said) -> Any:
        event = said.pop("event")
        if world.checkpoints is not None:
            world.checkpoints.heard(event, said)
        if told is not None:
            process = PROCESS.get()
            name, more = process.name if process is not None else "-", " ".join(f"{k}={v}" for k, v in said.items())
            told(f"{world.loop.time():11.4f} {name:>4} {level:7} {event} {more}")
        raise structlog.DropEvent

    structlog.configure(processors=[line], cache_logger_on_first_use=False)
    try:
        with redirect_stdout(_Nowhere()):
            yield
    finally:
        structlog.configure(**before)


class _Nowhere(io.StringIO):
    """Takes the workers' metrics."""

    def write(self, text: str) -> int:
        return len(text)


def _bury(world: World) -> None:
    world.loop.close()
    world.fleet.forget()
    let_go()


def let_go() -> None:
    """Lets the tasks of the dead go without a word: they never ran to their end, and that was the point."""
    told, sys.unraisablehook = sys.unraisablehook, lambda unraisable: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # coroutines that nobody will ever await
            gc.collect()
    finally:
        sys.unraisablehook = told
