"""What has a worker counted, what does history say, and do the two agree?"""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path

from fakes.proxy import passed

from domain.events import ProductKey
from worker.aws.agenda import DynamoAgenda
from worker.aws.state import DynamoState
from worker.intake import Batch
from worker.rebuilding.histories import files_history
from worker.rebuilding.run import Asked, rebuild_from
from worker.rebuilding.work import Work
from worker.sources.source import Message
from worker.wiring import build_parts

A, B = ProductKey("A"), ProductKey("B")
FIELDS = ("product_id", "event_id", "occurred_at", "quantity", "unit_price")
SHARDS = 4


def sale(event_id, product="A", quantity=1, day="2024-10-01", price=1.5):
    return dict(zip(FIELDS, (product, event_id, f"{day}T09:00:00Z", quantity, price), strict=True))


TRUE = [sale(f"e{n}", product="AB"[n % 2], quantity=n % 7 - 1, day=f"2024-09-{10 + n % 20}") for n in range(60)]


class Shop:
    """What the worker counted, and a history of it in a file."""

    def __init__(self, aws, clock, folder: Path) -> None:
        self.aws, self.clients, self.settings, self.clock, self.folder = aws, aws.clients, aws.settings, clock, folder
        self.store = DynamoState(aws.clients.dynamodb, aws.settings.state_table, 10.0)

    async def counted(self, *sales, clients=None):
        """The worker receives these, as ever; what it makes of them is durable afterwards."""
        parts = await build_parts(self.settings, clients or self.clients, self.clock, io.StringIO())
        batch = Batch()
        await parts.intake.add(batch, Message("m1", "r", json.dumps(sales)))
        assert not (await parts.intake.settle(batch)).handed_back

    def history(self, *sales, name="history.csv"):
        with (self.folder / name).open("w", newline="") as stream:
            writer = csv.DictWriter(stream, FIELDS)
            writer.writeheader()
            writer.writerows(sales)

    async def rebuilt(self, history=None, clients=None, stop=None, work="work", **asked):
        clients = clients or self.clients
        history = history or await files_history(str(self.folder / "history.csv"), clients.s3)
        folder = Work.begun(self.folder / work, history.about(), SHARDS)
        said = Asked(**{"write": True, "processes": 0, **asked})
        done = await rebuild_from(history, self.settings, clients, self.clock, folder, said, stop or asyncio.Event())
        if done.whole:
            folder.finish()
        return done

    async def state(self, key=A):
        return (await self.store.load([key]))[key]

    async def figures(self, key=A):
        """What a rebuild is about."""
        state = await self.state(key)
        return dict(state.buckets), state.newest_day, state.sales, state.units

    async def due(self):
        agenda = DynamoAgenda(self.clients.dynamodb, self.settings.state_table, self.clock)
        return set(await agenda.due(self.clock.now() + 1, 1_000))


def counts(done, *names):
    return tuple(done.counts[name] for name in names)


async def twin_agrees(shop, sales=TRUE):
    """The state is bit for bit that of a worker who counted nothing but these."""
    was = {key: await shop.figures(key) for key in (A, B)}
    for key in (A, B):
        mine = [each for each in sales if each["product_id"] == key.product_id]
        named = ProductKey(f"twin of {key.product_id}")
        await shop.counted(*({**each, "product_id": named.product_id} for each in mine))
        assert await shop.figures(named) == was[key]


def sets(event, after):
    """Passes calls on, and sets the event at one of them."""
    left = after

    async def pass_on(call):
        nonlocal left
        left -= 1
        if not left:
            event.set()
        return await passed(call)

    return pass_on
