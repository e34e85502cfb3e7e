"""The agenda as a list in memory."""

from __future__ import annotations

from collections.abc import Collection

from domain.events import ProductKey
from fakes.faults import Faults
from handlers.ports import Clock


class InMemoryAgenda:
    def __init__(self, faults: Faults, clock: Clock) -> None:
        self._faults = faults
        self._clock = clock
        self.entries: list[tuple[int, set[ProductKey]]] = []
        self._ended = 0

    def mark(self) -> int:
        return self._ended + len(self.entries)

    async def add(self, keys: Collection[ProductKey]) -> None:
        async with self._faults.around("add"):
            if keys:
                self.entries.append((self._clock.now(), set(keys)))

    async def done(self, keys: Collection[ProductKey], mark: int) -> None:
        async with self._faults.around("done"):
            for _, left in self.entries[: mark - self._ended]:
                left.difference_update(keys)
            while self.entries and not self.entries[0][1]:
                self.entries.pop(0)
                self._ended += 1

    async def due(self, before: int, limit: int) -> list[ProductKey]:
        async with self._faults.around("due"):
            keys = dict.fromkeys(key for at, left in self.entries if at < before for key in sorted(left, key=str))
        return list(keys)[:limit]
