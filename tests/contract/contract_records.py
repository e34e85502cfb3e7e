"""Records that more than one contract suite begins with."""

from __future__ import annotations

from fakes.clock import NOW, TODAY
from fakes.examples import A

from domain.events import ProductKey
from domain.forecast import DemandForecast, TotalDemand
from domain.product import ProductState
from handlers.ports import ForecastRecord


def record(key=A, as_of=TODAY, mean=40.5, confidence=80.0, source="model", made_at=NOW):
    totals = (TotalDemand(1, 1.5, 0.2), TotalDemand(28, mean, 0.1))
    return ForecastRecord(key, DemandForecast(as_of, source, totals), (30, 40, 55), 9, 25, confidence, made_at)


async def only(store, key: ProductKey) -> ProductState:
    """The committed state of one product."""
    return (await store.load([key]))[key]
