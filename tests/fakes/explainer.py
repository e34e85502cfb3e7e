"""An explainer that says the same of everything, and what one may be asked about."""

from __future__ import annotations

from collections.abc import Mapping

from fakes.faults import Faults
from handlers.insight_text import InsightText, Usage
from handlers.ports import MayCall, unbounded

WORDS = InsightText(
    ("It sold faster than before.",), ("Look at the supplier.",), ("It may run out.",), (), "bedrock", "fake"
)
PROBE = Usage(9, 3)
FACTS = {
    "product_id": "A",
    "crossing": "covered->low",
    "on_hand": 2,
    "on_order": 0,
    "inventory_position": 2,
    "reorder_point": 9,
    "target": 20,
    "days_of_cover": 1.5,
    "lead_time_days": 7,
    "projected_stockout_on": "2011-12-02",
    "open_orders": [],
}
"""What is known of a product that fell short."""


class FakeExplainer:
    """words: what it says; fails_with: what it raises instead; attempts: how many calls a question takes it."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.asked: list[Mapping[str, object]] = []
        self.words = WORDS
        self.fails_with: Exception | None = None
        self.probed, self.attempts = 0, 1

    async def ready(self, may_call: MayCall) -> Usage:
        await may_call()
        self.probed += 1
        async with self.faults.around("ready"):
            return PROBE

    async def explain(self, facts: Mapping[str, object], may_call: MayCall = unbounded) -> InsightText:
        for _ in range(self.attempts):
            await may_call()
        self.asked.append(facts)
        if self.fails_with is not None:
            raise self.fails_with
        async with self.faults.around("explain"):
            return self.words
