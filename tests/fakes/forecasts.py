"""Forecasts and their metrics, kept in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

from domain.events import ProductKey
from domain.policy import FORECAST_DAYS
from fakes.faults import Faults
from handlers.ports import ForecastRecord


class InMemoryForecasts:
    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.saved: dict[tuple[ProductKey, int], ForecastRecord] = {}

    async def save(self, records: Sequence[ForecastRecord]) -> None:
        async with self.faults.around("save"):
            self.saved.update({(record.product, record.forecast.as_of): record for record in records})


class InMemoryForecastMetrics:
    """together: the demand and confidence over all products of each publication. alone: those of listed products."""

    def __init__(self, products: Sequence[str] = (), faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self._products = frozenset(products)
        self.together: list[tuple[list[float], list[float]]] = []
        self.alone: list[tuple[ProductKey, float, float | None]] = []

    async def publish(self, records: Sequence[ForecastRecord]) -> None:
        async with self.faults.around("publish_metrics"):
            demand = [r.forecast.over(FORECAST_DAYS).mean for r in records]
            confidence = [r.confidence for r in records if r.confidence is not None]
            finite = [value for value in demand if math.isfinite(value)]
            if finite or confidence:
                self.together.append((finite, confidence))
            for record, mean in zip(records, demand, strict=True):
                if record.product.product_id in self._products:
                    self.alone.append((record.product, mean, record.confidence))
