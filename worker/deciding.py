"""When is a dirty product decided, and what follows from it?

Products are decided on a clock of their own, many at once: a model call never delays an acknowledgement. What cannot
be decided now stays dirty; that it is dirty is durable, so that nothing kept here is needed by anybody else."""

from __future__ import annotations

import asyncio
from time import perf_counter

import structlog

from domain.events import ProductKey
from handlers.errors import Misconfigured, TransientFailure
from handlers.explain import CROWDED
from handlers.metrics import Metric
from handlers.place_reorders import Crossed
from handlers.ports import ForecastRecord
from worker.parts import Parts
from worker.settings import Settings
from worker.waiting import set_within

log = structlog.get_logger()

BACK_OFF_S = 2.0
INSIGHTS_WAITING_MAX = 100
CROWDED_MAX = 1_000
SWEPT_MAX = 1_000
DIRTY_MAX = 100_000
RECORDS_KEPT_MAX = 100_000


class Deciding:
    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._dirty: dict[ProductKey, None] = {}
        self._dirty_added = asyncio.Event()
        self._insights: asyncio.Queue[Crossed] = asyncio.Queue(INSIGHTS_WAITING_MAX)
        self._crowded: asyncio.Queue[Crossed] = asyncio.Queue(CROWDED_MAX)
        self._records: list[ForecastRecord] = []
        self._recorded = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Products that wait to be decided."""
        return len(self._dirty)

    def add(self, keys: set[ProductKey]) -> None:
        """Products to decide. Those beyond DIRTY_MAX are left to a sweep: that they are dirty is durable."""
        if keys:
            room = max(0, DIRTY_MAX - len(self._dirty))
            self._dirty.update(dict.fromkeys(sorted(keys, key=str)[:room]))
            self._dirty_added.set()

    def finish(self) -> None:
        """Nothing is added any more: decide what is dirty once more, and end."""
        self._recorded.set()
        self._dirty_added.set()

    async def run(self) -> None:
        """Decides the dirty products again and again; once all is recorded, a last time."""
        while not self._recorded.is_set():
            await self._dirty_added.wait()
            self._dirty_added.clear()
            await self.decide_all()
            await set_within(self._recorded, self._settings.decide_interval_s)
        await self.decide_all()

    async def decide_all(self) -> None:
        """Decides all that are dirty now; those that become dirty meanwhile wait for the next time."""
        waiting, self._dirty = list(self._dirty), {}
        size = self._settings.decide_products
        for at in range(0, len(waiting), size):
            keys = waiting[at : at + size]
            try:
                self.add(await self._decide_some(keys))
                self._parts.metrics.observe(Metric.DIRTY_PRODUCTS, len(self._dirty) + max(0, len(waiting) - at - size))
                self._parts.metrics.flush()
            except (TransientFailure, Misconfigured) as exc:
                log.warning("decision.failed", products=len(keys), reason=str(exc))
                self.add(set(keys))
                await self._parts.clock.sleep(BACK_OFF_S)

    async def _decide_some(self, keys: list[ProductKey]) -> set[ProductKey]:
        parts, started = self._parts, perf_counter()
        mark = parts.agenda.mark()
        assessments, clean = await parts.reforecast(keys)
        if not assessments:
            await self._tick_off(clean, mark)
            return set()
        parts.watch_accuracy.note(assessment.snapshot.key for assessment in assessments)
        placed = await asyncio.shield(asyncio.ensure_future(parts.place_reorders(assessments)))
        if parts.onlooker is not None:
            parts.onlooker.decided(placed.decisions)
        await self._tick_off(clean | placed.decided, mark)
        left = await parts.relay_outbox(placed.outbox)
        parts.metrics.count(Metric.OUTBOX_DEPTH, len(left))
        try:
            await parts.forecasts.save(placed.forecasts)
        except (TransientFailure, Misconfigured) as exc:
            log.warning("forecasts.not_saved", products=len(placed.forecasts), reason=str(exc))
        self._records = (self._records + placed.forecasts)[-RECORDS_KEPT_MAX:]
        for crossed in placed.crossed:
            self._ask(crossed)
        parts.metrics.observe(Metric.DECIDE_TIME, (perf_counter() - started) * 1000)
        return placed.still_dirty

    async def _tick_off(self, keys: set[ProductKey], mark: int) -> None:
        """Takes the decided off the agenda. What cannot be taken off now is the next time."""
        try:
            await self._parts.agenda.done(keys, mark)
        except (TransientFailure, Misconfigured) as exc:
            log.warning("agenda.not_ticked_off", products=len(keys), reason=str(exc))

    def _ask(self, crossed: Crossed) -> None:
        if self._parts.explain is None:
            return
        try:
            self._insights.put_nowait(crossed)
        except asyncio.QueueFull:
            self._leave_to_rules(crossed)

    def _leave_to_rules(self, crossed: Crossed) -> None:
        """Rules need nobody to answer. That the product crossed a level is known by now, and is not told of again."""
        self._parts.metrics.count(Metric.INSIGHTS_CROWDED)
        try:
            self._crowded.put_nowait(crossed)
        except asyncio.QueueFull:
            self._parts.metrics.count(Metric.INSIGHTS_DROPPED)

    async def explain(self) -> None:
        """Asks for the insights that wait, all at once: those alike become one question. For ever."""
        if self._parts.explain is not None:
            await self._parts.explain.prepare()
        while self._parts.explain is not None:
            waiting = await _next_in(self._insights)
            await self._parts.explain(waiting)
            _done_in(self._insights, waiting)

    async def explain_crowded(self) -> None:
        """Lets rules explain what found the queue full, whatever the model does. For ever."""
        while self._parts.explain is not None:
            waiting = await _next_in(self._crowded)
            await self._parts.explain.by_rules(waiting, CROWDED)
            _done_in(self._crowded, waiting)

    async def explained(self, ends_at: float) -> None:
        """Waits until those loops have told all there is to tell. ends_at: in the loop's time, when a model is given up
        and rules speak in its place."""
        if self._parts.explain is not None:
            self._parts.explain.give_up_at(ends_at)
            await self._insights.join()
            await self._crowded.join()

    async def explain_waiting(self) -> None:
        """Asks for the insights that wait now, where no loop does."""
        if self._parts.explain is not None:
            await self._parts.explain.by_rules(_waiting_in(self._crowded), CROWDED)
            await self._parts.explain(_waiting_in(self._insights))

    async def sweep(self, before: int) -> None:
        """Takes up the products that have stood on the agenda since before some time (ms): their worker has not decided
        them."""
        due = await self._parts.agenda.due(before, SWEPT_MAX)
        forgotten = {key for key in due if key not in self._dirty}
        if forgotten:
            log.info("dirty.swept", products=len(forgotten))
            # Another worker has changed them: what is cached here may know nothing of it.
            self._parts.products.forget(forgotten)
            self.add(forgotten)

    async def publish_forecast_metrics(self) -> None:
        """Publishes what was forecast since the last time."""
        records, self._records = self._records, []
        if records:
            await self._parts.forecast_metrics.publish(records)


async def _next_in(queue: asyncio.Queue[Crossed]) -> list[Crossed]:
    """All that wait, once there is something."""
    return [await queue.get(), *_waiting_in(queue)]


def _done_in(queue: asyncio.Queue[Crossed], told: list[Crossed]) -> None:
    for _ in told:
        queue.task_done()


def _waiting_in(queue: asyncio.Queue[Crossed]) -> list[Crossed]:
    return [queue.get_nowait() for _ in range(queue.qsize())]
