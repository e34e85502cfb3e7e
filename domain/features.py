"""Which numbers describe a product's demand up to a day?

One definition for streaming, training and serving. `as_of` is the first day that is *not* seen: every window ends the
day before it, a day without sales is a zero, returns subtract. Everything is a function of a matrix of daily net
units, one row a product, the last column being the day before as_of; so a product's features can never see the day
they are to predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.buckets import WINDOW_DAYS
from domain.day_table import PROMOTED, RETURNED, REVENUE, SOLD, DayTable, Sums
from domain.folding import OpenProduct
from domain.product import ProductState

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

EWMA_ALPHA = 0.1
EXACT_MAX = 2.0**53
TOGETHER = 160  # products whose days are laid out at once: more do not stay in a core's cache
_NUMBERS = np.arange(1, WINDOW_DAYS + 1, dtype=np.uint8)
_ONES = np.ones(WINDOW_DAYS)
_DECAYING = EWMA_ALPHA * (1 - EWMA_ALPHA) ** np.arange(WINDOW_DAYS - 1, -1, -1)
_WEIGHTS = _DECAYING / _DECAYING.sum()
_SUMMED = np.zeros((WINDOW_DAYS, 4))
"""Which days the sums have: the last 7, the last 30, all, and every seventh."""
_SUMMED[-7:, 0] = _SUMMED[-30:, 1] = _SUMMED[:, 2] = _SUMMED[::7, 3] = 1


@dataclass(frozen=True, slots=True)
class DailySeries:
    """What the features are computed from, for n products and the WINDOW_DAYS days (steps) before as_of.

    net: int64 (n, WINDOW_DAYS), units sold less units returned; float64 where stock-outs were filled. last_price and
    mean_price: float64 (n,), minor units a unit on the last selling day and over the window, NaN when nothing was sold.
    promoted_share: float64 (n,), share of sold units that were promoted. planned_promotions: per product the (first,
    last) days, both included. freq: W or M where the steps are weeks or months; a product's state has days."""

    as_of: int
    net: Ints | Floats
    last_price: Floats
    mean_price: Floats
    promoted_share: Floats
    planned_promotions: tuple[tuple[tuple[int, int], ...], ...]
    freq: str = "D"

    def take(self, rows: Sequence[int]) -> DailySeries:
        """The same series for some of its products."""
        index = np.asarray(rows, dtype=np.int64)
        return DailySeries(
            self.as_of,
            self.net[index],
            self.last_price[index],
            self.mean_price[index],
            self.promoted_share[index],
            tuple(self.planned_promotions[row] for row in rows),
            self.freq,
        )


def series_of(states: Sequence[ProductState | OpenProduct], as_of: int) -> DailySeries:
    """Lays the days of many products out as arrays."""
    table, rows = _table_of(states)
    blocks = [
        _described(table.window(rows[at : at + TOGETHER], as_of - WINDOW_DAYS, as_of - 1))
        for at in range(0, max(len(rows), 1), TOGETHER)
    ]
    net, last_price, mean_price, share = map(np.concatenate, zip(*blocks, strict=True))
    return DailySeries(as_of, net, last_price, mean_price, share, tuple([s.promotions for s in states]))


def _table_of(states: Sequence[ProductState | OpenProduct]) -> tuple[DayTable, Ints]:
    """The table of the open products if all are there, else one of their own; and their rows in it."""
    rows = [state.row for state in states if type(state) is OpenProduct and state.row is not None]
    table = states[0].table if len(rows) == len(states) > 0 and isinstance(states[0], OpenProduct) else None
    if table is None:
        return DayTable.of([state.buckets for state in states]), np.arange(len(states))
    return table, np.array(rows, dtype=np.int64)


def _described(window: Sums) -> tuple[Ints, Floats, Floats, Floats]:
    """Net units a day, last price, mean price and promoted share of some products, as DailySeries has them."""
    net = np.subtract(window[:, SOLD], window[:, RETURNED], dtype=np.int64)
    priced = np.empty((3, *net.shape))
    priced[:2], priced[2] = window[:, : REVENUE + 1].transpose(1, 0, 2), window[:, PROMOTED]
    sold, revenue, _ = priced
    # A correction may come before its sale: such a day is below zero for a while, and has no price.
    selling = sold > 0
    if ((priced != 0) > selling).any():
        priced *= selling
    last, rows = _newest(selling) - 1, np.arange(len(net))
    units, earned, in_promotion = priced @ _ONES
    with np.errstate(invalid="ignore", divide="ignore"):
        last_price, mean_price = revenue[rows, last] / sold[rows, last], earned / units
        share = in_promotion / units
    return net, last_price, mean_price, np.clip(np.nan_to_num(share), 0.0, 1.0)


def _newest(days: NDArray[np.bool_]) -> Ints:
    """The place of the last day of each row that is so, counted from one; 0 if none is."""
    numbered: Ints = (days * _NUMBERS).max(axis=1).astype(np.int64)
    return numbered


