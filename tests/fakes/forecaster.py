"""A forecaster in memory: the baseline's numbers under the model's name."""

from __future__ import annotations

from collections.abc import Sequence

from domain.events import ProductKey
from domain.features import DailySeries, Ints
from domain.forecast import TotalDemand, baseline_totals
from fakes.faults import Faults


class FakeForecaster:
    """absent: the products it cannot forecast. asked: the products of each call."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.absent: set[ProductKey] = set()
        self.asked: list[list[ProductKey]] = []

    async def forecast(
        self, items: Sequence[ProductKey], series: DailySeries, cover_days: Ints
    ) -> dict[ProductKey, tuple[TotalDemand, ...]]:
        self.asked.append(list(items))
        async with self.faults.around("forecast"):
            totals = baseline_totals(series, [cover_days[:, j] for j in range(cover_days.shape[1])])
        return {key: said for key, said in zip(items, totals, strict=True) if key not in self.absent}
