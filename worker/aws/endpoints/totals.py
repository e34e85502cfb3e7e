"""What is the distribution of a total, when an endpoint answers day by day?

Quantiles of days are never added: the sum of ninetieth percentiles is far beyond the ninetieth percentile of the sum.
Sample paths are whole futures, so each is summed and the totals have the mean and variance of the sums. Quantiles
alone say nothing of how days move together: means add, and the variance follows from an assumed correlation. The
total is then negative binomial by its mean and variance, as everywhere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.features import Floats, Ints
from domain.forecast import MEAN_FLOOR, TotalDemand, dispersion_from
from forecaster.formats import VALUE_MAX, ItemFailed
from worker.aws.endpoints.form import Answer

LEVELS = (0.1, 0.5, 0.9)  # Chronos-Bolt knows none beyond them

# Between the errors of any two days of a product, over the days covered. With it, totals over 8, 14 and 28 days that
# were made of daily P10, P50, P90 were enough for .88 to .92 of the products at their P90 and for .91 to .96 at their
# P95, on 1,822 daily series of Online Retail before two cutoffs; with 0.1 for .86 and .90 at least, with 0 .81, .85.
DAY_CORRELATION = 0.2

# Swanson's rule for the mean and variance of a skewed distribution of which P10, P50 and P90 are known (Hurst, Brown
# and Swanson, AAPG Bulletin 84(12), 2000): exact to 2 % for the normal, and 1.0 and 0.79 for an exponential of mean 1.
SWANSON = np.array([0.3, 0.4, 0.3])

ABSURD = 1e100  # far beyond VALUE_MAX, and neither its square nor a sum of many overflows


class Days(NamedTuple):
    """Mean and variance of each day, float64 (days,) each."""

    mean: Floats
    variance: Floats


def days_of_quantiles(quantiles: Floats, mean: Floats | None, past_dispersion: float) -> Days:
    """The days of a product whose P10, P50 and P90 are the rows of quantiles, float64 (3, days).

    mean: what the endpoint calls the mean. One that is its own median on every day is none (Chronos-Bolt's), and
    for sales that are mostly zero a median says that nothing is ever sold: the rule's mean takes its place. Where the
    median is zero, three quantiles see a single point of what a day may sell; the variance is then at least that of
    the product's own past, by its dispersion (as in domain/forecast.py)."""
    rising = np.maximum.accumulate(np.clip(quantiles, 0.0, ABSURD), axis=0)
    of_the_rule = SWANSON @ rising
    variance = SWANSON @ (rising - of_the_rule) ** 2
    means = of_the_rule if mean is None or np.array_equal(mean, quantiles[1]) else np.clip(mean, 0.0, ABSURD)
    of_the_past = np.where(rising[1] == 0, means + past_dispersion * means**2, 0.0)
    return Days(means, np.maximum(variance, of_the_past))


def totals_of_days(days: Days, cover_days: Ints, correlation: float) -> Answer:
    """The totals over the first k days for each k of cover_days (h,).

    With every pair of days correlated by r, the variance of a sum is (1 - r) * sum(var) + r * (sum(sd))^2."""
    if (too_long := _too_long(cover_days, len(days.mean))) is not None:
        return too_long
    at = cover_days - 1
    means = np.cumsum(np.minimum(days.mean, ABSURD))[at]
    summed = np.cumsum(days.variance)[at]
    together = np.cumsum(np.sqrt(days.variance))[at] ** 2
    return _negative_binomial(cover_days, means, (1 - correlation) * summed + correlation * together)


def totals_of_samples(samples: Floats, cover_days: Ints) -> Answer:
    """The totals by the sample paths, float64 (paths, days)."""
    if (too_long := _too_long(cover_days, samples.shape[1])) is not None:
        return too_long
    # A day of a path may be below zero where the model's likelihood allows it; a total may not.
    sums = np.maximum(np.cumsum(np.clip(samples, -ABSURD, ABSURD), axis=1)[:, cover_days - 1], 0.0)
    return _negative_binomial(cover_days, sums.mean(axis=0), sums.var(axis=0, ddof=1))


def _too_long(cover_days: Ints, days: int) -> ItemFailed | None:
    longest = int(cover_days.max(initial=0))
    if longest <= days:
        return None
    return ItemFailed(f"{longest} days are to be covered, the endpoint's forecast ends after {days}")


def _negative_binomial(cover_days: Ints, mean: Floats, variance: Floats) -> Answer:
    if not np.all(mean <= VALUE_MAX):
        return ItemFailed(f"a mean lies beyond {VALUE_MAX:g}")
    means = np.maximum(mean, MEAN_FLOOR)
    dispersions = dispersion_from(means, variance)
    return tuple(map(TotalDemand, cover_days.tolist(), means.tolist(), dispersions.tolist()))
