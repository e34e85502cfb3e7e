"""An explainer that says the same of everything."""

from __future__ import annotations

from collections.abc import Mapping

from fakes.faults import Faults
from handlers.insight_text import InsightText

WORDS = InsightText(("It sold faster than before.",), ("Look at the supplier.",), ("It may run out.",), (), "fake")


class FakeExplainer:
    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.asked: list[Mapping[str, object]] = []

    async def explain(self, facts: Mapping[str, object]) -> InsightText:
        self.asked.append(facts)
        async with self.faults.around("explain"):
            return WORDS
