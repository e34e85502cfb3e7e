"""How much will be sold over the next days, and how sure are we?

A forecast answers for a *total* over a number of days to cover, never by summing daily quantiles: the total is
negative binomial with mean mu and variance mu + dispersion * mu^2 (dispersion 0 is Poisson). The baseline forecaster
needs no model and no network; it serves when the model does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from domain.buckets import WINDOW_DAYS
from domain.features import DailySeries, Floats, Ints

MEAN_FLOOR = 1e-3
LEVEL_FLOOR = 10 * MEAN_FLOOR  # units a step; what is freed of its days has it too, so that it raises no dead product
DISPERSION_MAX = 25.0
POISSON_BELOW = 1e-6
BASELINE_DAYS = 30
# By period: how a step's weight fades from one to the one before, over how many steps, and the weight of the window.
FADING = {"W": (0.93, 26, 2.0), "M": (0.8, 12, 1.0)}


@dataclass(frozen=True, slots=True)
class TotalDemand:
    """The distribution of the units sold over cover_days days: negative binomial by mean and dispersion."""

    cover_days: int
    mean: float
    dispersion: float

    def quantile(self, probability: float) -> int:
        return int(total_quantile(probability, self.mean, self.dispersion))


@dataclass(frozen=True, slots=True)
class DemandForecast:
    """What one product will sell from as_of on. source is `model`, or `fallback` for the baseline."""

    as_of: int
    source: str
    totals: tuple[TotalDemand, ...]

    def over(self, cover_days: int) -> TotalDemand:
        """The total over cover_days days; KeyError if that length was not forecast."""
        for total in self.totals:
            if total.cover_days == cover_days:
                return total
        raise KeyError(f"no forecast over {cover_days} days")


def total_quantile(probability: ArrayLike, mean: ArrayLike, dispersion: ArrayLike) -> Ints:
    """The smallest number of units that the total does not exceed with at least this probability. Broadcasts.

    NB with size r = 1 / dispersion and success probability r / (r + mean), as in scipy.stats.nbinom."""
    q, mu, alpha = np.broadcast_arrays(
        np.asarray(probability, float), np.maximum(mean, 0.0), np.asarray(dispersion, float)
    )
    units = np.zeros(mu.shape)
    # Each is asked only where it holds: they are most of what a forecast costs.
    poisson = (alpha < POISSON_BELOW) & (mu > 0)
    binomial = (alpha >= POISSON_BELOW) & (mu > 0)
    if poisson.any():
        units[poisson] = stats.poisson.ppf(q[poisson], mu[poisson])
    if binomial.any():
        size = 1.0 / alpha[binomial]
        units[binomial] = stats.nbinom.ppf(q[binomial], size, size / (size + mu[binomial]))
    return np.nan_to_num(units).astype(np.int64)


def baseline_totals(series: DailySeries, cover_days: Sequence[Ints]) -> tuple[tuple[TotalDemand, ...], ...]:
    """The 30-day mean (the guide's), with the dispersion that the last WINDOW_DAYS days show.

    cover_days: one int array (n,) per length to answer for. Returns for each product its totals, in that order."""
    demand = np.maximum(series.net, 0).astype(float)
    level = demand[:, -BASELINE_DAYS:].mean(axis=1)
    variance = demand.var(axis=1, ddof=1)
    columns = [_totals_over(days, level, variance) for days in cover_days]
    return tuple(zip(*columns, strict=True))


def _totals_over(days: Ints, level: Floats, variance: Floats) -> list[TotalDemand]:
    # Independent days add their variances; the level itself is only known to within variance / BASELINE_DAYS a day.
    mean = np.maximum(level * days, MEAN_FLOOR)
    spread = variance * days + variance * days**2 / BASELINE_DAYS
    dispersion = dispersion_from(mean, spread)
    return [TotalDemand(int(k), float(m), float(a)) for k, m, a in zip(days, mean, dispersion, strict=True)]


def dispersion_from(mean: Floats, variance: Floats) -> Floats:
    """The dispersion with which the negative binomial has this mean and variance, within [0, DISPERSION_MAX]."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        dispersion = (variance - mean) / mean**2
    finite: Floats = np.clip(np.nan_to_num(dispersion, nan=0.0, posinf=DISPERSION_MAX), 0.0, DISPERSION_MAX)
    return finite


def level_of(net: NDArray[np.int64] | Floats, freq: str = "D") -> Floats:
    """The units a step a model starts from, never zero: of days a mean over the window that leans to its last 30; of
    weeks and months one that fades with age and leans a little on the whole window."""
    demand = np.maximum(net, 0)
    if freq == "D":
        recent, whole = demand[:, -BASELINE_DAYS:].mean(axis=1), demand.sum(axis=1) / WINDOW_DAYS
        return np.asarray(np.maximum(0.7 * recent + 0.3 * whole, LEVEL_FLOOR), dtype=np.float64)
    fading, steps, long_weight = FADING[freq]
    weights = fading ** np.arange(steps - 1, -1, -1.0)
    level = (demand[:, -steps:] @ weights + long_weight * demand.mean(axis=1)) / (weights.sum() + long_weight)
    return np.asarray(np.maximum(level, LEVEL_FLOOR), dtype=np.float64)
