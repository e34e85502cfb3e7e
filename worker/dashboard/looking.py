"""What would be decided of products now, if they were?

From their states, the shop's stock and the rules, with the forecasts that they were decided with last: the model is not
asked, nothing is changed. So a page can show products that this worker has not decided since it started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.decision import Assessment, assess, known_of, newest_stock
from domain.forecast import DemandForecast, TotalDemand
from domain.policy import FORECAST_DAYS, SupplyTerms
from domain.product import ForecastNote, ProductState
from domain.ruling import DecisionRecord, rule_on
from handlers.current_rules import CurrentRules
from handlers.ports import Clock, Inventory, InventoryRecord

ALWAYS_FORECAST = {1, FORECAST_DAYS}


@dataclass(frozen=True, slots=True)
class Looking:
    """inventory: the shop's records; rules: those that hold now; terms: where neither says anything."""

    inventory: Inventory
    rules: CurrentRules
    terms: SupplyTerms
    clock: Clock

    async def at(self, states: Sequence[ProductState]) -> list[tuple[ProductState, DecisionRecord]]:
        """Each state with what would be decided. Those without a forecast for their terms are left out: they were not
        decided yet, or not since their terms changed. TransientFailure if the stock cannot be read."""
        decided = [state for state in states if state.forecast is not None]
        if not decided:
            return []
        records = await self.inventory.read([state.key for state in decided])
        known = [records.get(state.key, InventoryRecord(None, self.terms)) for state in decided]
        ruled = [self.rules.buying(s, record, self.terms) for s, record in zip(decided, known, strict=True)]
        rows = [
            (state, record, buying, terms, forecast)
            for state, record, (buying, terms) in zip(decided, known, ruled, strict=True)
            if (forecast := _forecast(state.forecast, terms)) is not None
        ]
        if not rows:
            return []
        states_, told, buying, terms, forecasts = (list(column) for column in zip(*rows, strict=True))
        stocks = [newest_stock(r.stock, s.stock, s.received_at) for s, r in zip(states_, told, strict=True)]
        assessments = assess(states_, stocks, terms, forecasts, [0] * len(rows), buying)
        return [(a.snapshot, _record(a, self.clock.now())) for a in assessments]


def _forecast(note: ForecastNote | None, terms: SupplyTerms) -> DemandForecast | None:
    """The forecast of a note, None if it does not reach as far as these terms ask."""
    if note is None or not {terms.protection_days, *ALWAYS_FORECAST} <= {days for days, _, _ in note.totals}:
        return None
    return DemandForecast(note.as_of, note.source, tuple(TotalDemand(*total) for total in note.totals))


def _record(assessment: Assessment, now: int) -> DecisionRecord:
    known = known_of(assessment.snapshot, assessment, now)
    return DecisionRecord(known, rule_on(known, assessment.reorder_point, assessment.target, assessment.ceiling))
