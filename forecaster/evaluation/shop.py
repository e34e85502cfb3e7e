"""What did each series sell in each period, and what of it may be known at a cutoff?

A series is a product at a location; it begins with its first row, and a period without a row is a zero. A question
holds the past alone: what came from its cutoff on stands in `future`, which no forecaster is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.events import ProductKey
from domain.features import Floats, Ints
from forecaster.periods import DAY, MONTH, Periods

WEIGHT_PERIODS = {DAY: 28, "W": 4, MONTH: 1}  # M5 weighs by the last 28 days


class NothingToEvaluate(ValueError):
    """The sales do not reach round the cutoff; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Shop:
    """n series over consecutive steps from `first` on; units (net, never below zero) and revenue (minor units) are
    float64 (n, steps), in_stock bool. starts: the step of each first row, int64 (n,). Steps from `until` on are not,
    or not wholly, in the data."""

    periods: Periods
    keys: tuple[ProductKey, ...]
    first: int
    until: int
    units: Floats
    revenue: Floats
    in_stock: NDArray[np.bool_]
    starts: Ints


@dataclass(frozen=True, slots=True)
class Question:
    """Forecast `horizon` steps from the step `cutoff` on, from what lies before it.

    rows: the shop's row of each series, int64 (n,). past float64 (n, steps before the cutoff), zeros before a series
    began; ages int64 (n,): how many of the last columns it has been there. total_periods: the total that is asked for
    beside the single steps covers the first so many."""

    shop: Shop
    cutoff: int
    horizon: int
    total_periods: int
    rows: Ints
    past: Floats
    ages: Ints

    @property
    def season(self) -> int:
        return self.shop.periods.season

    @property
    def cutoff_day(self) -> int:
        return self.shop.periods.first_day(self.cutoff)

    @property
    def keys(self) -> list[ProductKey]:
        return [self.shop.keys[row] for row in self.rows]

    @property
    def known_periods(self) -> int:
        """How many of the horizon's steps lie in the data."""
        return int(np.clip(self.shop.until - self.cutoff, 0, self.horizon))

    def future(self) -> Floats:
        """What came, float64 (n, horizon): NaN past the data's end and where a stock-out hid the demand."""
        wanted = np.arange(self.cutoff, self.cutoff + self.horizon)
        known = wanted[wanted < self.shop.until] - self.shop.first
        future = np.full((len(self.rows), self.horizon), np.nan)
        seen = np.ix_(self.rows, known)
        future[:, : len(known)] = np.where(self.shop.in_stock[seen], self.shop.units[seen], np.nan)
        return future

    def weights(self) -> Floats:
        """Each series' share of the revenue of the last WEIGHT_PERIODS before the cutoff, of the units where nothing
        in the shop has a price; float64 (n,), all zero if nothing was sold.

        M5 Competitors' Guide (2020), "Evaluation": dollar sales of the last 28 days."""
        end = min(self.cutoff, self.shop.until) - self.shop.first
        span = slice(max(0, self.cutoff - self.shop.first - WEIGHT_PERIODS[self.shop.periods.freq]), end)
        priced = self.shop.revenue[self.rows, : self.past.shape[1]].any()
        sold = np.maximum((self.shop.revenue if priced else self.shop.units)[self.rows, span], 0).sum(axis=1)
        return np.asarray(sold / max(float(sold.sum()), 1e-12), dtype=np.float64)

    def scales(self) -> Floats:
        """Mean squared one-step naive error from each series' first non-zero demand on; NaN where there is none.

        M5 Competitors' Guide (2020), "Evaluation": the denominator of RMSSE."""
        active = np.cumsum(self.past > 0, axis=1)[:, :-1] > 0
        squares = np.square(np.diff(self.past, axis=1)) * active
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = squares.sum(axis=1) / active.sum(axis=1)
        return np.where(scale > 0, scale, np.nan)


def shop_of(sales: pd.DataFrame, periods: Periods) -> Shop:
    """Sums rows (columns as `forecaster.sales.read_sales` returns them) by series and period."""
    steps = periods.steps(sales["day"].to_numpy(np.int64))
    groups = sales.groupby(["product_id", "location_id"], sort=True, dropna=False)
    keys = tuple(ProductKey(str(p), None if pd.isna(at) else str(at)) for p, at in groups.size().index)
    first = int(steps.min())
    cell = (groups.ngroup().to_numpy(), steps - first)
    shape = (len(keys), int(steps.max()) + 1 - first)
    units, revenue = (_summed(shape, cell, sales[name].to_numpy(np.float64)) for name in ("quantity", "revenue_minor"))
    in_stock = np.ones(shape, dtype=bool)
    if "in_stock" in sales:
        out = ~sales["in_stock"].to_numpy(bool)
        in_stock[cell[0][out], cell[1][out]] = False
    starts = np.full(len(keys), np.iinfo(np.int64).max)
    np.minimum.at(starts, cell[0], steps)
    until = min(first + shape[1], _until(sales["day"].to_numpy(np.int64), periods))
    return Shop(periods, keys, first, until, np.maximum(units, 0), revenue, in_stock, starts)


def _summed(shape: tuple[int, int], cell: tuple[NDArray[np.integer], Ints], values: Floats) -> Floats:
    sums = np.zeros(shape)
    np.add.at(sums, cell, values)
    return sums


def _until(days: Ints, periods: Periods) -> int:
    """The first step that is not whole. Rows that all bear the first day of a period are totals of whole periods."""
    totals = np.array_equal(periods.first_days(periods.steps(days)), days)
    last = int(days.max())
    return periods.step(last) + 1 if totals else periods.step(last + 1)


def questions_of(shop: Shop, cutoff: int, horizon: int, origins: int, total_periods_max: int) -> Iterator[Question]:
    """The question at the cutoff itself, and then those of `origins` - 1 earlier ones, a horizon apart."""
    for step in range(cutoff, cutoff - origins * horizon, -horizon):
        rows = np.flatnonzero(shop.starts < step)
        if not len(rows):
            dates = shop.periods.dates(np.array([shop.first, step]))
            raise NothingToEvaluate(f"no series has a row before {dates[1]}: the sales begin {dates[0]}")
        past = np.zeros((len(rows), step - shop.first))
        seen = shop.units[rows, : step - shop.first]
        past[:, : seen.shape[1]] = seen
        known = int(np.clip(shop.until - step, 0, horizon)) or horizon
        yield Question(shop, step, horizon, min(total_periods_max, known), rows, past, step - shop.starts[rows])
