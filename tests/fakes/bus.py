"""An event bus in memory that refuses what it is told to refuse."""

from __future__ import annotations

from collections.abc import Sequence

from fakes.faults import Faults
from handlers.ports import OutboxEntry


class InMemoryBus:
    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.published: list[OutboxEntry] = []
        self.refused: set[str] = set()

    async def publish(self, entries: Sequence[OutboxEntry]) -> list[bool]:
        async with self.faults.around("publish"):
            accepted = [entry.entry_id not in self.refused for entry in entries]
            self.published += [entry for entry, ok in zip(entries, accepted, strict=True) if ok]
        return accepted
