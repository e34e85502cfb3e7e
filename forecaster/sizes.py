"""How much does a product sell on a day on which it sells at all?

Its own past selling days answer, the recent ones loudest; the fewer they are, the more it is taken for a product like
the others, whose sizes are spread around its own as all of theirs are around theirs. Only days before as_of are looked
at, and of products by themselves: what another one sells changes the pool at the next training, nothing before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from domain.features import Floats, Ints
from forecaster.dataset import Panel

HALF_LIFE_DAYS = 90.0
SHAPE_DAYS = 180
# So many selling days of its own count as much as what is known of all products: of the mean, the spread, the shape.
MEAN_PRIOR_DAYS, SPREAD_PRIOR_DAYS, OWN_PRIOR_DAYS = 1.5, 8.0, 12.0
LOG_VARIANCE_MIN = 1e-4
# Dense at both ends, where sizes are far apart; they end where a few selling days of all products would speak.
SHARES = expit(np.linspace(-9.2, 9.2, 201))


@dataclass(frozen=True, slots=True)
class Pool:
    """What the selling days of all products say: the mean of the logarithm of their sizes, its variance within a
    product, and at each of SHARES how many standard deviations a size lies from its product's mean."""

    log_mean: float
    log_variance: float
    shape: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of n products. logs, float64 (d + 1,): of every selling day, product by product, rising within each. reached:
    the product's row plus the share of its weight up to that day. first, last: where its days lie in logs.

    weight: how much of the answer is its own, 0 to 1; log_mean, deviation: float64 (n,) each."""

    logs: Floats
    reached: Floats
    first: Ints
    last: Ints
    weight: Floats
    log_mean: Floats
    deviation: Floats
    pool: Pool

    def at(self, share: Floats) -> Floats:
        """The size that is not exceeded on this share of the selling days; float64 (n, m) from shares above 0 up to 1.
        Rises with the share."""
        row = np.arange(len(self.weight))[:, None]
        found = np.searchsorted(self.reached, row + share)
        own = self.logs[np.clip(found, self.first[:, None], self.last[:, None])]
        away = np.interp(share, SHARES, self.pool.shape)
        pooled = self.log_mean[:, None] + self.deviation[:, None] * away
        weight = self.weight[:, None]
        return np.asarray(np.exp(weight * own + (1 - weight) * pooled))


@dataclass(frozen=True, slots=True)
class _Days:
    """The selling days of n products: the row, the logarithm of the size, the age and the weight of each."""

    n: int
    row: Ints
    logs: Floats
    age_days: Ints
    weight: Floats

    def total(self, values: Floats) -> Floats:
        """By product, float64 (n,)."""
        return np.bincount(self.row, values, self.n).astype(np.float64)


def pool_of(panel: Panel) -> Pool | None:
    """From all selling days of the panel; None when there was none lately."""
    days = _selling_days(panel, panel.until, np.arange(len(panel.products)))
    lately = days.age_days < SHAPE_DAYS
    if not lately.any():
        return None
    log_mean = float((days.weight * days.logs).sum() / days.weight.sum())
    means, squares = _moments(days, log_mean)
    variance = max(float(squares.sum() / days.weight.sum()), LOG_VARIANCE_MIN)
    deviation = _deviations(days, squares, variance)
    away = (days.logs - means[days.row]) / deviation[days.row]
    return Pool(log_mean, variance, tuple(np.quantile(away[lately], SHARES).tolist()))


def sizes_of(panel: Panel, as_of: int, rows: Ints, pool: Pool) -> Sizes:
    """Of these rows of the panel, from their days before as_of."""
    days = _selling_days(panel, as_of, rows)
    means, squares = _moments(days, pool.log_mean)
    order = np.lexsort((days.logs, days.row))
    row, weights = days.row[order], days.weight[order]
    counts = np.bincount(row, minlength=days.n)
    ends = counts.cumsum()
    before = np.concatenate([[0.0], weights.cumsum()])
    whole = before[ends] - before[ends - counts]
    reached = row + (before[1:] - before[ends - counts][row]) / whole[row]
    return Sizes(
        logs=np.append(days.logs[order], 0.0),
        reached=reached,
        first=ends - counts,
        last=np.maximum(ends - 1, ends - counts),
        weight=np.asarray(whole / (whole + OWN_PRIOR_DAYS)),
        log_mean=means,
        deviation=_deviations(days, squares, pool.log_variance),
        pool=pool,
    )


def _selling_days(panel: Panel, as_of: int, rows: Ints) -> _Days:
    """A stock-out's day is left out: what it sold says what was there, not what was wanted."""
    until = max(0, as_of - panel.first_step)
    net = panel.net[rows, :until]
    row, at = np.nonzero((net > 0) & ~panel.censored[rows, :until])
    age_days = until - 1 - at
    return _Days(len(rows), row, np.log(net[row, at]), age_days, np.asarray(0.5 ** (age_days / HALF_LIFE_DAYS)))


def _moments(days: _Days, log_mean: float) -> tuple[Floats, Floats]:
    """Each product's mean logarithm, leaning on that of all, and the weighed sum of squares around it."""
    means = days.total(days.weight * days.logs) + MEAN_PRIOR_DAYS * log_mean
    means /= days.total(days.weight) + MEAN_PRIOR_DAYS
    return means, days.total(days.weight * (days.logs - means[days.row]) ** 2)


def _deviations(days: _Days, squares: Floats, variance: float) -> Floats:
    weight = days.total(days.weight)
    return np.asarray(np.sqrt((squares + SPREAD_PRIOR_DAYS * variance) / (weight + SPREAD_PRIOR_DAYS)))
