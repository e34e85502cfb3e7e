"""How much stock does a target of service ask for?

Three targets, each the smallest whole stock that keeps it: the probability of no stock-out in a cycle, the ratio of
what a missing unit and a unit too many cost (which is such a probability), or the share of demand that is met from
stock. An uncertain lead time is a mixture of totals, one for each length it may have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from domain.features import Floats, Ints
from domain.forecast import total_quantile
from domain.shortfall import expected_shortfall, probability_within

MIXTURE_POINTS = 9
SEARCH_UNITS_MAX = 1e15
SEARCH_STEPS_MAX = 60
COMMON_LEVEL_HALVINGS = 12
COMMON_LEVEL_PRODUCTS = 2_000


def critical_ratio(shortage_cost: ArrayLike, holding_cost: ArrayLike) -> Floats:
    """The probability of no stock-out that costs least: Cu / (Cu + Co), with the costs of a unit missing and of one
    too many (the newsvendor; Snyder & Shen, Fundamentals of Supply Chain Theory, 2nd ed., eq. 4.17)."""
    missing = np.asarray(shortage_cost, float)
    return np.asarray(missing / (missing + np.asarray(holding_cost, float)))


def stock_for_fill_rate(fill_rate: ArrayLike, mean: ArrayLike, dispersion: ArrayLike, cycle_demand: ArrayLike) -> Ints:
    """The least stock of which E[(D - S)+] <= (1 - fill rate) x the demand of a cycle (Silver, Pyke & Thomas, 4th ed.,
    sec. 6.7.3), int64. D is the total over lead time and review by mean and dispersion."""
    rate, mu, alpha, cycle = np.broadcast_arrays(
        *(np.asarray(given, float) for given in (fill_rate, mean, dispersion, cycle_demand))
    )
    allowed = (1.0 - rate) * cycle

    def enough(stock: Floats) -> NDArray[np.bool_]:
        return np.asarray(expected_shortfall(stock, mu, alpha) <= allowed)

    return _least(enough, np.maximum(mu, 1.0))


@dataclass(frozen=True, slots=True)
class Horizon:
    """Means and dispersions, float64 (n,) each, of the demand up to the arrival of an order, and up to the next one."""

    mean_before: Floats
    dispersion_before: Floats
    mean: Floats
    dispersion: Floats


def common_level(fill_rate: float, horizon: Horizon) -> float:
    """The probability of no stock-out that, the same for all products, serves this share of their demand together.

    One probability for all is where a unit of stock serves as much on every product, so no other split of the stock
    serves more. What is missing between two arrivals is E[(D - S)+] at the second less that at the first, which an
    earlier order had to answer for (Zipkin, 2000, sec. 6.2). A large assortment is judged by a part of it."""
    part = slice(None, None, max(1, len(horizon.mean) // COMMON_LEVEL_PRODUCTS))
    mean, dispersion = horizon.mean[part], horizon.dispersion[part]
    before = horizon.mean_before[part], horizon.dispersion_before[part]
    allowed = (1.0 - fill_rate) * float((mean - before[0]).sum())
    low, high = -8.0, 12.0  # of the logarithm of the odds
    for _ in range(COMMON_LEVEL_HALVINGS):
        middle = (low + high) / 2
        stock = total_quantile(special.expit(middle), mean, dispersion)
        missing = expected_shortfall(stock, mean, dispersion) - expected_shortfall(stock, *before)
        low, high = (low, middle) if float(np.maximum(missing, 0.0).sum()) <= allowed else (middle, high)
    return float(special.expit(high))


def mixture_quantile(probability: ArrayLike, means: Floats, dispersions: Floats, weights: Floats) -> Ints:
    """The least units not exceeded with this probability by a mixture; means and dispersions (n, k), weights (k,)."""
    level = np.asarray(probability, float)

    def enough(units: Floats) -> NDArray[np.bool_]:
        return np.asarray(probability_within(units[:, None], means, dispersions) @ weights >= level)

    return _least(enough, np.maximum(means.max(axis=1), 1.0))


def _least(enough: Callable[[Floats], NDArray[np.bool_]], first_guess: Floats) -> Ints:
    """The smallest whole number from zero on that is enough, for each element: doubling, then halving."""
    high = np.minimum(np.ceil(first_guess), SEARCH_UNITS_MAX)
    for _ in range(SEARCH_STEPS_MAX):
        short = ~enough(high) & (high < SEARCH_UNITS_MAX)
        if not short.any():
            break
        high = np.where(short, high * 2, high)
    low = np.full_like(high, -1.0)  # never enough; high always is
    for _ in range(SEARCH_STEPS_MAX):
        if not (high - low > 1).any():
            break
        middle = np.floor((low + high) / 2)
        is_enough = enough(np.maximum(middle, 0.0)) & (middle >= 0)
        low, high = np.where(is_enough, low, middle), np.where(is_enough, middle, high)
    return np.asarray(high, dtype=np.int64)


def lead_time_mixture(days: Floats, deviation_days: Floats) -> tuple[Floats, Floats]:
    """Lengths a lead time may have, float64 (n, MIXTURE_POINTS), and their weights: the middles of slices of equal
    probability of a normal lead time, none below zero."""
    slices = (np.arange(MIXTURE_POINTS) + 0.5) / MIXTURE_POINTS
    away = special.ndtri(slices)
    away = away / np.sqrt(np.mean(away**2))  # so that the slices' middles have the deviation that was asked for
    lengths = np.maximum(days[:, None] + deviation_days[:, None] * away[None, :], 0.0)
    return lengths, np.full(MIXTURE_POINTS, 1.0 / MIXTURE_POINTS)


def uncertain_lead_time_quantile(
    probability: ArrayLike, mean: Floats, dispersion: Floats, days: Floats, lead_days: Floats, deviation_days: Floats
) -> Ints:
    """Q of the demand over lead time and review when the lead time is uncertain, int64 (n,).

    mean and dispersion are of the total over `days`, of which lead_days are the expected lead time: a longer lead time
    sells more at the same rate, with the same dispersion."""
    lengths, weights = lead_time_mixture(lead_days, deviation_days)
    share = (lengths + (days - lead_days)[:, None]) / np.maximum(days, 1.0)[:, None]
    means = mean[:, None] * share
    return mixture_quantile(probability, means, np.broadcast_to(dispersion[:, None], means.shape), weights)


def normal_stock(
    probability: ArrayLike,
    mean: ArrayLike,
    deviation: ArrayLike,
    periods: ArrayLike,
    periods_deviation: ArrayLike = 0.0,
) -> Floats:
    """Mean + z x sqrt(periods x deviation^2 + mean^2 x periods_deviation^2): lead-time demand as if it were normal, by
    mean and deviation of a period (Silver, Pyke & Thomas, sec. 6.10). The `normal` rule; ours keeps the whole total."""
    mu, sigma, many = np.asarray(mean, float), np.asarray(deviation, float), np.asarray(periods, float)
    variance = many * sigma**2 + mu**2 * np.asarray(periods_deviation, float) ** 2
    return np.asarray(mu * many + special.ndtri(np.asarray(probability, float)) * np.sqrt(variance))
