"""How good is a model on sales that it was not trained on?

The validation channel's own days are asked for as the worker would ask on the evening before the first of them: the
total over up to HOLDOUT_STEPS_MAX steps of each product that was known by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecaster.ahead import forecast_windows
from forecaster.dataset import Panel
from forecaster.known_ahead import Calendar
from forecaster.model import DemandModel

HOLDOUT_STEPS_MAX = 28


@dataclass(frozen=True, slots=True)
class Holdout:
    """On totals over `steps` steps of `products` products. coverage: the share of totals within the 80 % interval."""

    steps: int
    products: int
    wape: float
    bias: float
    coverage: float


def measured(model: DemandModel, panel: Panel, as_of: int, calendar: Calendar) -> Holdout | None:
    """How the model does from as_of on, by a panel that goes beyond it; None if there is nothing to compare."""
    steps = min(HOLDOUT_STEPS_MAX, panel.until - as_of)
    rows = np.flatnonzero(panel.first_sales() < as_of)
    if steps < 1 or not len(rows):
        return None
    at = as_of - panel.first_step
    known = ~panel.censored[rows, at : at + steps].any(axis=1)
    rows = rows[known]
    if not len(rows):
        return None
    sold = np.maximum(panel.net[rows, at : at + steps], 0).sum(axis=1).astype(np.float64)
    windows = np.array([[0, steps]], dtype=np.int64)
    totals = forecast_windows(model, panel, as_of, windows, calendar, rows)
    low, high = totals.quantiles([0.1, 0.9])[:, 0].T
    mean, whole = totals.mean[:, 0], max(float(sold.sum()), 1.0)
    return Holdout(
        steps=steps,
        products=len(rows),
        wape=float(np.abs(sold - mean).sum()) / whole,
        bias=float((mean - sold).sum()) / whole,
        coverage=float(((low <= sold) & (sold <= high)).mean()),
    )
