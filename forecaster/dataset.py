"""What did a shop sell, product by product and step by step?

Sums of sales by period. What is asked of a panel as of a step is answered from the steps before it alone, and as a
product's own state would answer it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.buckets import WINDOW_DAYS
from domain.events import ProductKey
from domain.features import DailySeries, Floats, Ints
from forecaster.periods import DAY, DAYS, Periods

STEPS_KEPT_MAX = 2_000
STEPS_KEPT_MIN = 546
CELLS_MAX = 20_000_000  # of one matrix of a panel: beyond it the oldest steps are left out
SALES_COLUMNS = ("product_id", "location_id", "day", "quantity", "revenue_minor", "promotion")

FILL_STEPS = 8
GAP_DAYS = 2

Spans = tuple[tuple[int, int], ...]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Panel:
    """Sums of n products over consecutive steps from first_step on, int64 (n, steps) each.

    net: sold less returned. sold, revenue (minor units), promoted: of sales alone, as in a product's buckets.
    censored, bool (n, steps): the product was out of stock, so that its units are a lower bound. promotions: per
    product the (first, last) days planned ahead, both included. categories: one a product, None where unknown.
    starts, int64 (n,): the first step of which each product has a row."""

    first_step: int
    products: tuple[ProductKey, ...]
    net: Ints
    sold: Ints
    revenue: Ints
    promoted: Ints
    censored: Flags
    promotions: tuple[Spans, ...]
    categories: tuple[str | None, ...]
    starts: Ints
    periods: Periods = DAYS

    @property
    def freq(self) -> str:
        return self.periods.freq

    @property
    def until(self) -> int:
        """The first step that is not in the panel."""
        return self.first_step + int(self.net.shape[1])

    def first_sales(self) -> Ints:
        """The step of each product's first sale, `until` for one that was only ever returned; int64 (n,)."""
        sold = self.sold > 0
        return np.where(sold.any(axis=1), self.first_step + sold.argmax(axis=1), self.until)

    def before(self, step: int) -> Panel:
        """The same products with only the steps before `step`."""
        kept = slice(0, max(0, step - self.first_step))
        return dataclasses.replace(self, **{name: getattr(self, name)[:, kept] for name in MATRICES})

    def filled(self) -> Floats:
        """Net units with the censored steps filled by what sold around them, float64 (n, steps)."""
        return _filled(self.net, self.censored)

    def plans_ahead(self) -> bool:
        """Whether any promotion is planned for a day that is not in the panel yet."""
        over = self.periods.first_day(self.until)
        return any(last >= over for spans in self.promotions for _, last in spans)

    def with_past_promotions(self) -> Panel:
        """The same panel, its promotions as they were planned once: days with promoted sales, joined over gaps of up
        to GAP_DAYS. Only of products that sell on most days: of others a promoted day that sold nothing is not seen,
        and promotions would seem to sell always."""
        often = (self.sold > 0).mean(axis=1) >= 0.5 if self.sold.size else np.zeros(len(self.products), dtype=bool)
        spans = tuple(
            (*planned, *_spans(np.flatnonzero(self.promoted[row] > 0) + self.first_step)) if often[row] else planned
            for row, planned in enumerate(self.promotions)
        )
        return dataclasses.replace(self, promotions=spans) if self.freq == DAY else self

    def series(self, as_of: int, rows: Ints) -> DailySeries:
        """What is known of these products (row numbers) the step before as_of."""
        net, sold, revenue, promoted = (
            self._window(matrix, as_of, rows) for matrix in (self.net, self.sold, self.revenue, self.promoted)
        )
        shown: Ints | Floats = net
        if self.censored.any():
            shown = _filled(net, self._window(self.censored.astype(np.int64), as_of, rows) > 0)
        each = np.arange(len(rows))
        last = WINDOW_DAYS - 1 - np.argmax(sold[:, ::-1] > 0, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            last_price = revenue[each, last] / np.where(sold[each, last] > 0, sold[each, last], np.nan)
            units = np.where(sold.any(axis=1), sold.sum(axis=1), np.nan)
            mean_price = revenue.sum(axis=1) / units
            promoted_share = np.nan_to_num(promoted.sum(axis=1) / units)
        promotions = tuple(self.promotions[row] for row in rows)
        return DailySeries(as_of, shown, last_price, mean_price, promoted_share, promotions, self.freq)

    def _window(self, matrix: Ints, as_of: int, rows: Ints) -> Ints:
        window = np.zeros((len(rows), WINDOW_DAYS), dtype=matrix.dtype)
        first, end = max(self.first_step, as_of - WINDOW_DAYS), min(self.until, as_of)
        if first < end:
            seen = matrix[rows, first - self.first_step : end - self.first_step]
            window[:, first - as_of + WINDOW_DAYS : end - as_of + WINDOW_DAYS] = seen
        return window


def _filled(net: Ints, censored: Flags) -> Floats:
    """A censored step has what the seen ones of the FILL_STEPS before it sold on average (of all before, if there is
    none among those), and at least what it sold itself. No step is filled by a later one."""
    if not censored.any():
        return net.astype(np.float64)
    ends = np.concatenate([np.zeros((len(net), 1)), (net * ~censored).cumsum(axis=1)], axis=1)
    counts = np.concatenate([np.zeros((len(net), 1)), (~censored).cumsum(axis=1)], axis=1)
    at = np.arange(net.shape[1])
    low = np.maximum(at - FILL_STEPS, 0)
    units, count = ends[:, at] - ends[:, low], counts[:, at] - counts[:, low]
    before = ends[:, at] / np.maximum(counts[:, at], 1)
    around = np.where(count > 0, units / np.maximum(count, 1), before)
    return np.where(censored, np.maximum(net, around), net)


def _spans(days: Ints) -> Spans:
    if not len(days):
        return ()
    parts = np.split(days, np.flatnonzero(np.diff(days) > GAP_DAYS) + 1)
    return tuple((int(part[0]), int(part[-1])) for part in parts)


MATRICES = ("net", "sold", "revenue", "promoted", "censored")


def panel_of(sales: pd.DataFrame, until: int | None = None, freq: str = DAY) -> Panel:
    """Sums sales by product and period, from the first to the last period that has any.

    sales has SALES_COLUMNS: ids as text (location_id may be null), day in days since the epoch, quantity in units
    (returns negative), revenue_minor in minor units, promotion as bool; and may have category (text or null) and
    in_stock (bool). Days from `until` (since the epoch) on are dropped first; weeks begin on its day of the week, and
    the panel ends there unless the last sale is far back. The newest steps are kept, as many as CELLS_MAX allows."""
    periods = Periods.ending(freq, until)
    if until is not None:
        sales = sales[sales["day"] < periods.first_day(periods.step(until))]
    if sales.empty:
        none = np.zeros((0, 0), dtype=np.int64)
        end = 0 if until is None else periods.step(until)
        return Panel(end, (), none, none, none, none, none > 0, (), (), none[:, :0].sum(axis=1), periods)
    step = periods.steps(sales["day"].to_numpy(np.int64))
    newest = int(step.max())
    each = sales.groupby(["product_id", "location_id"], sort=True, dropna=False)
    kept = step > newest - int(np.clip(CELLS_MAX // each.ngroups, STEPS_KEPT_MIN, STEPS_KEPT_MAX))
    sales, step = sales[kept], step[kept]
    end = newest + 1
    if until is not None and periods.step(until) - end <= WINDOW_DAYS:
        end = periods.step(until)
    return _panel(sales, step, end, periods)


def _panel(sales: pd.DataFrame, step: Ints, end: int, periods: Periods) -> Panel:
    groups = sales.groupby(["product_id", "location_id"], sort=True, dropna=False)
    products = tuple(ProductKey(str(p), None if pd.isna(at) else str(at)) for p, at in groups.size().index)
    quantity, revenue = (sales[name].to_numpy(np.int64) for name in ("quantity", "revenue_minor"))
    selling = quantity >= 0
    shown = quantity * (selling & sales["promotion"].to_numpy(bool))
    first = int(step.min())
    shape = (len(products), end - first)
    row = groups.ngroup().to_numpy()
    cell = (row, step - first)
    net, sold, paid, promoted = (
        _summed(shape, cell, values) for values in (quantity, quantity * selling, revenue * selling, shown)
    )
    censored = np.zeros(shape, dtype=bool)
    if "in_stock" in sales:
        out = ~sales["in_stock"].to_numpy(bool)
        censored[row[out], step[out] - first] = True
    starts = np.full(len(products), end, dtype=np.int64)
    np.minimum.at(starts, row, step)
    nothing: tuple[Spans, ...] = ((),) * len(products)
    categories = _categories(sales, row, len(products))
    return Panel(first, products, net, sold, paid, promoted, censored, nothing, categories, starts, periods)


def _categories(sales: pd.DataFrame, row: NDArray[np.integer], n: int) -> tuple[str | None, ...]:
    """The last category that is named for each product."""
    if "category" not in sales:
        return (None,) * n
    named = sales["category"].notna().to_numpy()
    last = pd.Series(sales["category"].to_numpy()[named], index=row[named]).groupby(level=0).last()
    return tuple(None if pd.isna(said) else str(said) for said in last.reindex(range(n)))


def _summed(shape: tuple[int, int], cell: tuple[NDArray[np.integer], Ints], values: Ints) -> Ints:
    sums = np.zeros(shape, dtype=np.int64)
    np.add.at(sums, cell, values)
    return sums
