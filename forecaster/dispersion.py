"""How far do totals stray from their mean?

A booster answers for the dispersion of the negative binomial, window by window, by its likelihood; a small table by
length and level then corrects it by what totals that no booster had seen showed. Between the bands' centres the table
is interpolated, so that a product drifting from one band to the next does not jump; a band with few totals leans on
its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from domain.features import Floats, Ints
from domain.forecast import DISPERSION_MAX, MEAN_FLOOR

COVER_CENTRES = (1.0, 3.0, 8.0, 15.0, 28.0, 50.0)
LEVEL_CENTRES = (0.02, 0.06, 0.2, 0.6, 2.0, 6.0, 20.0, 60.0, 150.0, 400.0, 1000.0)
CORRECTIONS = np.geomspace(0.25, 4.0, 25)
STARTS = np.geomspace(0.001, DISPERSION_MAX, 40)
DISPERSION_MIN = 1e-4
TOTALS_A_BAND_MAX = 3_000
PRIOR_TOTALS = 2_000.0
HESSIAN_MIN = 0.05

Gradient = Callable[[Floats, lgb.Dataset], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class Spread:
    """What dispersions are multiplied by, float64 (len(COVER_CENTRES), len(LEVEL_CENTRES))."""

    table: Floats

    def at(self, steps: Floats, level: Floats) -> Floats:
        """The factor of each total, bilinear between the centres' logarithms and flat beyond them."""
        i, u = _between(COVER_CENTRES, steps)
        j, v = _between(LEVEL_CENTRES, level)
        low = self.table[i, j] * (1 - v) + self.table[i, j + 1] * v
        high = self.table[i + 1, j] * (1 - v) + self.table[i + 1, j + 1] * v
        return np.asarray(low * (1 - u) + high * u)


AS_IT_IS = Spread(np.ones((len(COVER_CENTRES), len(LEVEL_CENTRES))))


def _between(centres: tuple[float, ...], values: Floats) -> tuple[Ints, Floats]:
    """The centre at or below each value, and how far it is from there to the next one, 0 to 1."""
    logs = np.log(np.array(centres))
    at = np.interp(np.log(np.maximum(values, MEAN_FLOOR)), logs, np.arange(len(logs)))
    below = np.minimum(at.astype(np.int64), len(logs) - 2)
    return below, at - below


def _nearest(centres: tuple[float, ...], values: Floats) -> Ints:
    below, way = _between(centres, values)
    return below + (way >= 0.5)


def spread_of(total: Floats, mean: Floats, dispersion: Floats, steps: Floats, level: Floats) -> Spread:
    """The most likely corrections, from held-out totals, their predicted means and dispersions; float64 (r,) each."""
    cover, band = _nearest(COVER_CENTRES, steps), _nearest(LEVEL_CENTRES, level)
    table = np.ones((len(COVER_CENTRES), len(LEVEL_CENTRES)))
    for row in range(len(COVER_CENTRES)):
        of_length = cover == row
        if not of_length.any():
            # Longer than any total that was held out: as the longest that there was.
            table[row] = table[max(0, row - 1)]
            continue
        lean = _likeliest(total[of_length], mean[of_length], dispersion[of_length], 1.0)
        for column in range(len(LEVEL_CENTRES)):
            cell = of_length & (band == column)
            table[row, column] = _likeliest(total[cell], mean[cell], dispersion[cell], lean)
    return Spread(table)


def _likeliest(total: Floats, mean: Floats, dispersion: Floats, prior: float) -> float:
    """The correction of greatest likelihood, drawn towards the prior as if that had PRIOR_TOTALS behind it."""
    if not len(total):
        return prior
    stride = -(-len(total) // TOTALS_A_BAND_MAX)
    y, mu, alpha = total[::stride, None], mean[::stride, None], dispersion[::stride, None]
    corrected = np.clip(alpha * CORRECTIONS, DISPERSION_MIN, DISPERSION_MAX)
    best = float(CORRECTIONS[_log_likelihood(y, mu, corrected).sum(axis=0).argmax()])
    weight = len(total) / (len(total) + PRIOR_TOTALS)
    return float(np.exp(weight * np.log(best) + (1 - weight) * np.log(prior)))


def common_dispersion(total: Floats, mean: Floats) -> float:
    """The one dispersion under which the totals are likeliest; float64 (r,) each."""
    stride = -(-len(total) // TOTALS_A_BAND_MAX)
    likelihood = _log_likelihood(total[::stride, None], mean[::stride, None], STARTS)
    return float(STARTS[likelihood.sum(axis=0).argmax()])


def _log_likelihood(y: Floats, mean: Floats, dispersion: NDArray[np.float64]) -> Floats:
    """Of each total under each dispersion; the term in y alone is left out. Broadcasts."""
    mu = np.maximum(mean, MEAN_FLOOR)
    size = 1.0 / dispersion
    whole = size + mu
    return np.asarray(gammaln(y + size) - gammaln(size) + size * np.log(size / whole) + y * np.log(mu / whole))


def fit_dispersion(
    rows: NDArray[np.float32],
    total: Floats,
    mean: Floats,
    columns: Sequence[str],
    categorical: Sequence[str],
    parameters: dict[str, object],
    rounds: int,
) -> tuple[lgb.Booster, float]:
    """A booster for the logarithm of the dispersion over a common one, and that common one."""
    mean = np.maximum(mean, MEAN_FLOOR)
    common = common_dispersion(total, mean)
    data = lgb.Dataset(
        rows,
        total,
        init_score=np.full(len(total), np.log(common)),
        feature_name=list(columns),
        categorical_feature=list(categorical),
    )
    return lgb.train({**parameters, "objective": _gradient_of(total, mean)}, data, rounds), common


def _gradient_of(y: Floats, mean: Floats) -> Gradient:
    """Of the negative log-likelihood in the logarithm of the dispersion, as LightGBM asks for it."""

    def gradient(log_dispersion: Floats, _: lgb.Dataset) -> tuple[Floats, Floats]:
        size = np.exp(-np.clip(log_dispersion, np.log(DISPERSION_MIN), np.log(DISPERSION_MAX)))
        whole = size + mean
        slope = digamma(y + size) - digamma(size) + np.log(size / whole) + 1 - (y + size) / whole
        first = slope * size
        # The likelihood is not convex in it: half the slope's size keeps steps bounded.
        return first, np.maximum(np.abs(first) / 2, HESSIAN_MIN)

    return gradient
