"""Of a stock that must last for a while, how many units will be missing, and how many left over?

For a total that is negative binomial by mean and dispersion (Poisson at dispersion 0). Stock may be a fraction: demand
comes in whole units, so both answers run straight between two whole stocks. left over - missing = stock - mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from domain.features import Floats
from domain.forecast import POISSON_BELOW


def expected_shortfall(stock: ArrayLike, mean: ArrayLike, dispersion: ArrayLike) -> Floats:
    """E[(demand - stock)+] in units, float64. Broadcasts.

    From k f(k) = mean f'(k - 1), where f' is the same negative binomial with a size greater by one (Zipkin,
    Foundations of Inventory Management, 2000, app. C.2)."""
    level, mu, alpha = np.broadcast_arrays(
        np.asarray(stock, float), np.maximum(mean, 0.0), np.asarray(dispersion, float)
    )
    whole = np.floor(level)
    size, success = _size_and_success(mu, alpha)
    above_next = np.where(whole >= 1, _above(whole - 1, size + 1, success, mu, alpha), 1.0)
    above = np.where(whole >= 0, _above(np.maximum(whole, 0), size, success, mu, alpha), 1.0)
    return np.asarray(np.maximum(mu * above_next - level * above, 0.0))


def expected_leftover(stock: ArrayLike, mean: ArrayLike, dispersion: ArrayLike) -> Floats:
    """E[(stock - demand)+] in units, float64. Broadcasts."""
    level = np.asarray(stock, float)
    left = level - np.maximum(mean, 0.0) + expected_shortfall(level, mean, dispersion)
    return np.asarray(np.where(level > 0, np.maximum(left, 0.0), 0.0))


def probability_within(units: ArrayLike, mean: ArrayLike, dispersion: ArrayLike) -> Floats:
    """P(demand <= units), float64. Broadcasts."""
    level, mu, alpha = np.broadcast_arrays(
        np.floor(np.asarray(units, float)), np.maximum(mean, 0.0), np.asarray(dispersion, float)
    )
    size, success = _size_and_success(mu, alpha)
    return np.asarray(np.where(level < 0, 0.0, 1.0 - _above(np.maximum(level, 0), size, success, mu, alpha)))


def _size_and_success(mean: Floats, dispersion: Floats) -> tuple[Floats, Floats]:
    size = 1.0 / np.where(dispersion < POISSON_BELOW, 1.0, dispersion)
    return size, size / (size + mean)


def _above(units: Floats, size: Floats, success: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """P(demand > units) of whole units from zero on; the size does not matter where the demand is Poisson."""
    poisson = dispersion < POISSON_BELOW
    if poisson.all():
        return np.asarray(special.pdtrc(units, mean))
    negative_binomial = special.betainc(units + 1.0, size, 1.0 - success)
    return np.asarray(
        np.where(poisson, special.pdtrc(units, mean), negative_binomial) if poisson.any() else negative_binomial
    )
