"""How is nothing decided while the past is still being counted?

The products of a replay are put on the agenda under a time that lies ahead, at which any worker's sweep would take them
up: a replay that is killed leaves nothing undecided, only later. What runs on pushes that time on; release() makes it
now, when the resulting state is there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from domain.events import ProductKey
from handlers.ports import Clock
from worker.aws.agenda import DynamoAgenda, Entry

HOLD_S = 900
RENEWED_S = 300  # before it would be over


class _Ahead:
    """A clock that is ahead of another."""

    def __init__(self, clock: Clock, ahead_s: float) -> None:
        self._clock = clock
        self._ahead_ms = int(ahead_s * 1000)

    def now(self) -> int:
        return self._clock.now() + self._ahead_ms

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class HeldAgenda:
    def __init__(self, client: Any, table: str, clock: Clock, hold_s: float = HOLD_S) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._hold_s = hold_s
        self._ahead = DynamoAgenda(client, table, _Ahead(clock, hold_s))
        self._until = 0
        self.held: set[ProductKey] = set()

    def mark(self) -> int:
        return self._ahead.mark()

    async def add(self, keys: Collection[ProductKey]) -> list[Entry]:
        now = self._clock.now()
        if self.held and now > self._until - RENEWED_S * 1000:
            await self._renew()
        self._until = self._until if self.held else now + int(self._hold_s * 1000)
        return await self._ahead.add([key for key in keys if key not in self.held])

    async def _renew(self) -> None:
        entries = await self._ahead.add(self.held)
        self._until = self._clock.now() + int(self._hold_s * 1000)
        before = self._ahead.mark()
        # The new entries are not committed yet, so that only the old ones are struck through.
        await self._ahead.done(self.held, before)
        await self._ahead.committed(entries, self.held)

    async def committed(self, entries: Sequence[Entry], dirty: Collection[ProductKey]) -> None:
        await self._ahead.committed(entries, dirty)
        self.held.update(dirty)

    async def done(self, keys: Collection[ProductKey], mark: int) -> None:
        await self._ahead.done(keys, mark)

    async def due(self, before: int, limit: int) -> list[ProductKey]:
        return await self._ahead.due(before, limit)

    async def release(self) -> int:
        """All that was held may be decided by whoever sweeps next; returns how many products."""
        held, self.held = self.held, set()
        if held:
            now = DynamoAgenda(self._client, self._table, self._clock)
            await now.committed(await now.add(held), held)
            await self._ahead.done(held, self._ahead.mark())
        return len(held)
