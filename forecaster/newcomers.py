"""What will a product sell of which nothing is known yet?

What products of its category sold in their first steps, on average and how differently: a category that saw few
beginnings leans on the shop's. It answers for a product without a sale in its state's window that the model never
learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from domain.features import Floats, Ints
from domain.forecast import MEAN_FLOOR, dispersion_from
from forecaster.dataset import Panel
from forecaster.periods import DAY, MONTH, WEEK

FIRST_STEPS = {DAY: 28, WEEK: 8, MONTH: 3}
PRIOR_PRODUCTS = 5.0
ANY = ""


@dataclass(frozen=True, slots=True)
class Newcomers:
    """By category (ANY for all of them): units a step, and the dispersion of a total from product to product."""

    by_category: Mapping[str, tuple[float, float]]

    def totals(self, category: str | None, steps: Ints) -> tuple[Floats, Floats]:
        """Mean and dispersion of totals over so many steps, float64 as `steps`."""
        mean, dispersion = self.by_category.get(category or ANY, self.by_category[ANY])
        return np.maximum(mean * steps, MEAN_FLOOR), np.full(steps.shape, dispersion)


NOBODY = Newcomers({ANY: (MEAN_FLOOR, 1.0)})


def newcomers_of(panel: Panel) -> Newcomers:
    """From the first steps of the products that began after the panel did, of all products if hardly any did."""
    steps = FIRST_STEPS[panel.freq]
    demand = np.maximum(panel.filled(), 0.0)
    began = np.minimum(panel.first_sales(), panel.until) - panel.first_step
    whole = began + steps <= demand.shape[1]
    later = whole & (began > steps)
    chosen = np.flatnonzero(later if later.sum() >= PRIOR_PRODUCTS else whole)
    if not len(chosen):
        return NOBODY
    sold = np.stack([demand[row, began[row] : began[row] + steps].sum() for row in chosen])
    shop = _pooled(sold, float(sold.mean()), float(sold.var()), steps)
    by_category = {ANY: shop}
    of = np.array([panel.categories[row] or ANY for row in chosen])
    for name in sorted(set(of.tolist()) - {ANY}):
        by_category[name] = _pooled(sold[of == name], float(sold.mean()), float(sold.var()), steps)
    return Newcomers(by_category)


def _pooled(sold: Floats, mean: float, variance: float, steps: int) -> tuple[float, float]:
    weight = len(sold) / (len(sold) + PRIOR_PRODUCTS)
    pooled = weight * float(sold.mean()) + (1 - weight) * mean
    spread = weight * float(((sold - pooled) ** 2).mean()) + (1 - weight) * variance
    dispersion = dispersion_from(np.array([max(pooled, MEAN_FLOOR)]), np.array([spread]))
    return pooled / steps, float(dispersion[0])
