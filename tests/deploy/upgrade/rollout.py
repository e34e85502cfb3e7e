"""How does one deployment after the other go over a queue that is never empty?

As ECS rolls: a new task starts, is seen to be ready, and an old one is told to stop. Forward, back and forward again,
while sales come; meanwhile tasks are killed with -9, and started again in the version that their place has then. At the
end everything in the tables is held against a twin of plain dictionaries."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from chaos.compare import findings, read_kept
from chaos.sales import Line
from upgrade.versions import MARK

from worker.aws.clients import Clients, Endpoints, open_clients
from worker.local.embedded_aws import create_resources, embedded_aws
from worker.local.processes import Child, free_port, restock, start
from worker.settings import Settings

PRODUCTS, DAYS, SALES_A_MESSAGE = 150, 28, 50
STOCK = 40
DUPLICATES = 0.1
TASKS = 2
AHEAD_MESSAGES = 30  # what may wait in the queue before more is sent
READY_WITHIN_S, STOP_WITHIN_S, REST_WITHIN_S = 60.0, 30.0, 180.0
FIRST_DAY = date(2024, 3, 1)
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
STEPS = ((0.1, 0, "new"), (0.25, 1, "new"), (0.4, 0, "old"), (0.5, 1, "old"), (0.65, 0, "new"), (0.8, 1, "new"))


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
class Queue:
    """Sends the sales, never far ahead of the workers. sent: sales, repetitions counted."""

    clients: Clients
    url: str
    lines: Sequence[Line]
    sent: int = 0

    async def send_up_to(self, sales: int) -> None:
        while self.sent < min(sales, len(self.lines)):
            while await self.depth() > AHEAD_MESSAGES:
                await asyncio.sleep(0.1)
            entries = []
            for number in range(10):
                part = self.lines[self.sent : self.sent + SALES_A_MESSAGE]
                if part:
                    body = json.dumps([line.fields for line in part])
                    entries.append({"Id": str(number), "MessageBody": body})
                    self.sent += len(part)
            await self.clients.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    async def depth(self) -> int:
        """Messages that are not deleted yet."""
        said = await self.clients.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return sum(int(said["Attributes"][name]) for name in names)


@dataclass(slots=True)
class Outcome:
    """wrote: product states found with the new release's mark and without, while both ran."""

    findings: list[str]
    counts: Counter[str]
    wrote: Counter[str]
    sales: int
    orders: int
    seconds: float


async def roll_out(
    trees: dict[str, Path], sales: int, kills: int, folder: Path, say: Callable[[str], None], seed: int = 1
) -> Outcome:
    """trees: `old` and `new`. sales: different ones; a tenth is sent twice."""
    started = time.monotonic()
    chance = Random(f"restock upgrade {seed}")
    lines = _sales(sales, chance)
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(embedded_aws(folder))
        settings = Settings(endpoint_url=address)
        clients = await stack.enter_async_context(open_clients(settings.region, Endpoints(address, None)))
        queue_url, subscriber_url = await create_resources(clients, settings)
        await _stock(clients, settings)
        service = Service(trees, address, folder)
        stack.callback(service.abandon)
        queue, wrote = Queue(clients, queue_url, lines), Counter[str]()
        await service.open()
        await _steps(service, queue, kills, chance, wrote, say)
        await queue.send_up_to(len(lines))
        say("all sales are sent; waiting until nothing is left to do")
        restless = await _rest(clients, settings, queue)
        await service.close()
        kept = await read_kept(clients.dynamodb, settings.state_table)
        published = await _published(clients, subscriber_url)
        stock = dict.fromkeys({line.product for line in lines}, STOCK)
        shop = SimpleNamespace(lines=lines, published=published, delivered=[], stock=stock)
        found = [*restless, *service.findings, *findings(kept, shop, redriven=0)]  # type: ignore[arg-type]
    return Outcome(found, service.counts, wrote, len(lines), len(kept.orders), time.monotonic() - started)


async def _steps(
    service: Service, queue: Queue, kills: int, chance: Random, wrote: Counter[str], say: Callable[[str], None]
) -> None:
    """The deployments and the kills, each after its share of the sales, while sending goes on."""
    blows = [(0.05 + 0.9 * (number + chance.random()) / kills, chance.randrange(TASKS), "") for number in range(kills)]
    for share, number, version in sorted([*STEPS, *blows]):
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
            await _look(queue.clients, wrote)


async def _look(clients: Clients, wrote: Counter[str]) -> None:
    kept = await read_kept(clients.dynamodb, Settings().state_table)
    for header in kept.headers.values():
        wrote["new" if MARK in header else "old"] += 1


def _sales(sales: int, chance: Random) -> list[Line]:
    """Sales of many days, the days in order; a tenth is repeated, somewhere behind."""
    placed = []
    for number in range(sales):
        mark = f"upgrade-{number:06d}-a"
        fields = {
            "product_id": f"P{chance.randrange(PRODUCTS):03d}",
            "event_id": mark,
            "occurred_at": f"{FIRST_DAY + timedelta(days=number * DAYS // sales)}T12:00:00Z",
            "quantity": chance.randint(1, 4),
            "unit_price": chance.randint(1, 5_000) / 100,
            "promotion": False,
        }
        placed.append((float(number), Line("sale", fields["product_id"], mark, fields)))
        if chance.random() < DUPLICATES:
            again = number + chance.random() * sales / 10
            placed.append((again, Line("sale", fields["product_id"], mark, fields, repeated=True)))
    return [line for _, line in sorted(placed, key=lambda each: each[0])]


async def _stock(clients: Clients, settings: Settings) -> None:
    for number in range(PRODUCTS):
        key = {"product_id": {"S": f"P{number:03d}"}, "location_id": {"S": "-"}}
        await clients.dynamodb.put_item(
            TableName=settings.inventory_table, Item=key | {"current_stock": {"N": str(STOCK)}}
        )


async def _rest(clients: Clients, settings: Settings, queue: Queue) -> list[str]:
    deadline, left = time.monotonic() + REST_WITHIN_S, {"everything": 1}
    while left and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        kept = await read_kept(clients.dynamodb, settings.state_table)
        waiting = {"messages": await queue.depth(), "undecided": kept.dirty, "outbox entries": len(kept.outbox)}
        left = {what: number for what, number in waiting.items() if number}
    return [f"did not come to rest: {left}"] if left else []


async def _published(clients: Clients, url: str) -> list[dict[str, Any]]:
    """Every order event that the bus delivered, each once."""
    heard: dict[str, dict[str, Any]] = {}
    while found := (await clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)).get("Messages"):
        for message in found:
            event = json.loads(message["Body"])
            if event["detail-type"] == "Reorder Required":
                heard[event["id"]] = event["detail"]
            await clients.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return list(heard.values())
