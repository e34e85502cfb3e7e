"""How does one deployment after the other go over a queue that is never empty?

As ECS rolls: a new task starts, is seen to be ready, and an old one is told to stop. Forward, back and forward again,
while sales come; meanwhile tasks are killed with -9, and started again in the version that their place has then. At the
end everything in the tables is held against a twin of plain dictionaries."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from chaos.compare import findings, read_kept

from upgrade.shop import REST_WITHIN_S, STOCK, Queue, published_orders, put_stock, sales_of_days
from upgrade.versions import MARK
from worker.aws.clients import Clients, Endpoints, open_clients
from worker.local.embedded_aws import create_resources, embedded_aws
from worker.local.processes import Child, free_port, restock, start
from worker.settings import Settings

TASKS = 2
WITNESSED_MESSAGES = 10
READY_WITHIN_S, STOP_WITHIN_S = 60.0, 30.0
QUICK = {
    "RESTOCK_CALENDAR": "event",
    "RESTOCK_LONG_POLL_S": "1",
    "RESTOCK_VISIBILITY_TIMEOUT_S": "12",
    "RESTOCK_COMMIT_DEADLINE_S": "4",
    "RESTOCK_DRAIN_TIMEOUT_S": "7",
    "RESTOCK_SWEEP_INTERVAL_S": "1",
    "RESTOCK_SWEEP_AGE_S": "2",
    "RESTOCK_DECIDE_INTERVAL_S": "1",
    "RESTOCK_BEDROCK_MODEL": "",
    "RESTOCK_WATCH_PRODUCTS": "0",
}
# Which version stands in each place after which share of the sales: forward, back, forward.
Step = tuple[float, int, str]
STEPS: tuple[Step, ...] = (
    (0.1, 0, "new"),
    (0.25, 1, "new"),
    (0.4, 0, "old"),
    (0.5, 1, "old"),
    (0.65, 0, "new"),
    (0.8, 1, "new"),
)


@dataclass(slots=True)
class Place:
    """One of the service's places for a task."""

    number: int
    version: str = "old"
    task: Child | None = None


@dataclass(slots=True)
class Service:
    """trees: version -> where its modules lie. counts: tasks started, stopped and killed."""

    trees: dict[str, Path]
    address: str
    folder: Path
    places: list[Place] = field(default_factory=lambda: [Place(number) for number in range(TASKS)])
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    async def begin(self, place: Place) -> Child:
        """Starts a task in the place's version and waits until it is ready."""
        port = free_port()
        environment = {
            **QUICK,
            "PYTHONPATH": str(self.trees[place.version]),
            "RESTOCK_ENDPOINT_URL": self.address,
            "RESTOCK_HEALTH_PORT": str(port),
        }
        name = f"{place.version} task in place {place.number}"
        task = await start(name, restock("run"), environment, self.folder / f"{place.version}-{place.number}.log")
        deadline = time.monotonic() + READY_WITHIN_S
        while not await asyncio.to_thread(_is_ready, port):
            assert task.running, f"the {name} ended: see {task.log}"
            assert time.monotonic() < deadline, f"the {name} is not ready after {READY_WITHIN_S:.0f} s: see {task.log}"
            await asyncio.sleep(0.2)
        self.counts[f"started {place.version}"] += 1
        return task

    async def open(self) -> None:
        for place in self.places:
            place.task = await self.begin(place)

    async def roll(self, number: int, version: str) -> None:
        """Replaces the task of a place: the new one first."""
        place = self.places[number]
        before, place.version = place.task, version
        place.task = await self.begin(place)
        await self._end(before)

    async def kill(self, number: int) -> None:
        """kill -9, and a new task in the version that the place has now."""
        place = self.places[number]
        assert place.task is not None
        place.task.kill()
        await place.task.process.wait()
        self.counts[f"killed {place.version}"] += 1
        place.task = await self.begin(place)

    async def _end(self, task: Child | None) -> None:
        assert task is not None
        code = await task.stop(STOP_WITHIN_S)
        self.counts["stopped"] += 1
        if code != 0:
            self.findings.append(f"the {task.name} ended its drain with code {code}: see {task.log}")

    async def close(self) -> None:
        for place in self.places:
            if place.task is not None:
                await self._end(place.task)

    def abandon(self) -> None:
        for place in self.places:
            if place.task is not None:
                place.task.kill()


