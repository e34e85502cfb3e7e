"""How does one phase go?

Server, proxies, workers; sales while blows fall; then everything heals and must come to rest by itself: queue empty,
outbox empty, nothing undecided, everything delivered. Only then is it compared."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from chaos.compare import findings, read_kept
from chaos.figures import Figures
from chaos.fleet import Fleet, Slot
from chaos.model import model_server
from chaos.proxy import ChaosProxy
from chaos.sales import messages
from chaos.schedule import Blow, Fate, Kind, blows, destinies
from chaos.shop import Shop
from worker.aws.clients import Clients, Endpoints, open_clients
from worker.local.embedded_aws import create_resources, embedded_aws
from worker.local.gateway import DEFAULT_MODEL, Gateway
from worker.settings import Settings

AT_REST_WITHIN_S = 300.0  # a message that was handed back often may wait for minutes
UP_WITHIN_S = 60.0
LOOK_EVERY_S = 0.7
QUIET_LOOKS = 3
TOLD_EVERY_S = 10.0
ENDPOINT = "chaos-forecaster"
COUNTED = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")

# Small, so that every edge is met often: full windows, sweeps, expired visibility, deadlines.
TIGHT = {
    "RESTOCK_CALENDAR": "event",
    "RESTOCK_LONG_POLL_S": "1",
    "RESTOCK_MESSAGES_IN_FLIGHT": "30",
    "RESTOCK_BATCH_SALES": "30",
    "RESTOCK_DECIDE_PRODUCTS": "6",
    "RESTOCK_DECIDE_INTERVAL_S": "0.1",
    "RESTOCK_SWEEP_INTERVAL_S": "1",
    "RESTOCK_SWEEP_AGE_S": "2",
    "RESTOCK_VISIBILITY_TIMEOUT_S": "10",
    "RESTOCK_COMMIT_DEADLINE_S": "3",
    "RESTOCK_DRAIN_TIMEOUT_S": "6",
    "RESTOCK_CACHED_PRODUCTS": "100",
    "RESTOCK_LEAD_TIME_DAYS": "1",
    "RESTOCK_REVIEW_DAYS": "1",
    "RESTOCK_ORDER_CYCLE_DAYS": "1",
    "RESTOCK_BEDROCK_MODEL": DEFAULT_MODEL,
    "RESTOCK_SAGEMAKER_ENDPOINT": ENDPOINT,
    "RESTOCK_HEALTH_PORT": "0",
}


@dataclass(frozen=True, slots=True)
class Phase:
    """name: standard or fifo, the kind of queue. rate: new sales a second."""

    name: str
    seed: int
    seconds: float
    workers: int
    rate: float

    @property
    def queue_name(self) -> str:
        return "retail-sales.fifo" if self.name == "fifo" else "retail-sales"


@dataclass(slots=True)
class World:
    phase: Phase
    clients: Clients
    settings: Settings
    shop: Shop
    fleet: Fleet
    proxies: Sequence[ChaosProxy]
    say: Callable[[str], None]
    redriven: int = 0

    async def begin(self) -> None:
        """Starts the workers in peace; trouble begins when all of them receive."""
        await self.fleet.open()
        servers = [proxy for proxy in self.proxies if proxy.target == self.proxies[0].target]
        deadline = time.monotonic() + UP_WITHIN_S
        while not all(proxy.counts[Fate.PASSED, "ReceiveMessage"] for proxy in servers):
            if time.monotonic() > deadline:
                raise AssertionError(f"the workers did not receive within {UP_WITHIN_S:.0f} s")
            await asyncio.sleep(0.1)
        for proxy in self.proxies:
            proxy.healed = False

    async def strike(self, planned: Sequence[Blow]) -> None:
        """Lets every blow fall at its time."""
        started = time.monotonic()
        for blow in planned:
            await asyncio.sleep(max(0.0, started + blow.at_s - time.monotonic()))
            if blow.kind is not Kind.OUTAGE:
                self.fleet.strike(blow)
                continue
            self.fleet.counts["outage"] += 1
            for proxy in self.proxies:
                proxy.outage(out=True)
            await asyncio.sleep(blow.lasts_s)
            for proxy in self.proxies:
                proxy.outage(out=False)
        await asyncio.sleep(max(0.0, started + self.phase.seconds - time.monotonic()))

    def heal(self) -> None:
        for proxy in self.proxies:
            proxy.heal()
        self.fleet.heal()

    async def come_to_rest(self) -> list[str]:
        """Waits until nothing is left to do; returns what is still left at the deadline."""
        started = time.monotonic()
        looks, left = 0, ["everything"]
        while looks < QUIET_LOOKS and time.monotonic() < started + AT_REST_WITHIN_S:
            await self.redrive()
            await asyncio.sleep(LOOK_EVERY_S)
            left = await self.unfinished()
            looks = 0 if left else looks + 1
        self.fleet.counts["rest ms"] += int(1000 * (time.monotonic() - started))
        return left

    async def unfinished(self) -> list[str]:
        """What is still to be done, in words."""
        kept = await read_kept(self.clients.dynamodb, self.settings.state_table)
        waiting = {
            "events to come": self.shop.left,
            "messages in the queue": await self._depth(self.shop.queue_url),
            "dead letters": await self._depth(await self._dead_letters()),
            "outbox entries": len(kept.outbox),
            "undecided products": kept.dirty,
            "events on the bus": await self._depth(self.shop.subscriber_url),
        }
        return [f"{number} {what}" for what, number in waiting.items() if number]

    async def _dead_letters(self) -> str:
        name, dot, fifo = self.phase.queue_name.partition(".")
        return str((await self.clients.sqs.get_queue_url(QueueName=f"{name}-dlq{dot}{fifo}"))["QueueUrl"])

    async def _depth(self, url: str) -> int:
        said = await self.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return sum(int(said["Attributes"].get(name, 0)) for name in COUNTED)

    async def redrive(self) -> None:
        """Sends dead letters again, as an operator would once everything is well."""
        sqs, url = self.clients.sqs, await self._dead_letters()
        found = await sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])
        for message in found.get("Messages", []):
            self.redriven += 1
            said: dict[str, Any] = {}
            if self.phase.name == "fifo":
                group = message["Attributes"]["MessageGroupId"]
                said = {"MessageGroupId": group, "MessageDeduplicationId": f"redriven-{self.redriven}"}
            await sqs.send_message(QueueUrl=self.shop.queue_url, MessageBody=message["Body"], **said)
            await sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    async def tell(self) -> None:
        """Says now and then how far it is."""
        started = time.monotonic()
        while True:
            await asyncio.sleep(TOLD_EVERY_S)
            counts, waiting = self.fleet.counts, await self._depth(self.shop.queue_url)
            at_s, requests = time.monotonic() - started, sum(sum(proxy.counts.values()) for proxy in self.proxies)
            self.say(
                f"{self.phase.name} {at_s:.0f} s: {len(self.shop.lines):,} lines sent, {waiting} queued, "
                f"{requests:,} requests, {counts['kill']} kills, {counts['stop']} SIGTERMs, {counts['outage']} outages"
            )


async def run(phase: Phase, folder: Path, figures: Figures, say: Callable[[str], None]) -> list[str]:
    """Runs a phase and adds to figures; returns what did not hold."""
    async with _world(phase, folder, say) as world:
        try:
            await world.begin()
            async with _running(world.shop.trade(), world.shop.listen(), world.tell()):
                await world.strike(blows(phase.seed, phase.name, phase.seconds, phase.workers))
                say(f"{phase.name}: healed, waiting until nothing is left to do")
                world.heal()
                left = await world.come_to_rest()
        finally:
            await world.fleet.close()
        kept = await read_kept(world.clients.dynamodb, world.settings.state_table)
        figures.add(world.fleet, world.proxies, world.shop)
        figures.counts["dead letters"] += world.redriven
        restless = [f"did not come to rest: {', '.join(left)}"] if left else []
        wrong = [*restless, *world.fleet.findings, *findings(kept, world.shop, world.redriven)]
        return [f"{phase.name}: {finding}" for finding in wrong]


@asynccontextmanager
async def _running(*endless: Any) -> AsyncIterator[None]:
    """Runs endless tasks beside the block; the failure of one ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in endless]
        yield
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def _world(phase: Phase, folder: Path, say: Callable[[str], None]) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        aws = await stack.enter_async_context(embedded_aws(folder))
        model = await stack.enter_async_context(model_server())
        gateway = await stack.enter_async_context(Gateway({ENDPOINT: model}))
        settings = Settings(endpoint_url=aws, queue_name=phase.queue_name)
        clients = await stack.enter_async_context(open_clients(settings.region, Endpoints(aws, gateway.url)))
        queue_url, subscriber_url = await create_resources(clients, settings)
        proxies: list[ChaosProxy] = []
        slots: list[Slot] = []
        fleet = Fleet(slots, Random(f"restock chaos restarts {phase.seed} {phase.name}"))
        for number in range(phase.workers):
            environment = {**TIGHT, "RESTOCK_QUEUE_NAME": phase.queue_name}
            for variable, target in (("ENDPOINT_URL", aws), ("RUNTIME_ENDPOINT_URL", gateway.url)):
                series = partial(destinies, phase.seed, f"{phase.name} {variable} {number}")
                proxy = ChaosProxy(target, series, partial(fleet.kill, number))
                proxies.append(await stack.enter_async_context(proxy))
                proxies[-1].healed = True
                environment[f"RESTOCK_{variable}"] = proxies[-1].url
            slots.append(Slot(number, environment, folder / f"worker-{number}.log"))
        plan = messages(phase.seed, phase.name, phase.seconds, phase.rate)
        chance = Random(f"restock chaos supplier {phase.seed} {phase.name}")
        shop = Shop(clients, settings, queue_url, subscriber_url, plan, chance)
        await shop.open()
        yield World(phase, clients, settings, shop, fleet, proxies, say)
