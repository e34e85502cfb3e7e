"""A book of insights in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from domain.events import InsightPublished, ProductKey
from fakes.faults import Faults
from handlers.announcements import announce_insight


class InMemoryInsights:
    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self._of_day: dict[tuple[ProductKey, int], Any] = {}

    @property
    def kept(self) -> list[tuple[ProductKey, Any]]:
        return [(product, detail) for (product, _), detail in self._of_day.items()]

    async def keep(self, insights: Sequence[InsightPublished]) -> None:
        async with self.faults.around("keep"):
            for insight in insights:
                self.put(insight)

    def put(self, insight: InsightPublished) -> None:
        self._of_day[insight.product, insight.as_of] = json.loads(announce_insight(insight).detail)

    async def of(self, product: ProductKey) -> list[Any]:
        """The newest first."""
        days = sorted((day for key, day in self._of_day if key == product), reverse=True)
        return [self._of_day[product, day] for day in days]


class InMemoryInsightLedger:
    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.hours: dict[int, tuple[int, int]] = {}

    async def take(self, hour: int, tokens: int, calls_max: int, tokens_max: int) -> bool:
        async with self.faults.around("take"):
            calls, spent = self.hours.get(hour, (0, 0))
            if calls >= calls_max or spent + tokens > tokens_max:
                return False
            self.hours[hour] = (calls + 1, spent + tokens)
            return True

    async def correct(self, hour: int, tokens: int) -> None:
        async with self.faults.around("correct"):
            calls, spent = self.hours.get(hour, (0, 0))
            self.hours[hour] = (calls, spent + tokens)
