"""How does each policy do, and how would it do at other settings of its own?

Every policy plays the same shop from the same stock. Its frontier is the stock it holds against the share of demand it
serves as its one setting moves; where two frontiers are compared, they are read at the same service or at the same
stock. The first periods, which no order can reach, are the same for all and left out of the frontier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from domain.backtest import Costs, Outcome, Policy, Run, Timing, outcome, replay
from domain.policy import FORECAST_DAYS, SupplyTerms
from domain.restocking import as_worker, restock
from domain.rules import cover, guide, normal, vn2_benchmark
from worker.backtest.forecasting import Forecasts
from worker.backtest.history import Replayed

LEVELS = (0.5, 0.7, 0.833, 0.9, 0.95, 0.98, 0.993, 0.998, 0.9995, 0.9999)
COVER_SHARES = (0.6, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 9.0, 14.0, 21.0, 30.0)
BENCHMARK_WEEKS = (2, 3, 4, 5, 6, 8, 10)
SERVICE = 0.95
FORTNIGHT = 14


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything the replays have in common. retrain_every in periods, 0 for never."""

    timing: Timing
    costs: Costs | None
    service: float | None
    cover_periods: float
    backorders: bool
    observe_demand: bool
    retrain_every: int


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of a policy, and what came of it."""

    setting: float
    figures: Outcome


@dataclass(frozen=True, slots=True)
class Entry:
    """A policy at the setting that was asked for, and its frontier (empty where it has no setting or none was wanted),
    rising with the setting."""

    name: str
    setting: float | None
    run: Run
    figures: Outcome
    frontier: tuple[Point, ...]


class Contest:
    """The replays of one shop. period_over is told of every period that has been played, in whichever replay."""

    def __init__(
        self, replayed: Replayed, forecasts: Forecasts, rules: Rules, period_over: Callable[[int], None]
    ) -> None:
        self._replayed = replayed
        self._forecasts = forecasts
        self._rules = rules
        self._period_over = period_over

    def entry(self, name: str, *, frontier: bool) -> Entry:
        setting = self._setting(name)
        run = self._run(self._policy(name, setting, self._rules.retrain_every))
        points = tuple(self._point(name, other) for other in self.settings(name)) if frontier else ()
        return Entry(name, setting, run, self._figures(run), points)

    def settings(self, name: str) -> Sequence[float]:
        """The settings that make up the frontier of a policy."""
        periods = self._rules.timing.lead_time + self._rules.timing.review
        every = {
            "restock": LEVELS,
            "worker": LEVELS,
            "normal": LEVELS,
            "cover": tuple(periods * share for share in COVER_SHARES),
            "vn2_benchmark": BENCHMARK_WEEKS,
        }
        return every.get(name, ())

    def _setting(self, name: str) -> float | None:
        rules = self._rules
        if name == "restock":
            return rules.service if rules.service is not None or rules.costs is not None else SERVICE
        if name == "worker":
            return rules.service if rules.service is not None or rules.costs is not None else SERVICE
        return {"cover": rules.cover_periods, "normal": rules.service or SERVICE, "vn2_benchmark": 4.0}.get(name)

    def _policy(self, name: str, setting: float | None, retrain_every: int) -> Policy:
        if name == "restock":
            return self._ours(setting, retrain_every)
        if name == "worker":
            return self._as_worker(setting, retrain_every)
        window = self._replayed.window
        if name == "guide" or setting is None:
            return guide(window)
        if name == "vn2_benchmark":
            return vn2_benchmark(self._replayed.weeks_of_the_year, int(setting))
        return cover(window, setting) if name == "cover" else normal(window, setting)

    def _ours(self, fill_rate: float | None, retrain_every: int) -> Policy:
        """Costs decide unless a service was asked for."""
        costs = self._rules.costs
        if fill_rate is not None or costs is None:
            return self._restock(SupplyTerms(), retrain_every, fill_rate or SERVICE)
        return self._restock(SupplyTerms(shortage_cost=costs.shortage, holding_cost=costs.holding), retrain_every)

    def _as_worker(self, service_level: float | None, retrain_every: int) -> Policy:
        """Costs decide unless a service was asked for. An order brings a fortnight, as the worker's does unless it is
        told otherwise."""
        timing, costs, days = self._rules.timing, self._rules.costs, self._replayed.days_a_period
        terms = SupplyTerms(
            timing.lead_time, timing.review, max(1, round(FORTNIGHT / days)), backorders=self._rules.backorders
        )
        if service_level is not None:
            terms = terms._replace(service_level=service_level)
        elif costs is not None:
            terms = terms._replace(shortage_cost=costs.shortage, holding_cost=costs.holding)
        each = [terms] * len(self._replayed.shop.on_hand)
        return as_worker(self._forecasts.ahead(retrain_every), each, max(1, round(FORECAST_DAYS / days)))

    def _restock(self, terms: SupplyTerms, retrain_every: int, fill_rate: float | None = None) -> Policy:
        ahead, products = self._forecasts.ahead(retrain_every), len(self._replayed.shop.on_hand)
        return restock(ahead, [terms] * products, fill_rate=fill_rate, backorders=self._rules.backorders)

    def _point(self, name: str, setting: float) -> Point:
        """Restock moves along the probability of no stock-out, with the model of START throughout."""
        if name == "restock":
            policy = self._restock(SupplyTerms(service_level=setting), retrain_every=0)
        else:
            policy = self._policy(name, setting, 0)
        return Point(setting, self._figures(self._run(policy), first=self.first_reached))

    @property
    def first_reached(self) -> int:
        """Periods that pass before an order decided at the end of period 0 is there; none if there are no others."""
        lead = self._rules.timing.lead_time
        return lead if lead < self._replayed.shop.periods else 0

    def _run(self, policy: Policy) -> Run:
        rules = self._rules
        return replay(
            self._replayed.shop,
            policy,
            rules.timing,
            backorders=rules.backorders,
            observe_demand=rules.observe_demand,
            after_period=self._period_over,
        )

    def _figures(self, run: Run, first: int = 0) -> Outcome:
        return outcome(run, self._rules.costs, backorders=self._rules.backorders, first=first)

    def reached(self, entry: Entry) -> Outcome:
        """An entry's figures over the periods that its orders can reach."""
        return self._figures(entry.run, first=self.first_reached)


