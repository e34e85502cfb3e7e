"""How good was an answer, now that we know what came?

Every figure is null where nothing can be said: no actuals, nothing sold, no scale. A cell whose demand is unknown (it
lies past the data, or a stock-out hid it) counts in no figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.features import Floats
from forecaster.evaluation.distributions import Answer, Distribution

INTERVAL = (0.1, 0.9)
TOTAL_LEVELS = (0.9, 0.95)
SEED = 20200302  # of the draws at ties, so that a figure is the same in every run
METRICS = (
    "wrmsse",
    "rmsse",
    "wape_total",
    "mean_wql",
    "pit_coverage_80",
    "coverage_total_90",
    "coverage_total_95",
    "bias",
)

Score = float | None


def scores(
    actual: Floats, total: Floats, scales: Floats, weights: Floats, answer: Answer, levels: Sequence[float]
) -> dict[str, Score]:
    """METRICS of an answer. actual float64 (n, horizon) and total float64 (n,), NaN where unknown; scales and weights
    as the question says them, float64 (n,)."""
    mean = answer.steps.mean
    each = rmsse(actual, mean, scales)
    inside = randomised_pit(answer.steps, actual)
    ranks = randomised_pit(answer.total, total[:, None])
    low, high = INTERVAL
    return {
        "wrmsse": weighted(each, weights),
        "rmsse": _mean(each),
        "wape_total": wape_of_totals(actual, mean),
        "mean_wql": mean_wql(actual, answer.steps.quantiles(levels), levels),
        "pit_coverage_80": _share((inside >= low) & (inside <= high), ~np.isnan(inside)),
        **{f"coverage_total_{round(100 * level)}": _share(ranks <= level, ~np.isnan(ranks)) for level in TOTAL_LEVELS},
        "bias": _ratio(float(np.nansum(mean - actual)), float(np.nansum(actual))),
    }


def rmsse(actual: Floats, mean: Floats, scales: Floats) -> Floats:
    """Root mean squared scaled error of each series, float64 (n,); NaN without a scale or an actual.

    M5 Competitors' Guide (2020); Hyndman and Koehler (2006), "Another look at measures of forecast accuracy"."""
    known = ~np.isnan(actual)
    squares = np.where(known, np.square(actual - mean), 0.0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        root: Floats = np.sqrt(squares / known.sum(axis=1) / scales)
    return root


def weighted(each: Floats, weights: Floats) -> Score:
    """The weighted mean over the series that have a figure, their weights scaled to one."""
    known = ~np.isnan(each)
    return _ratio(float((each[known] * weights[known]).sum()), float(weights[known].sum()))


def wape_of_totals(actual: Floats, mean: Floats) -> Score:
    """Sum over series of |total - forecast total| over the sum of totals, for series known in every step that any
    series is known in."""
    told = ~np.isnan(actual).all(axis=0)
    whole = ~np.isnan(actual[:, told]).any(axis=1)
    sold, expected = actual[whole][:, told].sum(axis=1), mean[whole][:, told].sum(axis=1)
    return _ratio(float(np.abs(sold - expected).sum()), float(sold.sum()))


def mean_wql(actual: Floats, quantiles: Floats, levels: Sequence[float]) -> Score:
    """Mean over the levels of 2 * sum of pinball losses / sum of |actual|, over all series and steps; quantiles is
    float64 (n, horizon, levels). GluonTS calls it mean_wQuantileLoss."""
    q = np.asarray(levels)
    gap = actual[..., None] - quantiles
    losses = 2 * np.nansum(np.maximum(q * gap, (q - 1) * gap), axis=(0, 1))
    return _ratio(float(losses.mean()), float(np.nansum(np.abs(actual))))


def randomised_pit(answer: Distribution, actual: Floats) -> Floats:
    """Where each actual fell in its distribution: uniform on [P(Y < y), P(Y <= y)]; NaN where unknown.

    Under a right distribution it is uniform on [0, 1], lumps or not: Czado, Gneiting and Held (2009), "Predictive
    model assessment for count data"; Smith (1985)."""
    low, high = answer.below(actual), answer.at_most(actual)
    draw = np.random.default_rng(SEED).random(actual.shape)
    where: Floats = low + draw * (high - low)
    return where


def _share(hit: NDArray[np.bool_], known: NDArray[np.bool_]) -> Score:
    return _ratio(float((hit & known).sum()), float(known.sum()))


def _mean(each: Floats) -> Score:
    known = each[~np.isnan(each)]
    return float(known.mean()) if len(known) else None


def _ratio(part: float, whole: float) -> Score:
    return part / whole if whole > 0 else None


def mean_scores(each: Sequence[dict[str, Score]]) -> dict[str, Score]:
    """The mean of every figure over the origins that have it."""
    said = {name: [value for score in each if (value := score[name]) is not None] for name in each[0]}
    return {name: float(np.mean(values)) if values else None for name, values in said.items()}