def rolling_features(series: DailySeries) -> dict[str, NDArray[np.generic]]:
    """The guide's features and the extras that earn their place, one array of length n each.

    lag_7, lag_30: net units 7 and 30 days before as_of (int64). rolling_7/30/56: mean net units a day. ewma: mean
    with weights falling by 10 % a day. std_30: standard deviation over 30 days (population). same_weekday_mean: mean
    of the 8 days 7, 14 … 56 days before as_of. nonzero_share: share of the 56 days with any net units.
    days_since_last_sale: days from the last day with net units above zero to as_of, 57 if there was none.
    price_ratio: price of the last selling day over the window's mean price, 1 if unknown. The calendar is as_of's."""
    net = series.net
    n = len(net)
    # In 64 bits of a float sums of whole numbers are exact, and they are many times as fast.
    days = net.astype(np.float64)
    week, month, window, weekday = (days @ _SUMMED).T
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = series.last_price / series.mean_price
    calendar = calendar_of(series.as_of)
    return {
        "lag_7": net[:, -7],
        "lag_30": net[:, -30],
        "rolling_7": week / 7,
        "rolling_30": month / 30,
        "rolling_56": window / WINDOW_DAYS,
        "ewma": days @ _WEIGHTS,
        "std_30": _deviation(days[:, -30:], month, whole=net.dtype.kind == "i"),
        "same_weekday_mean": weekday / (WINDOW_DAYS // 7),
        "nonzero_share": (net != 0) @ _ONES / WINDOW_DAYS,
        "days_since_last_sale": WINDOW_DAYS + 1 - _newest(net > 0),
        "price_ratio": np.where(np.isfinite(ratio), ratio, 1.0),
        "promotion_share": series.promoted_share,
        **{name: np.full(n, value) for name, value in calendar.items()},
    }


def _deviation(days: Floats, total: Floats, whole: bool) -> Floats:
    """The standard deviation of each row, of which total is the sum; whole: all of these are whole numbers."""
    squares = np.einsum("ij,ij->i", days, days)
    spread: Floats = days.shape[1] * squares - total**2
    # Exact, as long as these are numbers that a float holds; of others it might be the root of what is below zero.
    if whole and squares.size and days.shape[1] * squares.max() < EXACT_MAX:
        deviation: Floats = np.sqrt(spread) / days.shape[1]
    else:
        deviation = days.std(axis=1)
    return deviation


def shape_features(series: DailySeries) -> dict[str, Floats]:
    """How the days of the window differ from each other, one float64 array of length n each.

    rolling_14, rolling_28, earlier: mean net units a day of the last 14, the last 28 and the first 28 days. std_56:
    standard deviation over the window. nonzero_7, nonzero_28: share of days with net units above zero. size,
    size_std, largest: mean, deviation and maximum of the days above zero, 0 if there is none. middle, upper_quarter,
    upper_tenth: the day (of 56) that half, three quarters and nine tenths of the days do not exceed. age: days from
    the first day above zero to as_of, 57 if there is none. week_1 … week_4: mean a day of the last week, the one
    before … . last_0 …, month_0 …, window_0 …: units of Monday (0) to Sunday (6) in the last week, and their mean over
    the last four and over all eight weeks."""
    net = series.net
    positive = net > 0
    sold = np.maximum(net, 0)
    count = np.maximum(positive.sum(axis=1), 1)
    size = sold.sum(axis=1) / count
    rising = np.sort(net, axis=1)
    weeks = net[:, -28:].reshape(len(net), 4, 7).sum(axis=2) / 7
    features = {
        "rolling_14": net[:, -14:].sum(axis=1) / 14,
        "rolling_28": net[:, -28:].sum(axis=1) / 28,
        "earlier": net[:, :28].sum(axis=1) / 28,
        "std_56": net.std(axis=1),
        "nonzero_7": positive[:, -7:].sum(axis=1) / 7,
        "nonzero_28": positive[:, -28:].sum(axis=1) / 28,
        "size": size,
        "size_std": np.sqrt(np.maximum((sold.astype(np.float64) ** 2).sum(axis=1) / count - size**2, 0.0)),
        "largest": sold.max(axis=1),
        "middle": rising[:, WINDOW_DAYS // 2],
        "upper_quarter": rising[:, WINDOW_DAYS * 3 // 4 - 1],
        "upper_tenth": rising[:, WINDOW_DAYS * 9 // 10],
        "age": np.where(positive.any(axis=1), WINDOW_DAYS - np.argmax(positive, axis=1), WINDOW_DAYS + 1),
        **{f"week_{ago + 1}": weeks[:, 3 - ago] for ago in range(4)},
        **_weekdays(net, series.as_of),
    }
    return {name: column.astype(np.float64) for name, column in features.items()}


def _weekdays(net: Ints | Floats, as_of: int) -> dict[str, NDArray[np.generic]]:
    by_day = net.reshape(len(net), WINDOW_DAYS // 7, 7)
    # Column j of a week lies 7 - j days before as_of; weekday k is in the column that the calendar says.
    columns = [(k - as_of - 3) % 7 for k in range(7)]
    named: dict[str, NDArray[np.generic]] = {}
    for name, weeks in (("last", 1), ("month", 4), ("window", 8)):
        means = by_day[:, -weeks:].sum(axis=1) / weeks
        named.update({f"{name}_{k}": means[:, column] for k, column in enumerate(columns)})
    return named


def calendar_of(day: int) -> dict[str, int]:
    """day_of_week (Monday is 0), month, quarter and is_weekend (0 or 1) of a day since the epoch."""
    date = np.datetime64(day, "D")
    month = int(date.astype("datetime64[M]").astype(int)) % 12 + 1
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
    return {
        "day_of_week": weekday,
        "month": month,
        "quarter": (month + 2) // 3,
        "is_weekend": int(weekday >= 5),
    }


def planned_share(series: DailySeries, cover_days: Ints, offsets: Ints | None = None) -> Floats:
    """Share of cover_days days (per product), the first of them `offsets` days from as_of, that lies in a planned
    promotion."""
    share = np.zeros(len(series.net))
    for row, spans in enumerate(series.planned_promotions):
        if spans:
            first_day = series.as_of + (0 if offsets is None else int(offsets[row]))
            days = range(first_day, first_day + int(cover_days[row]))
            share[row] = sum(any(first <= day <= last for first, last in spans) for day in days) / len(days)
    return share
