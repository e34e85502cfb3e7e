"""What stands in the table of sales, what became of it, and what did a rebuild say of it?"""

from __future__ import annotations

import asyncio
import io

from domain.events import ProductKey
from worker.aws.dynamodb import text
from worker.aws.state import DynamoState
from worker.intake import Batch
from worker.rebuild import rebuild
from worker.rebuild_verify import verify
from worker.sources.source import Message
from worker.table_scan import TableScan
from worker.wiring import build_parts

TABLE = "retail-sales-history"
A = ProductKey("A")
DAY = "2024-10-0"  # the fake clock shows the 4th


def item(event_id, day=1, quantity="1", product="A", **more):
    """A sale as an item; day may be a whole date."""
    sold_on = day if isinstance(day, str) else f"{DAY}{day}"
    sale = {"product_id": text(product), "sale_date": text(f"{sold_on}#{event_id}"), "quantity": {"N": quantity}}
    return sale | more


class Shop:
    """A table of sales, what became of it, and the worker that reads its stream."""

    def __init__(self, aws, clock) -> None:
        self.clients = aws.clients
        self._clock = clock
        self.settings = aws.settings.model_copy(update={"batch_sales": 3})
        self.progress = io.StringIO()

    async def put(self, *items, table=TABLE):
        for each in items:
            await self.clients.dynamodb.put_item(TableName=table, Item=each)

    async def told(self, *items):
        """The stream brings the insertion of these."""
        scan = await TableScan.of(self.clients.dynamodb, TABLE)
        await self.received(*(scan.message(each).body for each in items))

    async def received(self, *bodies):
        parts = await build_parts(self.settings, self.clients, self._clock, io.StringIO())
        batch = Batch()
        for place, body in enumerate(bodies):
            await parts.intake.add(batch, Message(f"m{place}", str(place), body))
        assert not (await parts.intake.settle(batch)).handed_back

    async def rebuilt(self, clients=None, stop=None, table=TABLE, segments=2):
        clients, stop = clients or self.clients, stop or asyncio.Event()
        return await rebuild(self.settings, clients, self._clock, table, segments, stop, self.progress)

    async def verified(self):
        found = []
        done = await verify(
            self.settings, self.clients, self._clock, TABLE, 2, asyncio.Event(), self.progress, found.append
        )
        assert done.whole
        assert done.differences == len(found)
        return found

    async def state(self, key=A):
        return (await DynamoState(self.clients.dynamodb, self.settings.state_table, 10.0).load([key]))[key]

    async def stored(self, prefix=""):
        items = (await self.clients.dynamodb.scan(TableName=self.settings.state_table))["Items"]
        # The agenda is left out: whoever counts again has its products looked at again.
        kept = (i for i in items if i["pk"]["S"].startswith(prefix) and not i["pk"]["S"].startswith("A#"))
        return sorted(kept, key=lambda i: (i["pk"]["S"], i["sk"]["S"]))


def figures(**said):
    names = ("items", "counted", "duplicates", "late", "quarantined", "conflicts", "unsettled")
    return {name: said.get(name, 0) for name in names}


def of(done):
    """The figures of a run, apart from how long it took."""
    return {name: value for name, value in done.summary().items() if name not in ("seconds", "items_per_s")}
