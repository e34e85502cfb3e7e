"""How far may the shop run ahead, when is a run done, and what happens when the worker dies?

The shop sends the sales in the order they happened, no further ahead than the worker can follow: neither in sales that
are not settled nor in products that are not decided. A worker that dies is started again, as ECS would do it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from domain.events import SaleRecorded
from handlers.announcements import iso_day
from handlers.metrics import Metric
from worker.aws.clients import Clients
from worker.aws.state import DynamoState
from worker.local.models import Models
from worker.local.observed import Observed
from worker.local.processes import Child, restock, start
from worker.local.progress import Display, say
from worker.local.shop import Shop, sale_of
from worker.local.subscriber import Subscriber
from worker.producer import Row
from worker.settings import Settings

CHUNK_ROWS = 1_000
AHEAD_MAX = 5_000
DIRTY_MAX = 1_000
TICK_S = 0.05
QUIET_S = 1.0
STUCK_S = 60.0
TOGETHER_DAYS = 14
WORKER_STOP_S = 90.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    sales: Path | None = None
    until_done: bool = False
    report: Path | None = None
    fifo: bool = False
    limit: int | None = None
    duplicate_rate: float = 0.0
    dead_endpoint: bool = False
    kill_worker: bool = False


@dataclass(slots=True)
class Local:
    """A local run under way."""

    options: Options
    clients: Clients
    settings: Settings
    queue_url: str
    folder: Path
    shop: Shop
    subscriber: Subscriber
    models: Models
    observed: Observed
    display: Display
    stop: asyncio.Event
    environment: dict[str, str]
    worker: Child | None = None
    _died: bool = False
    _counted_again: int = 0
    _settled_until: int = 0

    async def keep_worker(self) -> None:
        """Starts the worker, and again whenever it dies, until the run ends."""
        while True:
            log = self.folder / "worker.log"
            self.worker = await start("the worker", restock("run"), self.environment, log, listened=True)
            say(f"worker started, pid {self.worker.process.pid}, log {log}")
            await self._listen(self.worker)
            if await self.worker.process.wait() == 0:
                return
            self._died = True
            say(f"worker ended with code {self.worker.process.returncode}: starting it again")
            await asyncio.sleep(1)

    async def _listen(self, worker: Child) -> None:
        with (self.folder / "metrics.log").open("a") as kept:
            async for line in worker.lines():
                self.observed.read(line)
                kept.write(line)

    @property
    def settled(self) -> int:
        return self.observed[Metric.SALES_RECEIVED]

    @property
    def waiting(self) -> int:
        return max(0, self.shop.sent - self.settled + self._counted_again)

    @property
    def _too_far_ahead(self) -> bool:
        return self.waiting > AHEAD_MAX or self.observed.dirty > DIRTY_MAX

    async def recovered(self) -> None:
        """After a worker died: waits until what it held has come back and is settled. What it had committed and not
        acknowledged is counted a second time, as delivered twice; from here on that no longer hides a backlog."""
        while not self.stop.is_set() and await self._queue_depth():
            self.show()
            await asyncio.sleep(0.5)
        self._counted_again = self.settled - self.shop.sent
        self._died = False

    def show(self) -> None:
        day = str(iso_day(self.shop.today)) if self.shop.today else ""
        self.display.update(day, self.settled, self.waiting, self.observed.lag_ms, len(self.subscriber.order_ids))

    async def replay(self, rows: Iterator[Row], total: int) -> None:
        """Sends all rows; stops early when told to."""
        sent = 0
        half = total // 2
        for chunk, sales in chunks_in_time(rows):
            await self._keep_together(max((sale.day for sale in sales), default=self.shop.today))
            if self.stop.is_set():
                return
            await self.shop.sell(chunk, sales)
            before, sent = sent, sent + len(chunk)
            if before <= half < sent:
                self._half_way()
            self.models.reached(self.shop.today)
            while self._too_far_ahead and not self.stop.is_set() and not self._died:
                self.show()
                await asyncio.sleep(TICK_S)
            if self._died:
                await self.recovered()
            self.show()
            if self.stop.is_set():
                return
        await self.shop.finish()

    async def _keep_together(self, day: int) -> None:
        """Waits until all is settled before the sales get too far apart: a queue that is not FIFO delivers in any
        order, and a sale must not become late because a much newer one overtook it."""
        if day - self._settled_until <= TOGETHER_DAYS:
            return
        while self.waiting and not self.stop.is_set():
            self.show()
            await asyncio.sleep(TICK_S)
            if self._died:
                await self.recovered()
        self._settled_until = self.shop.today

    def _half_way(self) -> None:
        if self.options.dead_endpoint:
            say("half-way: the model server is killed")
            self.models.kill()
        if self.options.kill_worker and self.worker is not None:
            say("half-way: the worker is killed with -9")
            self.worker.kill()

    async def until_done(self) -> None:
        """Waits until every sale is settled, every product decided and every event delivered."""
        quiet_since: float | None = None
        last, changed_at = (0, 0, 0), time.monotonic()
        while not self.stop.is_set():
            self.show()
            now = time.monotonic()
            seen = (self.settled, len(self.subscriber.order_ids), self.observed[Metric.PRODUCTS_DECIDED])
            if seen != last:
                last, changed_at = seen, now
            if await self._quiet():
                quiet_since = quiet_since or now
                if now - quiet_since >= QUIET_S:
                    return
            else:
                quiet_since = None
            if now - changed_at > STUCK_S and await self._queue_depth() == 0:
                say(f"nothing has moved for {STUCK_S:.0f} s; {self.waiting:,} sales are not accounted for")
                return
            await asyncio.sleep(0.2)

    async def _quiet(self) -> bool:
        if self._died:
            await self.recovered()
        if self.waiting or await self._queue_depth():
            return False
        now = int(time.time() * 1000) + 60_000
        store = DynamoState(self.clients.dynamodb, self.settings.state_table, self.settings.commit_deadline_s)
        return not await store.outbox(now, 1) and not await store.dirty(now, 1)

    async def _queue_depth(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = await self.clients.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)
        return sum(int(value) for value in answer["Attributes"].values())

    async def end(self, supervising: asyncio.Task[None]) -> None:
        """Stops the worker in order, then takes in what is still on its way to the subscriber."""
        if self.worker is not None and self.worker.running:
            await self.worker.stop(WORKER_STOP_S)
        await asyncio.wait([supervising], timeout=5)
        while await self.subscriber.read(0):
            self.show()


def chunks_in_time(rows: Iterator[Row]) -> Iterator[tuple[list[Row], list[SaleRecorded]]]:
    """Runs of at most CHUNK_ROWS rows, whose sales are at most TOGETHER_DAYS apart, and those sales."""
    chunk: list[Row] = []
    sales: list[SaleRecorded] = []
    for row in rows:
        sale = sale_of(row)
        apart = sale is not None and bool(sales) and sale.day - sales[0].day > TOGETHER_DAYS
        if chunk and (apart or len(chunk) >= CHUNK_ROWS):
            yield chunk, sales
            chunk, sales = [], []
        chunk.append(row)
        if sale is not None:
            sales.append(sale)
    if chunk:
        yield chunk, sales
