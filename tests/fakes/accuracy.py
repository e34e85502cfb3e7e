"""The book of promises and scores in memory. What it announces goes into a state store's outbox."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from domain.accuracy import Promise
from fakes.faults import Fault, Faults
from fakes.state import InMemoryState
from handlers.ports import OutboxEntry, ScoredWeek


class InMemoryAccuracyBook:
    def __init__(self, store: InMemoryState | None = None, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.store = store or InMemoryState()
        self.promises: dict[int, list[Promise]] = defaultdict(list)
        self.weeks: dict[int, ScoredWeek] = {}
        self.wape: dict[str, float] = {}

    async def promise(self, week: int, promises: Sequence[Promise]) -> None:
        async with self.faults.around("promise"):
            self.promises[week] += promises

    async def promised(self, week: int) -> list[Promise]:
        async with self.faults.around("promised"):
            return list(self.promises.get(week, ()))

    async def close(self, scored: ScoredWeek, outbox: Sequence[OutboxEntry]) -> bool:
        async with self.faults.around("close") as fault:
            if fault is Fault.LOSE or scored.week in self.weeks:
                return False
            self.weeks[scored.week] = scored
            self.store.entries.update({entry.entry_id: entry for entry in outbox})
        return True

    async def closed(self, limit: int) -> list[ScoredWeek]:
        async with self.faults.around("closed"):
            return [self.weeks[week] for week in sorted(self.weeks)[-limit:]]

    async def backtest(self) -> Mapping[str, float]:
        async with self.faults.around("backtest"):
            return dict(self.wape)

    async def set_backtest(self, wape: Mapping[str, float]) -> None:
        async with self.faults.around("set_backtest"):
            self.wape = dict(wape)
