"""From which past days does a model learn, and what was it to answer on each?

Every origin is asked exactly as the worker asks an endpoint: a ForecastRequest built from the days before as_of. The
answer is the total over [as_of, as_of + cover_days), which ends no later than the last day of the panel. So a
feature never sees its label, and no label sees past the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.buckets import WINDOW_DAYS
from domain.events import ProductKey
from domain.features import DailySeries, Ints
from domain.product import product_label
from forecaster.formats import ForecastRequest, request_of

# Lead times and review periods people have: a day to eight weeks, with the day after each full week.
COVER_DAYS = (1, 2, 3, 5, 7, 8, 11, 14, 15, 21, 28, 29, 35, 42, 56)
LENGTHS_A_PRODUCT_MIN = 2
DAYS_KEPT = 546
ORIGIN_STRIDES = (2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13)  # none a multiple of 7: every weekday comes up
ORIGINS_MAX = 32
SALES_COLUMNS = ("product_id", "location_id", "day", "quantity", "revenue_minor", "promotion")

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """Daily sums of n products over consecutive days from first_day on, int64 (n, days) each.

    net: sold less returned. sold, revenue (minor units), promoted: of sales alone, as in a product's buckets.
    promotions: per product the (first, last) days planned ahead, both included."""

    first_day: int
    products: tuple[ProductKey, ...]
    net: Ints
    sold: Ints
    revenue: Ints
    promoted: Ints
    promotions: tuple[Spans, ...]

    @property
    def until(self) -> int:
        """The first day that is not in the panel."""
        return self.first_day + int(self.net.shape[1])

    def first_sales(self) -> Ints:
        """The day of each product's first sale, `until` for one that was only ever returned; int64 (n,)."""
        sold = self.sold > 0
        return np.where(sold.any(axis=1), self.first_day + sold.argmax(axis=1), self.until)

    def before(self, day: int) -> Panel:
        """The same products with only the days before `day`."""
        kept = slice(0, max(0, day - self.first_day))
        net, sold, revenue, promoted = (
            matrix[:, kept] for matrix in (self.net, self.sold, self.revenue, self.promoted)
        )
        return Panel(self.first_day, self.products, net, sold, revenue, promoted, self.promotions)

    def series(self, as_of: int, rows: Ints) -> DailySeries:
        """What is known of these products (row numbers) the day before as_of."""
        net, sold, revenue, promoted = (
            self._window(matrix, as_of, rows) for matrix in (self.net, self.sold, self.revenue, self.promoted)
        )
        each = np.arange(len(rows))
        last = WINDOW_DAYS - 1 - np.argmax(sold[:, ::-1] > 0, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            last_price = revenue[each, last] / np.where(sold[each, last] > 0, sold[each, last], np.nan)
            units = np.where(sold.any(axis=1), sold.sum(axis=1), np.nan)
            mean_price = revenue.sum(axis=1) / units
            promoted_share = np.nan_to_num(promoted.sum(axis=1) / units)
        promotions = tuple(self.promotions[row] for row in rows)
        return DailySeries(as_of, net, last_price, mean_price, promoted_share, promotions)

    def _window(self, matrix: Ints, as_of: int, rows: Ints) -> Ints:
        window = np.zeros((len(rows), WINDOW_DAYS), dtype=np.int64)
        first, end = max(self.first_day, as_of - WINDOW_DAYS), min(self.until, as_of)
        if first < end:
            seen = matrix[rows, first - self.first_day : end - self.first_day]
            window[:, first - as_of + WINDOW_DAYS : end - as_of + WINDOW_DAYS] = seen
        return window


def panel_of(sales: pd.DataFrame, until: int | None = None) -> Panel:
    """Sums sales by product and day, from the first to the last day that has any, the last DAYS_KEPT of them.

    sales has SALES_COLUMNS: ids as text (location_id may be null), day in days since the epoch, quantity in units
    (returns negative), revenue_minor in minor units, promotion as bool. Days from `until` on are dropped first."""
    if until is not None:
        sales = sales[sales["day"] < until]
    if sales.empty:
        none = np.zeros((0, 0), dtype=np.int64)
        return Panel(until or 0, (), none, none, none, none, ())
    sales = sales[sales["day"] > sales["day"].max() - DAYS_KEPT]
    groups = sales.groupby(["product_id", "location_id"], sort=True, dropna=False)
    products = tuple(ProductKey(str(p), None if pd.isna(at) else str(at)) for p, at in groups.size().index)
    day, quantity, revenue = (sales[name].to_numpy(np.int64) for name in ("day", "quantity", "revenue_minor"))
    selling = quantity >= 0
    shown = quantity * (selling & sales["promotion"].to_numpy(bool))
    shape = (len(products), int(day.max() - day.min()) + 1)
    cell = (groups.ngroup().to_numpy(), day - int(day.min()))
    net, sold, paid, promoted = (
        _summed(shape, cell, values) for values in (quantity, quantity * selling, revenue * selling, shown)
    )
    return Panel(int(day.min()), products, net, sold, paid, promoted, ((),) * len(products))


def _summed(shape: tuple[int, int], cell: tuple[NDArray[np.integer], Ints], values: Ints) -> Ints:
    sums = np.zeros(shape, dtype=np.int64)
    np.add.at(sums, cell, values)
    return sums


@dataclass(frozen=True, slots=True)
class Lesson:
    """What would have been asked at one as_of, and the right answers: totals int64 (n, h), as request.cover_days.

    rows: the panel's row of each product, int64 (n,)."""

    rows: Ints
    request: ForecastRequest
    totals: Ints


def lessons_of(panel: Panel, origins: Sequence[int], rows_max: int, seed: int) -> Iterator[Lesson]:
    """A lesson an origin, together about rows_max (product, cover length) pairs at most, drawn by the seed.

    Products not sold before an origin are left out of it, and so are lengths that end after the panel does."""
    draw = np.random.default_rng(seed)
    ends = _ends(panel)
    first_sales = panel.first_sales()
    for as_of in origins:
        known = np.flatnonzero(first_sales < as_of)
        lengths = np.array([k for k in COVER_DAYS if as_of + k <= panel.until], dtype=np.int64)
        if not len(known) or not len(lengths):
            continue
        rows, cover_days = _drawn(draw, known, lengths, rows_max // len(origins))
        at = as_of - panel.first_day
        totals = ends[rows[:, None], at + cover_days] - ends[rows, at][:, None]
        items = [product_label(panel.products[row]) for row in rows]
        yield Lesson(rows, request_of(items, panel.series(as_of, rows), cover_days), totals)


def _ends(panel: Panel) -> Ints:
    """Demand before each day since the panel began, int64 (n, days + 1); a day of net returns is no demand."""
    demand = np.maximum(panel.net, 0).cumsum(axis=1)
    return np.concatenate([np.zeros((len(demand), 1), dtype=np.int64), demand], axis=1)


def _drawn(draw: np.random.Generator, known: Ints, lengths: Ints, pairs_max: int) -> tuple[Ints, Ints]:
    """Which products, and for each as many of the lengths as there is room for: int64 (m,) and (m, h)."""
    h = int(np.clip(pairs_max // len(known), min(LENGTHS_A_PRODUCT_MIN, len(lengths)), len(lengths)))
    m = int(np.clip(pairs_max // h, 1, len(known)))
    rows = np.sort(draw.choice(known, m, replace=False))
    order = draw.random((m, len(lengths))).argsort(axis=1)[:, :h]
    return rows, lengths[order]


def origins_between(first: int, end: int) -> tuple[int, ...]:
    """Up to ORIGINS_MAX days of [first, end), evenly spread and of all weekdays, the newest always among them."""
    fits = (step for step in ORIGIN_STRIDES if (end - first) / step <= ORIGINS_MAX)
    days = range(end - 1, first - 1, -next(fits, ORIGIN_STRIDES[-1]))
    return tuple(sorted(days[:ORIGINS_MAX]))
