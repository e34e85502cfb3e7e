"""How large is one order when every order costs something, and how much to stock for one season of normal demand?

The closed formulas of the textbooks: the economic order quantity and the newsvendor, which is base stock too when the
demand is that over lead time and review. Costs are of one unit and one period."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from domain.features import Floats
from domain.service import critical_ratio


class Lot(NamedTuple):
    """units float64, and the cost of a period with them."""

    units: Floats
    cost: Floats


def economic_order_quantity(ordering_cost: ArrayLike, holding_cost: ArrayLike, demand_rate: ArrayLike) -> Lot:
    """Q = sqrt(2 K d / h), which costs sqrt(2 K d h) a period (Harris, 1913; Snyder & Shen, 2nd ed., eq. 3.4)."""
    fixed, holding, rate = (np.asarray(given, float) for given in (ordering_cost, holding_cost, demand_rate))
    return Lot(np.sqrt(2.0 * fixed * rate / holding), np.sqrt(2.0 * fixed * rate * holding))


def normal_newsvendor(holding_cost: ArrayLike, shortage_cost: ArrayLike, mean: ArrayLike, deviation: ArrayLike) -> Lot:
    """S = mean + z deviation with z at the critical ratio, which costs (h + p) phi(z) deviation (Snyder & Shen, 2nd
    ed., sec. 4.3). With a lead time L: the mean and deviation of L + 1 periods (sec. 4.3.4)."""
    holding, missing = np.asarray(holding_cost, float), np.asarray(shortage_cost, float)
    sigma = np.asarray(deviation, float)
    z = special.ndtri(critical_ratio(missing, holding))
    density = np.exp(-(z**2) / 2.0) / np.sqrt(2.0 * np.pi)
    return Lot(np.asarray(mean, float) + z * sigma, (holding + missing) * density * sigma)
