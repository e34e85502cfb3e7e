"""Whom does the model not serve for now?

In a category in which it was no better than the baseline for two weeks running, the baseline answers until it is. A
forecaster in front of the model's: products it leaves out are forecast as those of an endpoint that does not answer,
marked as fallback."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from domain.accuracy import UNNAMED
from domain.events import ProductKey
from domain.features import DailySeries, Ints
from domain.forecast import TotalDemand
from handlers.metrics import Metric
from handlers.ports import Forecaster, Metrics
from handlers.products import Products


class UnlessBaselineIsBetter:
    def __init__(
        self,
        model: Forecaster,
        products: Products,
        on_baseline: Callable[[], frozenset[str]],
        metrics: Metrics,
    ) -> None:
        self._model = model
        self._products = products
        self._on_baseline = on_baseline
        self._metrics = metrics

    async def forecast(
        self, items: Sequence[ProductKey], series: DailySeries, cover_days: Ints
    ) -> dict[ProductKey, tuple[TotalDemand, ...]]:
        on_baseline = self._on_baseline()
        if not on_baseline:
            return await self._model.forecast(items, series, cover_days)
        # Whoever asks has just had these states: they are in memory.
        states = await self._products.get(items)
        rows = [
            row
            for row, key in enumerate(items)
            if key not in states or (states[key].category or UNNAMED) not in on_baseline
        ]
        self._metrics.count(Metric.FORECASTS_ON_BASELINE, len(items) - len(rows))
        if not rows:
            return {}
        return await self._model.forecast([items[row] for row in rows], series.take(rows), cover_days[rows])
