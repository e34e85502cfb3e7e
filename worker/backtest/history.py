"""Which shop do a sales file and a stock file describe?

What lies up to the end of period 0 is its past, in the forecaster's own shape; what comes after is demand that nobody
has seen. The two are cut from the file before anything else happens, so that nothing of the second is in the first."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from domain.backtest import Shop, Timing
from domain.features import Floats, Ints
from domain.rules import DAYS, WEEKS, Window
from forecaster.dataset import Panel, panel_of
from forecaster.periods import WEEK, Periods
from worker.backtest.initial import read_initial

EPOCH = dt.date(1970, 1, 1)


class NothingToReplay(ValueError):
    """The message says what is missing."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The shop; its past as the forecaster reads it; and of each unit asked for in periods 1 ... N its price in minor
    units and the share that was promoted, float64 (n, periods) each."""

    shop: Shop
    past: Panel
    price: Floats
    promoted: Floats
    newcomers: int
    silent: int

    @property
    def days_a_period(self) -> int:
        return 7 if self.past.freq == WEEK else 1

    @property
    def window(self) -> Window:
        return WEEKS if self.past.freq == WEEK else DAYS

    def begins_on(self, period: int) -> dt.date:
        """The first day of a period."""
        day = self.past.periods.first_day(self.past.until - 1 + period)
        return EPOCH + dt.timedelta(days=day)

    def weeks_of_the_year(self, periods: int) -> Ints:
        """Of so many periods from the first of the past on, 0 to 52."""
        dates = self.past.periods.dates(np.arange(self.past.first_step, self.past.first_step + periods))
        days = (dates - dates.astype("datetime64[Y]")).astype("timedelta64[D]").astype(np.int64)
        return np.asarray(days // 7, dtype=np.int64)


def replayed(
    sales: pd.DataFrame, start: dt.date, periods: int, freq: str, timing: Timing, initial: Path | None
) -> Replayed:
    """NothingToReplay when there is no past, UnusableStock when the stock file is none."""
    over = _first_moment(sales, (start - EPOCH).days, freq)
    past = panel_of(sales, until=over, freq=freq)
    if not past.products or past.until != past.periods.step(over):
        raise NothingToReplay(f"no sales in the last 56 periods up to {start}")
    end = past.periods.first_day(past.until + periods)
    whole = panel_of(sales, until=end, freq=freq)
    row_of = {product: row for row, product in enumerate(whole.products)}
    # The whole keeps fewer of the old steps than the past: a product that sold in those alone is not in it.
    rows = np.array([row_of.get(product, -1) for product in past.products], dtype=np.int64)
    first = past.until - whole.first_step
    net, sold, revenue, promoted = (
        _columns(matrix, rows, first, periods) for matrix in (whole.net, whole.sold, whole.revenue, whole.promoted)
    )
    unknown = _columns(whole.censored.astype(np.int64), rows, first, periods) > 0
    on_hand, due = read_initial(initial, past.products) if initial else _usual_stock(past, timing)
    shop = Shop(np.maximum(past.net, 0), past.censored, np.maximum(net, 0), unknown, on_hand, due)
    each = np.maximum(sold, 1)
    last = past.periods.step(int(sales["day"].max())) + 1
    silent = max(0, past.until + periods - last)
    return Replayed(shop, past, revenue / each, promoted / each, len(whole.products) - int((rows >= 0).sum()), silent)


def _first_moment(sales: pd.DataFrame, start: int, freq: str) -> int:
    """The first day after period 0, of which `start` is a day.

    Totals of weeks all bear the same day of the week, and the week begins on it; a week of sales ends on START."""
    if freq != WEEK:
        return start + 1
    labels = (sales["day"] % 7).unique()
    if len(labels) == 1:
        weeks = Periods(WEEK, int(labels[0]))
        return weeks.first_day(weeks.step(start) + 1)
    return start + 1


def _columns(matrix: Ints, rows: Ints, first: int, periods: int) -> Ints:
    """The periods from `first` on, zeros where the panel does not reach and of products (-1) that it does not have."""
    laid = np.zeros((len(rows), periods), dtype=np.int64)
    low, high = max(first, 0), min(first + periods, matrix.shape[1])
    known = rows >= 0
    if low < high:
        laid[known, low - first : high - first] = matrix[rows[known], low:high]
    return laid


def _usual_stock(past: Panel, timing: Timing) -> tuple[Ints, Ints]:
    """What a shop would hold that has ordered its recent mean: a review of it on hand, and each period of the lead time
    as much on its way."""
    window = (WEEKS if past.freq == WEEK else DAYS).mean_periods
    kept = ~past.censored[:, -window:]
    mean = (np.maximum(past.net[:, -window:], 0) * kept).sum(axis=1) / np.maximum(kept.sum(axis=1), 1)
    on_hand = np.ceil(mean * timing.review).astype(np.int64)
    # Whole units whose running sum follows the mean's.
    sums = np.rint(mean[:, None] * np.arange(timing.lead_time + 1)).astype(np.int64)
    return on_hand, np.diff(sums, axis=1)