@dataclass(frozen=True, slots=True)
class Compared:
    """Restock beside another policy. stock_saved: the share of its stock that restock needs less for the same service;
    fill_rate_gained: the service that restock adds with the same stock. None where the frontier does not reach."""

    fill_rate: float
    average_on_hand: float
    stock_saved: float | None
    fill_rate_gained: float | None


def compared(frontier: Sequence[Point], other: Outcome) -> Compared:
    """Reads restock's frontier, straight between two points, at the other's service and at its stock."""
    stock = stock_at(frontier, other.fill_rate)
    service = _read(frontier, lambda p: p.average_on_hand, lambda p: p.fill_rate, other.average_on_hand, max)
    saved = None if stock is None or not other.average_on_hand else 1.0 - stock / other.average_on_hand
    gained = None if service is None else service - other.fill_rate
    return Compared(other.fill_rate, other.average_on_hand, saved, gained)


def stock_at(frontier: Sequence[Point], fill_rate: float) -> float | None:
    """The stock with which a policy serves this share of demand."""
    return _read(frontier, lambda p: p.fill_rate, lambda p: p.average_on_hand, fill_rate, min)


def _read(
    frontier: Sequence[Point],
    along: Callable[[Outcome], float],
    what: Callable[[Outcome], float],
    at: float,
    better: Callable[[float, float], float],
) -> float | None:
    """Interpolates; the better of two settings that are level; None outside of what was played, for nobody knows what
    lies there."""
    pairs: dict[float, float] = {}
    for point in frontier:
        x, y = along(point.figures), what(point.figures)
        pairs[x] = better(pairs[x], y) if x in pairs else y
    places = sorted(pairs)
    if not places or not places[0] <= at <= places[-1]:
        return None
    return float(np.interp(at, places, [pairs[x] for x in places]))
