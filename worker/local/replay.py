"""How far may the shop run ahead, when is a run done, and what happens when a worker dies?

The shop sends the sales in the order they happened, no further ahead than the workers can follow: neither in sales that
are not settled nor in products that are not decided."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.events import SaleRecorded
from handlers.announcements import iso_day
from handlers.metrics import Metric
from worker.aws.agenda import DynamoAgenda
from worker.aws.clients import Clients
from worker.aws.state import DynamoState
from worker.clock import SystemClock
from worker.local.items import sale_of
from worker.local.models import Models
from worker.local.mood_names import WELL
from worker.local.observed import Observed
from worker.local.progress import Display, say
from worker.local.route import Route
from worker.local.shop import Shop
from worker.local.subscriber import Subscriber
from worker.local.workers import Workers
from worker.producer import Row
from worker.settings import Settings

CHUNK_ROWS = 1_000
DIRTY_MAX = 1_000
TICK_S = 0.05
QUIET_S = 1.0
STUCK_S = 60.0
TOGETHER_DAYS = 14
WIND_UP_S = 20.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    sales: Path | None = None
    until_done: bool = False
    report: Path | None = None
    source: str = "sqs"
    workers: int = 1
    limit: int | None = None
    duplicate_rate: float = 0.0
    dead_endpoint: bool = False
    kill_worker: bool = False
    model: Path | None = None
    bedrock: str = WELL
    keep_open: bool = False


@dataclass(slots=True)
class Local:
    """A local run under way. keeping: the task that keeps the workers running."""

    options: Options
    clients: Clients
    settings: Settings
    route: Route
    shop: Shop
    subscriber: Subscriber
    models: Models
    observed: Observed
    workers: Workers
    keeping: asyncio.Task[None]
    display: Display
    stop: asyncio.Event
    _counted_again: int = 0
    _settled_until: int = 0

    @property
    def settled(self) -> int:
        return self.observed[Metric.SALES_RECEIVED]

    @property
    def waiting(self) -> int:
        return max(0, self.shop.sent - self.settled + self._counted_again)

    @property
    def _too_far_ahead(self) -> bool:
        return self.waiting > self.route.ahead_max or self.observed.dirty > DIRTY_MAX

    async def recovered(self) -> None:
        """After a worker died: waits until what it held has come back and is settled. What it had committed and not
        acknowledged is counted a second time, as delivered twice; from here on that no longer hides a backlog."""
        self.workers.died = False
        while not self.stop.is_set() and await self.route.backlog.left():
            self.show()
            await asyncio.sleep(0.5)
        self._counted_again = self.settled - self.shop.sent

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
            await self._sell(chunk, sales)
            before, sent = sent, sent + len(chunk)
            if before <= half < sent:
                self._half_way()
            self.models.reached(self.shop.today)
            while self._too_far_ahead and not self.stop.is_set() and not self.workers.died:
                self.show()
                await asyncio.sleep(TICK_S)
            if self.workers.died:
                await self.recovered()
            self.show()
            if self.stop.is_set():
                return
        await self._sell((), ())  # what was chosen to be sent again and has not been yet

    async def _sell(self, rows: Sequence[Row], sales: Sequence[SaleRecorded]) -> None:
        await self.shop.sell(rows, sales)
        if self.shop.held:
            await self._all_settled()
        if self.shop.held and not self.stop.is_set():
            await self.shop.sell_held()

    async def _keep_together(self, day: int) -> None:
        """Waits until all is settled before the sales get too far apart: a queue that is not FIFO delivers in any
        order, and a sale must not become late because a much newer one overtook it."""
        if day - self._settled_until > TOGETHER_DAYS:
            await self._all_settled()
            self._settled_until = self.shop.today

    async def _all_settled(self) -> None:
        while self.waiting and not self.stop.is_set():
            self.show()
            await asyncio.sleep(TICK_S)
            if self.workers.died:
                await self.recovered()

    def _half_way(self) -> None:
        if self.options.dead_endpoint:
            say("half-way: the model server is killed")
            self.models.kill()
        if self.options.kill_worker:
            say(f"half-way: {'the' if self.options.workers == 1 else 'a'} worker is killed with -9")
            self.workers.kill_first()

    async def until_done(self) -> None:
        """Waits until every sale is settled, every product decided and every event delivered; words that a model has
        not found by then follow when the workers stop."""
        quiet_since: float | None = None
        last, changed_at = (0, 0, 0, 0), time.monotonic()
        while not self.stop.is_set():
            self.show()
            now = time.monotonic()
            received = len(self.subscriber.order_ids), len(self.subscriber.insights)
            seen = (self.settled, *received, self.observed[Metric.PRODUCTS_DECIDED])
            if seen != last:
                last, changed_at, quiet_since = seen, now, None
            if await self._quiet():
                quiet_since = quiet_since or now
                if now - quiet_since >= QUIET_S:
                    return
            else:
                quiet_since = None
            if now - changed_at > STUCK_S and not await self.route.backlog.left():
                say(f"nothing has moved for {STUCK_S:.0f} s; {self.waiting:,} sales are not accounted for")
                return
            await asyncio.sleep(0.2)

    async def _quiet(self) -> bool:
        if self.workers.died:
            await self.recovered()
        if self.waiting or await self.route.backlog.left():
            return False
        now = int(time.time() * 1000) + 60_000
        store = DynamoState(self.clients.dynamodb, self.settings.state_table, self.settings.commit_deadline_s)
        agenda = DynamoAgenda(self.clients.dynamodb, self.settings.state_table, SystemClock())
        return not await store.outbox(now, 1) and not await agenda.due(now, 1)

    async def wind_up(self) -> None:
        """Nothing more is sold; what is under way has a little time to arrive, which it may need in a pipe."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WIND_UP_S):
                while self.waiting:
                    self.show()
                    await asyncio.sleep(TICK_S)

    async def end(self) -> None:
        """Stops the workers in order, then takes in what is still on its way to the subscriber."""
        await self.workers.stop()
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
