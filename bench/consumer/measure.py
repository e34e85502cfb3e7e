"""How is one consumer measured once?

A fresh stand-in's state, a queue that holds more than it is watched for, the consumer as a process of its own. Ours
must have counted every sale exactly once: figures of a run that did not are thrown away with the run."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.consumer.consumers import PRODUCTS, QUEUE, Ours, Peer
from bench.rows import Disagreement
from bench.standin.running import ROOT, Standin
from bench.standin.sales import Sales, differences
from bench.standin.shop import open_shop
from bench.standin.watch import cpu_us_a_message, look_at
from domain.folding import Folded
from worker.aws.clients import Clients
from worker.local.processes import child, restock
from worker.local.report import read_states
from worker.producer import pack
from worker.settings import Settings

PEERS = Path(__file__).parent / "peers"
SPARE_MESSAGES = 500  # more than anybody has in flight: nobody is watched while he runs out of messages
NEVER_S = "300"
WAITING = "waiting"
DECIDED_S = 0.5  # a first sale alone is decided, and then nothing is for NEVER_S
PLAIN = {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONPATH": ""}


@dataclass(frozen=True, slots=True)
class Bench:
    """What all measurements share; quick makes them four times shorter."""

    aws: Standin
    clients: Clients
    logs: Path
    past: list[Folded]
    quick: bool

    def shorter(self, count: int) -> int:
        return count // 4 if self.quick else count


async def peer(bench: Bench, who: Peer, python: Path) -> float:
    """CPU µs a message of one sale."""
    await bench.aws.reset()
    messages = bench.shorter(who.messages)
    await bench.aws.preload(QUEUE, Sales(PRODUCTS).bodies(who.warm_up + messages + SPARE_MESSAGES))
    command = [str(python), str(PEERS / f"{who.module}.py"), bench.aws.url, QUEUE]
    async with child(who.name, command, PLAIN, bench.logs / f"{who.module}.log") as consumer:
        try:
            first = await look_at(bench.aws, [QUEUE], [consumer], who.warm_up)
            return cpu_us_a_message(first, await look_at(bench.aws, [QUEUE], [consumer], who.warm_up + messages))
        finally:
            consumer.kill()


async def ours(bench: Bench, way: Ours) -> float:
    """CPU µs a sale, whichever way it rode."""
    await bench.aws.reset()
    settings, sales = Settings(queue_name=QUEUE), Sales(PRODUCTS)
    await open_shop(bench.clients, settings, sales, bench.past if way.durable else ())
    measured = bench.shorter(way.sales)
    await bench.aws.preload(QUEUE, sales.bodies(1))
    count = PRODUCTS + measured + way.spare * way.sales_a_message
    total = 1 + await bench.aws.preload(WAITING, _bodies(sales, way, count))
    command, environment = _process(bench.aws.url, way.durable)
    log = bench.logs / f"{way.name}.log"
    async with child(way.name, command, environment, log) as consumer:
        try:
            await look_at(bench.aws, [QUEUE], [consumer], 1)
            await asyncio.sleep(DECIDED_S)
            await bench.aws.pour(WAITING, QUEUE)
            # That each product is loaded once belongs to the warm-up.
            first = await look_at(bench.aws, [QUEUE], [consumer], PRODUCTS // way.sales_a_message)
            last = await look_at(bench.aws, [QUEUE], [consumer], total - way.spare)
            await look_at(bench.aws, [QUEUE], [consumer], total)
        finally:
            consumer.kill()
    if way.durable:
        wrong = differences(sales.expected, await read_states(bench.clients.dynamodb, settings.state_table))
        if wrong:
            raise Disagreement(f"{len(wrong)} products, the first of them {wrong[0]}")
    return cpu_us_a_message(first, last) / way.sales_a_message


def _bodies(sales: Sales, way: Ours, count: int) -> Iterator[str]:
    if way.sales_a_message == 1:
        return sales.bodies(count)
    return (m.body for m in pack(sales.rows(count), fifo_groups=None, sales_per_message=way.sales_a_message))


def _process(url: str, durable: bool) -> tuple[list[str], dict[str, str]]:
    """The worker with the settings it comes with, but for where AWS is, and that it decides nothing meanwhile."""
    if not durable:
        return [sys.executable, "-m", "bench.consumer.ours", url, QUEUE, str(PRODUCTS)], {"PYTHONPATH": str(ROOT)}
    settings: dict[str, Any] = {
        "queue_name": QUEUE,
        "endpoint_url": url,
        "runtime_endpoint_url": url,
        "bedrock_model": "",
        "decide_interval_s": NEVER_S,
        "sweep_interval_s": NEVER_S,
        "health_port": "0",
    }
    return restock("run"), {"PYTHONPATH": str(ROOT), **{f"RESTOCK_{k.upper()}": v for k, v in settings.items()}}
