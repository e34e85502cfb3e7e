"""How much does the answer to one window matter beside that to another?

Where products sell on most days, a product counts by its share of the shop, and its errors are measured against how
much its demand changes from day to day anyway: else the largest series, or the most restless, would be all that is
learnt. A window counts as one answer, however long it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domain.features import Floats
from forecaster.dataset import Panel
from forecaster.lessons import Lesson


def weights_of(lessons: Sequence[Lesson], panel: Panel, variance_power: float) -> Floats:
    """One weight for each window with an answer, mean 1. Share of the shop x level^2 / mean squared change, which is
    how much a relative error costs, less the weight that Tweedie's loss gives to units itself; float64 (r,)."""
    worth = _shares(panel) / _changes(panel)
    weights = []
    for lesson in lessons:
        level = lesson.request.features[:, :1]
        expected = level * lesson.request.cover_days
        weight = worth[lesson.rows, None] * level**2 / expected ** (2 - variance_power)
        weights.append(weight.ravel()[lesson.answered])
    every = np.concatenate(weights)
    return np.asarray(every / every.mean())


def _shares(panel: Panel) -> Floats:
    """By revenue, by units where there is none; never nothing."""
    revenue = panel.revenue.sum(axis=1).astype(np.float64)
    share = revenue if (revenue > 0).any() else np.maximum(panel.net, 0).sum(axis=1).astype(np.float64)
    return np.asarray(np.maximum(share, share.max() * 1e-6))


def _changes(panel: Panel) -> Floats:
    """Mean squared change from day to day, at least what chance alone would make of it (twice the mean)."""
    demand = np.maximum(panel.filled(), 0.0)
    squared: Floats = (np.diff(demand, axis=1) ** 2).mean(axis=1)
    return np.asarray(np.maximum(squared, 2 * demand.mean(axis=1) + 1e-6))
