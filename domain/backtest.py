"""What would have become of a shop that had ordered by this policy?

Periods are numbered from the one that has just ended, 0. Decisions fall at the ends of periods 0, R, 2R ...; an order
decided at the end of period t is usable from the start of period t + 1 + L. A policy is given what the shop knew at
that moment and nothing else: its own sales up to and including period t, where the shelf ran empty, and what is on its
way. No demand of a later period is within its reach, and none that was lost unless it is said to be observed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.features import Floats, Ints

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Timing:
    """Periods from an order to its arrival, and from one decision to the next."""

    lead_time: int
    review: int = 1


@dataclass(frozen=True, slots=True)
class Shop:
    """n products. sales and censored (n, past): what was sold up to the end of period 0, and where that is a lower
    bound. demand and unknown (n, periods): what was asked for in periods 1, 2 ..., and where the shop itself had none
    to sell, so that the number is a lower bound. on_hand (n,): at the end of period 0. due (n, k): arrivals at the
    starts of periods 1 ... k. Units int64."""

    sales: Ints
    censored: Flags
    demand: Ints
    unknown: Flags
    on_hand: Ints
    due: Ints

    @property
    def periods(self) -> int:
        return int(self.demand.shape[1])


@dataclass(frozen=True, slots=True)
class Seen:
    """What a policy knows at the end of period t. sales, censored (n, past + t): lost sales are not among them, and
    such a period is censored. on_hand (n,), owed units negative. due (n, k): arrivals at the starts of the next
    periods, the last column that of an order decided now."""

    period: int
    sales: Ints
    censored: Flags
    on_hand: Ints
    due: Ints
    timing: Timing

    @property
    def position(self) -> Ints:
        return np.asarray(self.on_hand + self.due.sum(axis=1), dtype=np.int64)


Policy = Callable[[Seen], Ints]


@dataclass(frozen=True, slots=True)
class Run:
    """int64 (n, periods): what was ordered at the ends of periods 0 ... N - 1; units on hand at the end, asked for and
    missing in periods 1 ... N; owed at the end of each, if customers wait."""

    ordered: Ints
    on_hand: Ints
    demand: Ints
    missing: Ints
    owed: Ints


def replay(
    shop: Shop,
    policy: Policy,
    timing: Timing,
    *,
    backorders: bool = False,
    observe_demand: bool = False,
    after_period: Callable[[int], None] = lambda period: None,
) -> Run:
    """Plays all periods of the shop. after_period is told of each one that has been played, from 1 on."""
    n, periods, past = len(shop.on_hand), shop.periods, shop.sales.shape[1]
    width = max(periods, shop.due.shape[1]) + timing.lead_time + 2
    arrivals = np.zeros((n, width), dtype=np.int64)
    arrivals[:, 1 : 1 + shop.due.shape[1]] = shop.due
    # Later columns are filled as they happen, and a policy is handed a copy of those that have.
    sales = np.concatenate([shop.sales, np.zeros((n, periods), dtype=np.int64)], axis=1)
    censored = np.concatenate([shop.censored, np.zeros((n, periods), dtype=bool)], axis=1)
    ordered, on_hand, missing, owed = (np.zeros((n, periods), dtype=np.int64) for _ in range(4))
    shelf = shop.on_hand.astype(np.int64)
    for t in range(periods):
        if t % timing.review == 0:
            due = arrivals[:, t + 1 : t + 2 + timing.lead_time].copy()
            seen = Seen(t, sales[:, : past + t].copy(), censored[:, : past + t].copy(), shelf.copy(), due, timing)
            ordered[:, t] = policy(seen)
            arrivals[:, t + 1 + timing.lead_time] += ordered[:, t]
        asked = shop.demand[:, t]
        shelf = shelf + arrivals[:, t + 1]
        served = np.clip(shelf, 0, asked)
        missing[:, t] = asked - served
        shelf = shelf - (asked if backorders else served)
        on_hand[:, t], owed[:, t] = np.maximum(shelf, 0), np.maximum(-shelf, 0)
        whole = observe_demand or backorders
        sales[:, past + t] = asked if whole else served
        censored[:, past + t] = shop.unknown[:, t] | (False if whole else missing[:, t] > 0)
        after_period(t + 1)
    return Run(ordered, on_hand, shop.demand, missing, owed)


@dataclass(frozen=True, slots=True)
class Costs:
    """Of a unit held at the end of a period, and of a unit that is missing (or owed at the end of a period)."""

    holding: float
    shortage: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run in figures; costs are None where none were given. stockout_share: product-periods in which a unit was
    missing. average_on_hand: units at the end of a period, of all products."""

    holding_cost: float | None
    shortage_cost: float | None
    fill_rate: float
    stockout_share: float
    average_on_hand: float
    orders: int
    units_ordered: int
    holding_by_period: Floats | None
    shortage_by_period: Floats | None

    @property
    def total_cost(self) -> float | None:
        if self.holding_cost is None or self.shortage_cost is None:
            return None
        return self.holding_cost + self.shortage_cost


def outcome(run: Run, costs: Costs | None, *, backorders: bool = False, first: int = 0) -> Outcome:
    """The figures of a run, from period `first` + 1 on."""
    on_hand, missing, demand = run.on_hand[:, first:], run.missing[:, first:], run.demand[:, first:]
    ordered = run.ordered[:, first:]
    asked = int(demand.sum())
    held_by_period = shortage_by_period = None
    if costs is not None:
        held_by_period = costs.holding * on_hand.sum(axis=0)
        short = run.owed[:, first:] if backorders else missing
        shortage_by_period = costs.shortage * short.sum(axis=0)
    return Outcome(
        holding_cost=None if held_by_period is None else float(held_by_period.sum()),
        shortage_cost=None if shortage_by_period is None else float(shortage_by_period.sum()),
        fill_rate=1.0 - float(missing.sum()) / asked if asked else 1.0,
        stockout_share=float((missing > 0).mean()) if missing.size else 0.0,
        average_on_hand=float(on_hand.sum(axis=0).mean()) if on_hand.size else 0.0,
        orders=int((ordered > 0).sum()),
        units_ordered=int(ordered.sum()),
        holding_by_period=held_by_period,
        shortage_by_period=shortage_by_period,
    )
