"""Of what is needed, what can be bought?

In this order: the supplier's minimum, whole packs, the room that is left (maximum stock, shelf life), the budget. Never
a part of a pack, never less than the minimum: if the room does not hold that much, nothing is bought. All functions
broadcast; units are whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from domain.features import Floats, Ints
from domain.forecast import total_quantile

UNLIMITED = np.iinfo(np.int64).max // 4
SHELF_LIFE_LEVEL = 0.95
PRICE_HALVINGS = 40


def whole_order(needed: ArrayLike, minimum: ArrayLike = 0, pack: ArrayLike = 1, room: ArrayLike = UNLIMITED) -> Ints:
    """The order for these needs, int64; nothing where nothing is needed."""
    need, least, size, space = (np.asarray(given, dtype=np.int64) for given in (needed, minimum, pack, room))
    wanted = -(-np.maximum(need, least) // size) * size
    fitting = np.where(wanted > space, np.maximum(space, 0) // size * size, wanted)
    return np.asarray(np.where((need > 0) & (fitting >= least), fitting, 0))


def shelf_life_ceiling(mean: ArrayLike, dispersion: ArrayLike) -> Ints:
    """The most to hold: what the demand within the shelf life, by its mean and dispersion, stays within with
    SHELF_LIFE_LEVEL probability."""
    return total_quantile(SHELF_LIFE_LEVEL, mean, dispersion)


def within_budget(
    wanted: Ints,
    position: Ints,
    mean: Floats,
    dispersion: Floats,
    shortage_cost: Floats,
    holding_cost: Floats,
    unit_price: Floats,
    budget: float,
    minimum: ArrayLike = 0,
    pack: ArrayLike = 1,
) -> Ints:
    """The orders that earn most within the budget, int64 (n,), none above what is wanted.

    The next unit on a stock of S earns shortage_cost x P(D > S) - holding_cost x P(D <= S). Money goes where that is
    most per unit of currency, so one price of money rations all products (Lagrange): at price p the stock to have is
    Q_tau with tau = (shortage_cost - p x unit_price) / (shortage_cost + holding_cost)."""

    def at(price: float) -> Ints:
        level = np.clip((shortage_cost - price * unit_price) / (shortage_cost + holding_cost), 0.0, 1.0 - 1e-9)
        stock = np.where(level > 0, total_quantile(level, mean, dispersion), 0)
        return np.minimum(whole_order(np.minimum(wanted, stock - position), minimum, pack), wanted)

    if float(wanted @ unit_price) <= budget:
        return wanted
    cheap, dear = 0.0, float((shortage_cost / np.maximum(unit_price, 1e-12)).max())
    for _ in range(PRICE_HALVINGS):
        price = (cheap + dear) / 2
        if float(at(price) @ unit_price) <= budget:
            dear = price
        else:
            cheap = price
    return _topped_up(at(dear), np.minimum(at(cheap), wanted), unit_price, budget)


def _topped_up(bought: Ints, more: Ints, unit_price: Floats, budget: float) -> Ints:
    """At the last price several products may be worth the same: as many of them as the rest of the budget pays."""
    extra = np.maximum(more - bought, 0)
    cost = extra * unit_price
    order = np.argsort(cost, kind="stable")
    affordable = np.cumsum(cost[order]) <= budget - float(bought @ unit_price)
    chosen = np.zeros(len(bought), dtype=bool)
    chosen[order[affordable]] = True
    return np.where(chosen, bought + extra, bought)
