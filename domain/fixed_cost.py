"""Which (s, S) and which (r, Q) cost least when every order has a fixed cost and demand is Poisson?

Exact answers for one product, by searches that are known to end at the optimum: Zheng & Federgruen (Operations Research
39, 1991) for (s, S) under periodic review, Federgruen & Zheng (Operations Research 40, 1992) for (r, Q) under
continuous review. Customers wait; costs are of one unit and one period. They are the yardstick that the vectorised
policy is held against, not a part of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import stats

from domain.features import Floats
from domain.shortfall import expected_leftover, expected_shortfall

Cost = Callable[[int], float]


class Levels(NamedTuple):
    """s and S, and what a period costs with them."""

    reorder_point: int
    target: int
    cost: float


class Batch(NamedTuple):
    """r and Q, and what a period costs with them."""

    reorder_point: int
    quantity: int
    cost: float


def stock_cost(holding_cost: float, shortage_cost: float, mean: float) -> Cost:
    """What a period costs that a total of Poisson demand meets with so many units (below zero: owed units)."""

    def cost(units: int) -> float:
        left, missing = expected_leftover(units, mean, 0.0), expected_shortfall(units, mean, 0.0)
        return float(holding_cost * left + shortage_cost * missing)

    return cost


def optimal_levels(holding_cost: float, shortage_cost: float, ordering_cost: float, mean: float) -> Levels:
    """The best (s, S) for Poisson demand of this mean a period, without a lead time: order up to S when at most s are
    left."""
    cost = stock_cost(holding_cost, shortage_cost, mean)
    best = int(stats.poisson.ppf(shortage_cost / (shortage_cost + holding_cost), mean))
    demand = stats.poisson.pmf(np.arange(best * 10 + 200), mean)
    point = best - 1
    while _levels_cost(point, best, cost, ordering_cost, demand) > cost(point):
        point -= 1
    target, found = best, _levels_cost(point, best, cost, ordering_cost, demand)
    above = best + 1
    while cost(above) <= found:
        if _levels_cost(point, above, cost, ordering_cost, demand) < found:
            target = above
            found = _levels_cost(point, target, cost, ordering_cost, demand)
            while found <= cost(point + 1):
                point += 1
                found = _levels_cost(point, target, cost, ordering_cost, demand)
        above += 1
    return Levels(point, target, found)


def _levels_cost(point: int, target: int, cost: Cost, ordering_cost: float, demand: Floats) -> float:
    """By renewal: m(j) is how often, between two orders, a period begins j units below the target."""
    span = target - point
    visits = np.zeros(span)
    visits[0] = 1.0 / (1.0 - demand[0])
    for down in range(1, span):
        visits[down] = (demand[1 : down + 1] @ visits[down - 1 :: -1][:down]) / (1.0 - demand[0])
    held = sum(visits[down] * cost(target - down) for down in range(span))
    return float((ordering_cost + held) / visits.sum())


def optimal_batch(
    holding_cost: float, shortage_cost: float, ordering_cost: float, rate: float, lead_time: float
) -> Batch:
    """The best (r, Q) for Poisson demand of this rate: order Q whenever the position falls to r.

    The position is even over r + 1 ... r + Q. The best Q positions lie side by side, so the cheapest neighbour is
    taken in as long as it is below the average that results."""
    cost = stock_cost(holding_cost, shortage_cost, rate * lead_time)
    low = high = int(stats.poisson.ppf(shortage_cost / (shortage_cost + holding_cost), rate * lead_time))
    held = ordering_cost * rate + cost(low)
    while True:
        average = held / (high - low + 1)
        below, above = cost(low - 1), cost(high + 1)
        if min(below, above) >= average:
            return Batch(low - 1, high - low + 1, average)
        held += min(below, above)
        low, high = (low - 1, high) if below <= above else (low, high + 1)
