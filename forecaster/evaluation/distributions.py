"""What may a forecaster's answer be asked?

Its mean, its quantiles, and the probability that demand lies at or below, and truly below, what came. The last two
differ where a distribution has lumps: counts have one at every unit, a distribution clipped at zero has one there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from domain.features import Floats
from domain.forecast import POISSON_BELOW, total_quantile


class Distribution(Protocol):
    """Of n series and m totals each. Arrays are float64 (n, m) but for quantiles: (n, m, levels)."""

    @property
    def mean(self) -> Floats: ...

    def quantiles(self, levels: Sequence[float]) -> Floats: ...

    def at_most(self, units: Floats) -> Floats: ...

    def below(self, units: Floats) -> Floats: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """steps: the horizon's single steps, m = horizon. total: the first steps together, m = 1."""

    steps: Distribution
    total: Distribution


@dataclass(frozen=True, slots=True)
class NegativeBinomial:
    """Variance mean + dispersion * mean^2. Both float64 (n, m)."""

    mean: Floats
    dispersion: Floats

    def quantiles(self, levels: Sequence[float]) -> Floats:
        return total_quantile(np.asarray(levels), self.mean[..., None], self.dispersion[..., None]).astype(np.float64)

    def at_most(self, units: Floats) -> Floats:
        return count_cdf(np.floor(units), self.mean, self.dispersion)

    def below(self, units: Floats) -> Floats:
        return count_cdf(np.ceil(units) - 1, self.mean, self.dispersion)


def count_cdf(units: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """P(total <= units) of a negative binomial, all its weight at zero where the mean is zero. NaN stays NaN."""
    poisson = dispersion < POISSON_BELOW
    size = 1.0 / np.where(poisson, 1.0, dispersion)
    mu = np.maximum(mean, 1e-12)
    whole = np.where(poisson, stats.poisson.cdf(units, mu), stats.nbinom.cdf(units, size, size / (size + mu)))
    return np.where(np.isnan(units), np.nan, whole)


@dataclass(frozen=True, slots=True)
class Samples:
    """As many likely demands as there are past errors of the forecaster.

    mean float64 (n, m). samples float32 (n, m, r), each row rising, NaN at the end where there are fewer than r: halves
    the memory, and whole numbers stay exact up to 16 million units."""

    mean: Floats
    samples: NDArray[np.float32]

    def quantiles(self, levels: Sequence[float]) -> Floats:
        count = self._count()[..., None]
        # Rounded first: .3 of 10 samples is the third and not, by a binary fraction, the fourth.
        at = np.ceil(np.round(np.asarray(levels) * count, 9)).astype(np.int64) - 1
        return np.take_along_axis(self.samples, np.clip(at, 0, count - 1), axis=2).astype(np.float64)

    def at_most(self, units: Floats) -> Floats:
        return self._share(units, self.samples <= units[..., None])

    def below(self, units: Floats) -> Floats:
        return self._share(units, self.samples < units[..., None])

    def _share(self, units: Floats, hit: NDArray[np.bool_]) -> Floats:
        return np.where(np.isnan(units), np.nan, hit.sum(axis=2) / self._count())

    def _count(self) -> NDArray[np.int64]:
        return np.asarray((~np.isnan(self.samples)).sum(axis=2))


def around(mean: Floats, errors: Floats) -> Samples:
    """Past errors, float64 (n, m, r) with NaN for none, laid round the mean and clipped at zero. A series that has no
    past error stands for its forecast alone."""
    samples = np.maximum(mean[..., None] + errors, 0).astype(np.float32)
    alone = np.isnan(samples).all(axis=2)
    samples[alone, 0] = mean[alone]
    samples.sort(axis=2)
    return Samples(mean, samples)


@dataclass(frozen=True, slots=True)
class ClippedNormal:
    """A normal distribution whose part below zero lies at zero. centre and deviation are float64 (n, m)."""

    centre: Floats
    deviation: Floats

    @property
    def mean(self) -> Floats:
        return np.maximum(self.centre, 0.0)

    def quantiles(self, levels: Sequence[float]) -> Floats:
        spread = stats.norm.ppf(np.asarray(levels))
        return np.asarray(np.maximum(self.centre[..., None] + self.deviation[..., None] * spread, 0.0))

    def at_most(self, units: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (units - self.centre) / self.deviation
        certain = np.where(units >= self.mean, 1.0, 0.0)
        return np.where(np.isnan(units), np.nan, np.where(self.deviation > 0, stats.norm.cdf(z), certain))

    def below(self, units: Floats) -> Floats:
        spike = (units <= 0) | ((self.deviation <= 0) & (units <= self.mean))
        return np.where(spike, 0.0, self.at_most(units))
