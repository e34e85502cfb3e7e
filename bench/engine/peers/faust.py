"""The work as a Faust stream with its table in memory.

Bodies are gathered from the stream until a micro-batch is full, by hand, which costs less an event than `take`; then
orjson, the grouping and the table are used once a product and batch, and what remains of Faust is its channel, its
stream and its table. No broker: reading a topic and writing the table's changelog are left out, in its favour."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import faust
from faust.types.tuples import TP, Message

from bench.engine.peers.grouped import grouped
from bench.engine.peers.plain import Product, count_one
from bench.engine.spec import BATCH, Batch, Tally, calendar, main

Folded = tuple[int, list[int], list[tuple[str, tuple[float, ...]]]]
PARTITION = TP("sales", 0)


class Table(faust.Table[str, Product]):
    """Without a changelog, which would need a broker."""

    def on_key_set(self, key: Any, value: Any) -> None:
        self._sensor_on_set(self, key, value)


class Fold:
    """Works a gathered micro-batch on the table."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self.newest = -1

    def __call__(self, bodies: list[str], now: int) -> Folded:
        by_product, self.newest = grouped(bodies, now, self.newest)
        as_of, counts, rows = self.newest + 1, [0, 0, 0, 0], []
        dates = calendar(as_of)
        for product_id, sales in by_product.items():
            product = self.table.get(product_id) or Product(sales[0][2])
            changed = False
            for sale in sales:
                outcome = count_one(sale, product)
                counts[outcome] += 1
                changed = changed or outcome == 0
            if changed:
                self.table[product_id] = product
                rows.append((product_id, product.days.row(as_of, dates)))
        return len(bodies), counts, rows


async def stream(batches: list[Batch]) -> list[Folded]:
    app = faust.App("sales", broker="kafka://127.0.0.1:9", store="memory://", web_enabled=False)
    app.finalize()
    app.flow_control.resume()
    fold = Fold(app.tables.add(Table(app, name="products")))
    channel = app.channel(maxsize=2 * BATCH)
    folded: list[Folded] = []
    bodies: list[str] = []
    feeding = asyncio.create_task(feed(app, channel, batches))
    async for body in app.stream(channel).noack():
        bodies.append(body)
        now, expected = batches[len(folded)]
        if len(bodies) == len(expected):
            folded.append(fold(bodies, now))
            bodies = []
            if len(folded) == len(batches):
                break
    await feeding
    return folded


async def feed(app: Any, channel: Any, batches: list[Batch]) -> None:
    """Puts each body on the channel as a consumer would: as an event."""
    while not channel.subscriber_count:  # noqa: ASYNC110 - Faust has nothing to wait for
        await asyncio.sleep(0)
    generation = app.consumer_generation_id
    for _, bodies in batches:
        for body in bodies:
            message = Message(*PARTITION, 0, 0.0, 0, None, None, body, None, tp=PARTITION, generation_id=generation)
            await channel.put(app.create_event(None, body, None, message))


def work(batches: Iterator[Batch], tally: Tally) -> None:
    read = list(batches)
    with tally.clock():
        folded = asyncio.run(stream(read))
    for batch in folded:
        tally.close_batch(*batch)


if __name__ == "__main__":
    sys.exit(main(work))
