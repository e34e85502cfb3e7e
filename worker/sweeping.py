"""What did a worker that is gone leave behind?

Committed events that were never published, and products that were never decided: both are durable, and any worker
finishes them once they are of some age. And what becomes due by the calendar alone: orders that are overdue, and those
that wait for their supplier's review."""

from __future__ import annotations

import structlog

from worker.deciding import SWEPT_MAX, Deciding
from worker.parts import Parts
from worker.settings import Settings

log = structlog.get_logger()


class Sweeping:
    def __init__(self, parts: Parts, settings: Settings, deciding: Deciding) -> None:
        self._parts = parts
        self._age_ms = int(settings.sweep_age_s * 1000)
        self._deciding = deciding

    @property
    def _before(self) -> int:
        return self._parts.clock.now() - self._age_ms

    async def outbox(self) -> None:
        """Publishes the entries of some age: their worker has not."""
        entries = await self._parts.store.outbox(self._before, SWEPT_MAX)
        if entries:
            log.info("outbox.swept", entries=len(entries))
            await self._parts.relay_outbox(entries)

    async def orders(self) -> None:
        """Has the products decided whose orders are overdue, or go out with a purchase of their supplier."""
        ordering = self._parts.ordering
        self._deciding.add(await ordering.look_again())
        self._deciding.add(await ordering.release_purchases(self._parts.products))
        await ordering.learn_lead_times()

    async def dirty(self) -> None:
        """Has the products decided that have been dirty for some time."""
        await self._deciding.sweep(self._before)
