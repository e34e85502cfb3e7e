"""The agenda as a list in memory."""

from __future__ import annotations

from collections.abc import Collection
from sys import maxsize

from domain.events import ProductKey
from fakes.faults import Faults
from handlers.ports import Clock


class Noted:
    """When it was added (ms), what of it is left, and since which mark it may be done."""

    def __init__(self, at: int, left: set[ProductKey]) -> None:
        self.at, self.left, self.since = at, left, maxsize


class InMemoryAgenda:
    def __init__(self, faults: Faults, clock: Clock) -> None:
        self._faults = faults
        self._clock = clock
        self._marks = 0
        self.entries: list[Noted] = []

    def mark(self) -> int:
        return self._marks

    async def add(self, keys: Collection[ProductKey]) -> Noted:
        async with self._faults.around("add"):
            noted = Noted(self._clock.now(), set(keys))
            self.entries.append(noted)
        return noted

    async def committed(self, entries: Noted, dirty: Collection[ProductKey]) -> None:
        self._marks += 1
        entries.left.intersection_update(dirty)
        entries.since = self._marks

    async def done(self, keys: Collection[ProductKey], mark: int) -> None:
        async with self._faults.around("done"):
            for noted in self.entries:
                if noted.since <= mark:
                    noted.left.difference_update(keys)
            self.entries = [noted for noted in self.entries if noted.left]

    async def due(self, before: int, limit: int) -> list[ProductKey]:
        async with self._faults.around("due"):
            keys = dict.fromkeys(
                key for noted in self.entries if noted.at < before for key in sorted(noted.left, key=str)
            )
        return list(keys)[:limit]
