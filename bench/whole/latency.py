"""How soon does an order follow from a sale?

Sales come at an even rate, among them now and then the first sale of a product of which the shop holds nothing: that
one must be ordered. The time is that from the call that sends its message to the arrival of its order on the bus, by
one clock for both. A sale that leads to no order, or to two, spoils the figures."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bench.rows import Disagreement
from bench.standin.running import until
from bench.standin.sales import Row, Sales
from bench.standin.shop import open_shop, stock
from bench.whole.throughput import PRODUCTS, QUEUE, Bench
from bench.whole.workers import at, workers
from domain.events import ProductKey
from handlers.announcements import REORDER_REQUIRED
from worker.local.processes import ChildFailed
from worker.producer import SQS_BATCH_ENTRIES_MAX, batches, pack
from worker.settings import Settings

SALES_A_MESSAGE = 100
TICK_S = 0.02
CALL_SALES_MAX = SQS_BATCH_ENTRIES_MAX * SALES_A_MESSAGE
LAST_S = 30.0


class Waited(NamedTuple):
    p50_s: float
    p99_s: float


async def waited(bench: Bench, per_s: float, seconds: float) -> Waited:
    """Sends sales at this rate for so long, and watches the bus."""
    await bench.aws.reset()
    values = at(bench.aws.url, queue_name=QUEUE)
    settings, sales = Settings.model_validate(values), Sales(PRODUCTS)
    await open_shop(bench.clients, settings, sales, bench.past)
    tick_s = min(max(TICK_S, SALES_A_MESSAGE / per_s), CALL_SALES_MAX / per_s)
    probes = [ProductKey(f"new-{n:06d}") for n in range(math.ceil(seconds / tick_s))]
    await stock(bench.clients, settings, probes, 0)
    async with workers(1, values, bench.logs):
        await _warm_up(bench, sales)
        sent = await _send(bench, sales, probes, int(per_s * tick_s), tick_s)
        came = await _orders(bench, len(probes))
    if sorted(came) != sorted(sent):
        raise Disagreement(f"{len(sent)} sales should each have led to an order; {len(came)} products have one")
    times = np.array([came[product] - at_s for product, at_s in sent.items()])
    p50, p99 = np.quantile(times, (0.5, 0.99)).tolist()
    return Waited(p50, p99)


async def _warm_up(bench: Bench, sales: Sales) -> None:
    """Every product is sold and decided once before the clock counts."""
    bodies = [m.body for m in pack(sales.rows(PRODUCTS), fifo_groups=None, sales_per_message=SALES_A_MESSAGE)]
    await bench.aws.preload(QUEUE, bodies)

    async def all_forecast() -> bool:
        return bool((await bench.aws.stats())["forecasts"] >= PRODUCTS)

    if not await until(all_forecast, LAST_S):
        raise ChildFailed(f"not every product was decided within {LAST_S} s: see {bench.logs}")


async def _send(bench: Bench, sales: Sales, probes: list[ProductKey], per_tick: int, tick_s: float) -> dict[str, float]:
    """Sends one probe a tick among the sales of others; when each was sent, by its product."""
    sqs, sent = bench.clients.sqs, {}
    url = (await sqs.get_queue_url(QueueName=QUEUE))["QueueUrl"]
    began = time.monotonic()
    calls: set[asyncio.Task[None]] = set()
    for n, probe in enumerate(probes):
        rows = [*sales.rows(per_tick - 1), sales.row_of(probe)]
        entries = list(_entries(rows))
        await asyncio.sleep(began + n * tick_s - time.monotonic())
        sent[probe.product_id] = time.monotonic()
        call = asyncio.create_task(sqs.send_message_batch(QueueUrl=url, Entries=entries))
        calls.add(call)
        call.add_done_callback(calls.discard)
    await asyncio.gather(*calls)
    return sent


def _entries(rows: list[Row]) -> Iterator[dict[str, str]]:
    messages = pack(rows, fifo_groups=None, sales_per_message=SALES_A_MESSAGE)
    (batch,) = batches(messages)
    return ({"Id": str(n), "MessageBody": message.body} for n, message in enumerate(batch))


async def _orders(bench: Bench, count: int) -> dict[str, float]:
    """When the order of each product came, once so many have come; Disagreement if one came twice."""

    async def all_came() -> bool:
        return bool((await bench.aws.stats())["events"] >= count)

    await until(all_came, LAST_S)
    came: dict[str, float] = {}
    for at_s, kind, detail in await bench.aws.events():
        product = json.loads(detail)["product_id"]
        if kind != REORDER_REQUIRED or product in came:
            raise Disagreement(f"{kind} of {product}, which was to have one order")
        came[product] = at_s
    return came