def _is_ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


@dataclass(slots=True)
class Outcome:
    """wrote: product states that each version wrote while both ran."""

    findings: list[str]
    counts: Counter[str]
    wrote: Counter[str]
    sales: int
    orders: int
    seconds: float


async def roll_out(
    trees: dict[str, Path],
    sales: int,
    kills: int,
    folder: Path,
    say: Callable[[str], None],
    seed: int = 1,
    steps: tuple[Step, ...] = STEPS,
) -> Outcome:
    """trees: `old` and `new`. sales: different ones; a tenth is sent twice."""
    started = time.monotonic()
    chance = Random(f"restock upgrade {seed}")
    lines = sales_of_days(sales, chance)
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(embedded_aws(folder))
        settings = Settings(endpoint_url=address)
        clients = await stack.enter_async_context(open_clients(settings.region, Endpoints(address, None)))
        queue_url, subscriber_url = await create_resources(clients, settings)
        await put_stock(clients, settings)
        service = Service(trees, address, folder)
        stack.callback(service.abandon)
        queue, wrote = Queue(clients, queue_url, lines), Counter[str]()
        await service.open()
        await _steps(service, queue, [*steps, *_blows(kills, chance)], wrote, say)
        await queue.send_up_to(len(lines))
        say("all sales are sent; waiting until nothing is left to do")
        restless = await _rest(clients, settings, queue)
        await service.close()
        kept = await read_kept(clients.dynamodb, settings.state_table)
        published = await published_orders(clients, subscriber_url)
        stock = dict.fromkeys({line.product for line in lines}, STOCK)
        shop = SimpleNamespace(lines=lines, published=published, delivered=[], stock=stock)
        # Nothing is delivered here: orders stay open.
        wrong = [each for each in findings(kept, shop, redriven=0) if "all was delivered" not in each]
        found = [*restless, *service.findings, *wrong]
    return Outcome(found, service.counts, wrote, len(lines), len(kept.orders), time.monotonic() - started)


def _blows(kills: int, chance: Random) -> list[Step]:
    return [(0.05 + 0.9 * (number + chance.random()) / kills, chance.randrange(TASKS), "") for number in range(kills)]


async def _steps(
    service: Service, queue: Queue, steps: list[Step], wrote: Counter[str], say: Callable[[str], None]
) -> None:
    """The deployments and the kills, each after its share of the sales, while sending goes on."""
    for share, number, version in sorted(steps):
        await queue.send_up_to(int(share * len(queue.lines)))
        sending = asyncio.create_task(queue.send_up_to(int((share + 0.05) * len(queue.lines))))
        if version:
            await service.roll(number, version)
        else:
            await service.kill(number)
        await sending
        versions = "/".join(place.version for place in service.places)
        say(f"{queue.sent:,} sales sent; {'rolled' if version else 'killed'} place {number}: now {versions}")
        if len({place.version for place in service.places}) == 2:
            await _witness(queue, wrote)


async def _witness(queue: Queue, wrote: Counter[str]) -> None:
    """Sends some more, and counts who wrote the states that it changed. One message at a time: one receive may take
    ten, and then only one task has written."""
    before = await _headers(queue.clients)
    for _ in range(WITNESSED_MESSAGES):
        await queue.send(1)
        await queue.until_depth(0)
    for label, header in (await _headers(queue.clients)).items():
        if label not in before or header["version"] != before[label]["version"]:
            wrote["new" if MARK in header else "old"] += 1


async def _headers(clients: Clients) -> dict[str, Any]:
    return (await read_kept(clients.dynamodb, Settings().state_table)).headers


async def _rest(clients: Clients, settings: Settings, queue: Queue) -> list[str]:
    deadline, left = time.monotonic() + REST_WITHIN_S, {"everything": 1}
    while left and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        kept = await read_kept(clients.dynamodb, settings.state_table)
        waiting = {"messages": await queue.depth(), "undecided": kept.dirty, "outbox entries": len(kept.outbox)}
        left = {what: number for what, number in waiting.items() if number}
    return [f"did not come to rest: {left}"] if left else []
