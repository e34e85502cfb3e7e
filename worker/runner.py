"""Which loops make up the worker, and how do they stop?

Pollers fill a bounded inbox, one loop settles micro-batches, one decides the dirty products on its own clock, one
sweeps what a dead worker left behind. On stop: no new receive, but the open long polls are awaited; what was received
is settled; dirty products are decided once more; all under one deadline. Each step is also safe under kill -9:
draining is an optimisation, never a guarantee."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from sys import getsizeof
from time import perf_counter

import structlog

from handlers.errors import Misconfigured, TransientFailure
from handlers.metrics import Metric
from worker.deciding import SWEPT_MAX, Deciding
from worker.intake import Batch
from worker.parts import Parts
from worker.settings import Settings
from worker.sources.sqs import BATCH_MAX, Message
from worker.waiting import set_within

log = structlog.get_logger()

BACK_OFF_S = 2.0
HAND_OVER_S = 5.0
BODY_BYTES_MAX = 64 * 1024 * 1024
INSIGHTS_IN_FLIGHT = 2
FORECAST_METRICS_EVERY_S = 60.0


class Runner:
    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self._slots = asyncio.Semaphore(settings.messages_in_flight)
        self._body_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._deciding = Deciding(parts, settings)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until stop is set, then drains. Raises only for what nobody here can mend."""
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(self._parts.source.keep_visible()),
                group.create_task(self._every(self._settings.sweep_interval_s, self._sweep_outbox)),
                group.create_task(self._every(self._settings.sweep_interval_s, self._sweep_dirty)),
                group.create_task(self._every(FORECAST_METRICS_EVERY_S, self._deciding.publish_forecast_metrics)),
                *(group.create_task(self._deciding.explain()) for _ in range(INSIGHTS_IN_FLIGHT)),
            ]
            deciding = group.create_task(self._deciding.run())
            recording = group.create_task(self._record(group))
            pollers = [group.create_task(self._poll(stop)) for _ in range(self._settings.pollers)]
            await stop.wait()
            log.info("drain.started", deadline_s=self._settings.drain_timeout_s)
            try:
                async with asyncio.timeout(self._settings.drain_timeout_s):
                    await self._drain(pollers, recording, deciding)
            except TimeoutError:
                log.warning("drain.timed_out", dirty=self._deciding.waiting)
            for task in (*pollers, recording, deciding, *background):
                task.cancel()
            await self._hand_over()
        self._parts.metrics.flush()

    async def _hand_over(self) -> None:
        try:
            async with asyncio.timeout(HAND_OVER_S):
                await self._parts.source.hand_over()
        except TimeoutError:
            log.warning("drain.not_handed_over")

    async def _drain(
        self,
        pollers: Sequence[asyncio.Task[None]],
        recording: asyncio.Task[None],
        deciding: asyncio.Task[None],
    ) -> None:
        await asyncio.gather(*pollers)
        await self._inbox.put(None)  # the end
        await recording
        self._deciding.finish()
        await deciding
        await self._attempt(self._deciding.publish_forecast_metrics)
        log.info("drain.finished")

    async def _poll(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            # Slots are taken before receiving: nothing is received that there is no room for.
            await self._room.wait()
            for _ in range(BATCH_MAX):
                await self._slots.acquire()
            messages: list[Message] = []
            if stop.is_set():
                self._release(BATCH_MAX)
                return
            try:
                messages = await self._parts.source.receive(self._settings.long_poll_s)
            except (TransientFailure, Misconfigured) as exc:
                log.warning("receive.failed", reason=str(exc))
                await set_within(stop, BACK_OFF_S)
            finally:
                self._release(BATCH_MAX - len(messages))
            self._hold(sum(getsizeof(message.body) for message in messages))
            for message in messages:
                await self._inbox.put(message)

    def _release(self, slots: int) -> None:
        for _ in range(slots):
            self._slots.release()

    def _hold(self, body_bytes: int) -> None:
        """So many more bytes of bodies are held, or fewer if negative; beyond BODY_BYTES_MAX nothing is received."""
        self._body_bytes += body_bytes
        if self._body_bytes < BODY_BYTES_MAX:
            self._room.set()
        else:
            self._room.clear()

    async def _record(self, group: asyncio.TaskGroup) -> None:
        """Settles micro-batches one after the other; deleting the messages of one overlaps with the next."""
        acknowledging: asyncio.Task[None] = group.create_task(asyncio.sleep(0))  # nothing yet
        ended = False
        try:
            while not ended:
                batch, ended = await self._next_batch()
                if not batch.messages:
                    continue
                done, handed_back = await self._settle(batch)
                await acknowledging
                acknowledging = group.create_task(self._acknowledge(done, handed_back))
            await acknowledging
        finally:
            # Cancelled at the deadline of a drain: what is not deleted by then comes again, and the ledger knows it.
            acknowledging.cancel()

    async def _next_batch(self) -> tuple[Batch, bool]:
        """What the inbox holds, up to batch_sales lines and what its last message has beyond; True when the end has
        come. Message by message: one may hold many thousands of lines."""
        batch = Batch()
        message = await self._inbox.get()
        while message is not None:
            await self._parts.intake.add(batch, message)
            if batch.lines >= self._settings.batch_sales:
                return batch, False
            if self._inbox.empty():
                try:
                    async with asyncio.timeout(self._settings.batch_linger_s):
                        message = await self._inbox.get()
                except TimeoutError:
                    return batch, False
            else:
                message = self._inbox.get_nowait()
        return batch, True

    async def _settle(self, batch: Batch) -> tuple[list[Message], list[Message]]:
        try:
            # Once begun, a commit is seen through: a cancelled one would leave its fate unknown.
            settled = await asyncio.shield(asyncio.ensure_future(self._parts.intake.settle(batch)))
        except (TransientFailure, Misconfigured) as exc:
            log.error("batch.not_settled", messages=len(batch.messages), reason=str(exc))
            await self._parts.clock.sleep(BACK_OFF_S)
            return [], batch.messages
        self._deciding.add(settled.dirty)
        return settled.done, settled.handed_back

    async def _acknowledge(self, done: list[Message], handed_back: list[Message]) -> None:
        started = perf_counter()
        try:
            if done:
                await self._parts.source.acknowledge(done)
            if handed_back:
                await self._parts.source.hand_back(handed_back)
        except (TransientFailure, Misconfigured) as exc:
            log.warning("acknowledge.failed", messages=len(done), reason=str(exc))
        finally:
            self._release(len(done) + len(handed_back))
            self._hold(-sum(getsizeof(message.body) for message in (*done, *handed_back)))
        self._parts.metrics.observe(Metric.ACKNOWLEDGE_TIME, (perf_counter() - started) * 1000)

    @property
    def _swept_before(self) -> int:
        return self._parts.clock.now() - int(self._settings.sweep_age_s * 1000)

    async def _sweep_outbox(self) -> None:
        """Publishes the entries of some age: their worker has not."""
        entries = await self._parts.store.outbox(self._swept_before, SWEPT_MAX)
        if entries:
            log.info("outbox.swept", entries=len(entries))
            await self._parts.relay_outbox(entries)

    async def _sweep_dirty(self) -> None:
        await self._deciding.sweep(self._swept_before)

    async def _every(self, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        """Repeats a background step for ever."""
        while True:
            await self._parts.clock.sleep(seconds)
            await self._attempt(step)

    async def _attempt(self, step: Callable[[], Awaitable[None]]) -> None:
        """A failure of a background step is logged and does not stop the worker."""
        try:
            await step()
        except (TransientFailure, Misconfigured) as exc:
            log.warning("background.failed", step=step.__name__, reason=str(exc))
