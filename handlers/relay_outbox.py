"""How does every committed event reach the bus?

An entry leaves the outbox only after the bus accepted it. Between the two a crash publishes it again, under the same
id: at least once, never lost."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from handlers.announcements import REORDER_REQUIRED
from handlers.errors import TransientFailure
from handlers.metrics import Metric
from handlers.ports import EventBus, Metrics, OutboxEntry, StateStore

log = structlog.get_logger()


class RelayOutbox:
    def __init__(self, store: StateStore, bus: EventBus, metrics: Metrics) -> None:
        self._store = store
        self._bus = bus
        self._metrics = metrics

    async def __call__(self, entries: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        """Publishes entries that are in the outbox; returns those that are still there for all we know."""
        if not entries:
            return []
        try:
            accepted = await self._bus.publish(entries)
        except TransientFailure as exc:
            log.warning("outbox.publish_failed", reason=str(exc), entries=len(entries))
            return list(entries)
        published = [entry for entry, ok in zip(entries, accepted, strict=True) if ok]
        orders = sum(entry.detail_type == REORDER_REQUIRED for entry in published)
        self._metrics.count(Metric.REORDERS_PUBLISHED, orders)
        try:
            await self._store.forget([entry.entry_id for entry in published])
        except TransientFailure as exc:
            # They stay in the outbox and will be published a second time: at least once.
            log.warning("outbox.forget_failed", reason=str(exc), entries=len(published))
        return [entry for entry, ok in zip(entries, accepted, strict=True) if not ok]
