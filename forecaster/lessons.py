"""From which past steps does a model learn, and what was it to answer on each?

Every origin is asked exactly as the worker asks an endpoint: a ForecastRequest built from the steps before as_of. The
answer is the total of a window ahead that ends before `end`; one that touches a stock-out has no answer. So a feature
never sees its label, and no label sees past the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.features import Floats, Ints
from domain.forecast import MEAN_FLOOR
from domain.product import product_label
from forecaster.dataset import Panel
from forecaster.formats import ForecastRequest, request_of
from forecaster.memory import Memory
from forecaster.periods import DAY, MONTH, WEEK
from forecaster.seasons import shop_week


@dataclass(frozen=True, slots=True)
class Ahead:
    """Which windows are learnt: single steps up to `horizon`; totals of `lengths` from at once or from `delays` on.
    Of so many `draws` of an offset the nearest counts: what is asked for most is learnt most."""

    horizon: int
    lengths: tuple[int, ...]
    delays: tuple[int, ...]
    draws: int = 1


# Lead times and review periods people have: a day to eight weeks, with the day after each full week.
AHEAD = {
    DAY: Ahead(42, (2, 3, 5, 7, 8, 11, 14, 15, 21, 28, 29, 35, 42, 56), (0, 0, 0, 1, 3, 7, 14, 21)),
    WEEK: Ahead(8, (2, 2, 3, 3, 4, 4, 6, 8, 13), (0, 0, 1, 2, 3), draws=2),
    MONTH: Ahead(6, (2, 3, 6, 12), (0, 0, 1)),
}
SINGLE_SHARE = 0.75
WINDOWS_A_PRODUCT = (2, 24)
ORIGINS = (32, 150)  # at least where there are as many steps, and at most
WINDOWS_WANTED = 4  # a product and origin: fewer products have more origins
TIDE_STEPS = 7


@dataclass(frozen=True, slots=True)
class Lesson:
    """What would have been asked at one as_of, and the right answers: totals float64 (n, h), NaN where there is none.

    rows: the panel's row of each product. tide: float64 (n, h), the logarithm of what all products known then sold in
    and around each window, over what their levels and the shop's week had led one to expect."""

    rows: Ints
    request: ForecastRequest
    totals: Floats
    tide: Floats

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which of the n * h windows have an answer."""
        return np.isfinite(self.totals).ravel()


def lessons_of(
    panel: Panel, memory: Memory, origins: Sequence[int], end: int, rows_max: int, seed: int
) -> Iterator[Lesson]:
    """A lesson an origin, together about rows_max (product, window) pairs at most, drawn by the seed. Windows end
    before the step `end`. Products that had not sold before an origin are left out of it."""
    draw = np.random.default_rng(seed)
    first_sales = panel.first_sales()
    ends = _ends(np.maximum(panel.net, 0))
    out = _ends(panel.censored)
    for as_of in origins:
        known = np.flatnonzero(first_sales < as_of)
        if not len(known) or as_of >= end:
            continue
        rows, begins, lengths = _drawn(draw, known, end - as_of, rows_max // len(origins), AHEAD[panel.freq])
        items = [product_label(panel.products[row]) for row in rows]
        low = as_of - panel.first_step + begins
        each = rows[:, None]
        totals = (ends[each, low + lengths] - ends[each, low]).astype(np.float64)
        totals[out[each, low + lengths] > out[each, low]] = np.nan
        request = request_of(items, panel.series(as_of, rows), lengths, begins)
        yield Lesson(rows, request, totals, _tide(panel, memory, as_of, known, begins, lengths, end))


def _ends(values: NDArray[np.generic]) -> Ints:
    """The sum before each step, int64 (n, steps + 1)."""
    sums = values.cumsum(axis=1, dtype=np.int64)
    return np.concatenate([np.zeros((len(sums), 1), dtype=np.int64), sums], axis=1)


def _drawn(draw: np.random.Generator, known: Ints, steps: int, pairs_max: int, ahead: Ahead) -> tuple[Ints, Ints, Ints]:
    """Which products, and for each the offsets and lengths of its windows: int64 (m,), (m, h) and (m, h)."""
    fewest, most = WINDOWS_A_PRODUCT
    h = int(np.clip(pairs_max // len(known), fewest, most))
    m = int(np.clip(pairs_max // h, 1, len(known)))
    rows = np.sort(draw.choice(known, m, replace=False))
    begins = draw.integers(0, min(ahead.horizon, steps), (ahead.draws, m, h)).min(axis=0)
    lengths, delays = draw.choice(ahead.lengths, (m, h)), draw.choice(ahead.delays, (m, h))
    total = (draw.random((m, h)) >= SINGLE_SHARE) & (lengths + delays <= steps)
    return rows, np.where(total, delays, begins), np.where(total, lengths, 1)


def _tide(panel: Panel, memory: Memory, as_of: int, known: Ints, begins: Ints, lengths: Ints, end: int) -> Floats:
    """Windows shorter than TIDE_STEPS are judged by that many steps around them: below a week, the weekday would pass
    for the shop's season."""
    series = panel.series(as_of, known)
    level = float(np.maximum(np.asarray(series.net), 0)[:, -30:].mean(axis=1).sum())
    steps = end - as_of
    week = shop_week(memory, as_of) if panel.freq == DAY else np.ones(7)
    expected = _ends_of(level * week[(as_of + np.arange(steps) + 3) % 7])
    at = as_of - panel.first_step
    sold = _ends_of(np.maximum(panel.net[known, at : at + steps], 0).sum(axis=0).astype(np.float64))
    pad = np.maximum(TIDE_STEPS - lengths + 1, 0) // 2
    high = np.minimum(begins + lengths + pad, steps)
    low = np.maximum(np.minimum(begins - pad, high - TIDE_STEPS), 0)
    high = np.maximum(high, np.minimum(low + TIDE_STEPS, steps))
    return np.asarray(
        np.log(np.maximum(sold[high] - sold[low], 1.0) / np.maximum(expected[high] - expected[low], MEAN_FLOOR))
    )


def _ends_of(values: Floats) -> Floats:
    return np.concatenate([np.zeros(1), values.cumsum()])


def origins_between(first: int, end: int, products: int, rows_max: int, season: int = 7) -> tuple[int, ...]:
    """Steps of [first, end), evenly spread and never whole seasons apart, the newest always among them: as many as
    leave WINDOWS_WANTED windows a product in rows_max, within ORIGINS."""
    if end <= first:
        return ()
    count = int(np.clip(rows_max // max(1, products * WINDOWS_WANTED), *ORIGINS))
    stride = -(-(end - first) // count)
    if stride > 1 and stride % season == 0:
        stride += 1
    return tuple(sorted(range(end - 1, first - 1, -stride)))
