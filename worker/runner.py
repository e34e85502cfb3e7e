"""Which loops make up the worker, and how do they stop?

Pollers fill a bounded inbox from every source, one loop settles micro-batches, one decides the dirty products on its
own clock, one sweeps what a dead worker left behind, one watches the forecasts. On stop: no new receive, but the open
long polls are awaited; what was received is settled; dirty products are decided once more and what they crossed is
told; all under one deadline.
Each step is also safe under kill -9: draining is an optimisation, never a guarantee."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from handlers.errors import Misconfigured, TransientFailure
from worker.deciding import Deciding
from worker.intake import Batch
from worker.observability.pulse import Pulse, stuck_after_s
from worker.parts import Parts
from worker.receiving import BACK_OFF_S, Receiving
from worker.settings import Settings
from worker.sources.source import Message
from worker.sweeping import Sweeping

log = structlog.get_logger()

INSIGHTS_IN_FLIGHT = 2
FORECAST_METRICS_EVERY_S = 60.0
# A model of words has so long to finish when the worker stops; then rules need a moment, within the deadline.
LAST_WORDS_S = 5.0
RULES_S = 2.0


class Runner:
    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._receiving = Receiving(parts.sources, settings.long_poll_s, parts.metrics)
        self._deciding = Deciding(parts, settings)
        self._sweeping = Sweeping(parts, settings, self._deciding)
        self._pulse = Pulse(stuck_after_s(settings.commit_deadline_s))

    @property
    def stuck(self) -> str | None:
        """The step that hangs, None if none does."""
        return self._pulse.stuck

    def page(self, loop_lag_s: float, *, takes_work: bool) -> bytes | None:
        """The metrics, and these, as Prometheus reads them; None where nobody shall."""
        return self._parts.metrics.page(loop_lag_s, takes_work=takes_work)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until stop is set, then drains. Raises only for what nobody here can mend."""
        async with asyncio.TaskGroup() as group:
            background = [
                *(group.create_task(source.keep()) for source in self._parts.sources),
                group.create_task(self._every(self._settings.sweep_interval_s, self._sweeping.outbox)),
                group.create_task(self._every(self._settings.sweep_interval_s, self._sweeping.dirty)),
                group.create_task(self._every(self._settings.purchases_interval_s, self._sweeping.orders)),
                *self._reloading(group),
                *self._looked_on(group),
                group.create_task(self._every(FORECAST_METRICS_EVERY_S, self._deciding.publish_forecast_metrics)),
                group.create_task(self._every(self._settings.watch_interval_s, self._watch)),
                *(group.create_task(self._deciding.explain()) for _ in range(INSIGHTS_IN_FLIGHT)),
                group.create_task(self._deciding.explain_crowded()),
            ]
            deciding = group.create_task(self._deciding.run())
            recording = group.create_task(self._record(group))
            pollers = [
                group.create_task(self._receiving.poll(source, stop, number))
                for source in self._parts.sources
                for number in range(source.pollers)
            ]
            await stop.wait()
            log.info("drain.started", deadline_s=self._settings.drain_timeout_s)
            try:
                ends_at = asyncio.get_running_loop().time() + self._settings.drain_timeout_s
                async with asyncio.timeout_at(ends_at):
                    await self._drain(pollers, recording, deciding, ends_at)
            except TimeoutError:
                log.warning("drain.timed_out", dirty=self._deciding.waiting)
            for task in (*pollers, recording, deciding, *background):
                task.cancel()
            await self._receiving.hand_over()
        self._parts.metrics.flush()

    def _reloading(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Reads the rules again and again, if there are any."""
        reload = self._parts.ordering.reload_rules
        if reload is None:
            return []

        async def reload_rules() -> None:
            await reload()

        return [group.create_task(self._every(self._settings.rules_interval_s, reload_rules))]

    def _looked_on(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Serves the live page, if there is one."""
        onlooker = self._parts.onlooker
        return [] if onlooker is None else [group.create_task(onlooker.keep())]

    async def _drain(
        self,
        pollers: Sequence[asyncio.Task[None]],
        recording: asyncio.Task[None],
        deciding: asyncio.Task[None],
        ends_at: float,
    ) -> None:
        await asyncio.gather(*pollers)
        await self._receiving.inbox.put(None)  # the end
        await recording
        # All is settled: others may go on with the shards while we still decide.
        await self._receiving.hand_over()
        self._deciding.finish()
        await deciding
        await self._attempt(self._deciding.publish_forecast_metrics)
        words_end_at = asyncio.get_running_loop().time() + LAST_WORDS_S
        await self._deciding.explained(min(words_end_at, ends_at - RULES_S))
        log.info("drain.finished")

    async def _record(self, group: asyncio.TaskGroup) -> None:
        """Settles micro-batches one after the other; deleting the messages of one overlaps with the next."""
        acknowledging: asyncio.Task[None] = group.create_task(asyncio.sleep(0))  # nothing yet
        ended = False
        try:
            while not ended:
                batch, ended = await self._next_batch()
                if not batch.messages:
                    continue
                with self._pulse.step("settle"):
                    done, handed_back = await self._settle(batch)
                    await acknowledging
                acknowledging = group.create_task(self._receiving.acknowledge(done, handed_back))
            await acknowledging
        finally:
            # Cancelled at the deadline of a drain: what is not deleted by then comes again, and the ledger knows it.
            acknowledging.cancel()

    async def _next_batch(self) -> tuple[Batch, bool]:
        """What the inbox holds, up to batch_sales lines and what its last message has beyond; True when the end has
        come. Message by message: one may hold many thousands of lines."""
        batch, inbox = Batch(), self._receiving.inbox
        message = await inbox.get()
        while message is not None:
            await self._parts.intake.add(batch, message)
            if batch.lines >= self._settings.batch_sales or (inbox.empty() and self._receiving.exhausted):
                return batch, False
            if inbox.empty():
                try:
                    async with asyncio.timeout(self._settings.batch_linger_s):
                        message = await inbox.get()
                except TimeoutError:
                    return batch, False
            else:
                message = inbox.get_nowait()
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

    async def _watch(self) -> None:
        await self._parts.watch_accuracy()
        self._parts.metrics.flush()

    async def _every(self, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        """Repeats a background step for ever."""
        while True:
            await self._parts.clock.sleep(seconds)
            await self._attempt(step)

    async def _attempt(self, step: Callable[[], Awaitable[None]]) -> None:
        """A failure of a background step is logged and does not stop the worker."""
        try:
            with self._pulse.step(step.__name__):
                await step()
        except (TransientFailure, Misconfigured) as exc:
            log.warning("background.failed", step=step.__name__, reason=str(exc))
