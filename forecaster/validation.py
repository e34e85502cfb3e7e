"""How does a model do on held-out totals, beside the forecaster that needs none?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.features import Floats
from domain.forecast import baseline_totals, total_quantile
from forecaster.dataset import Panel
from forecaster.lessons import Lesson

VALIDATION_STEPS = 28
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Validation:
    """How the first boosters did on the held-out steps, on totals over `days` steps. wql is the mean weighted quantile
    loss at QUANTILES; coverage the share of totals within the 80 % interval."""

    days: int
    wape: float
    wql: float
    bias: float
    coverage: float
    baseline_wape: float
    baseline_wql: float


def validated(
    held: Sequence[Lesson], panel: Panel, total: Floats, mean: Floats, dispersion: Floats, steps: Floats
) -> Validation:
    """On the longest windows up to VALIDATION_STEPS steps of which there are some; float64 (r,) each."""
    shown = steps == steps[steps <= VALIDATION_STEPS].max()
    base_mean, base_dispersion = _baseline(held, panel)
    y, mu, alpha = total[shown], mean[shown], dispersion[shown]
    low, _, high = (total_quantile(q, mu, alpha) for q in QUANTILES)
    sold = max(float(y.sum()), 1.0)
    return Validation(
        days=int(steps[shown][0]),
        wape=float(np.abs(y - mu).sum()) / sold,
        wql=_quantile_loss(y, mu, alpha),
        bias=float((mu - y).sum()) / sold,
        coverage=float(((low <= y) & (y <= high)).mean()),
        baseline_wape=float(np.abs(y - base_mean[shown]).sum()) / sold,
        baseline_wql=_quantile_loss(y, base_mean[shown], base_dispersion[shown]),
    )


def _baseline(held: Sequence[Lesson], panel: Panel) -> tuple[Floats, Floats]:
    """Mean and dispersion of the same totals by the forecaster that needs no model."""
    means, dispersions = [], []
    for lesson in held:
        answers = baseline_totals(panel.series(lesson.request.as_of, lesson.rows), list(lesson.request.cover_days.T))
        known = lesson.answered
        means.append(np.array([total.mean for totals in answers for total in totals])[known])
        dispersions.append(np.array([total.dispersion for totals in answers for total in totals])[known])
    return np.concatenate(means), np.concatenate(dispersions)


def _quantile_loss(y: Floats, mean: Floats, dispersion: Floats) -> float:
    """Mean over QUANTILES of twice the pinball loss, against the units sold."""
    losses = []
    for q in QUANTILES:
        gap = y - total_quantile(q, mean, dispersion)
        losses.append(2 * float(np.maximum(q * gap, (q - 1) * gap).sum()))
    return float(np.mean(losses)) / max(float(y.sum()), 1.0)
