"""An explainer that says the same of everything."""

from __future__ import annotations

from collections.abc import Mapping

from fakes.faults import Faults
from handlers.insight_text import InsightText

WORDS = InsightText(
    ("It sold faster than before.",), ("Look at the supplier.",), ("It may run out.",), (), "bedrock", "fake"
)


class FakeExplainer:
    """words: what it says; fails_with: what it raises instead."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.asked: list[Mapping[str, object]] = []
        self.words = WORDS
        self.fails_with: Exception | None = None
        self.probed = 0

    async def ready(self) -> None:
        self.probed += 1
        async with self.faults.around("ready"):
            return

    async def explain(self, facts: Mapping[str, object]) -> InsightText:
        self.asked.append(facts)
        if self.fails_with is not None:
            raise self.fails_with
        async with self.faults.around("explain"):
            return self.words
