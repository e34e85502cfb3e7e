"""How does a window ahead compare with the same window of earlier years, and with an ordinary week?

Answered from a model's memory, for the series itself and for every group it belongs to. Each ratio compares a past
window with the level that was known then, so that growth since does not matter. NaN stands for what the memory does
not reach."""

from __future__ import annotations

import numpy as np

from domain.buckets import WINDOW_DAYS
from domain.features import Floats, Ints
from domain.forecast import FADING
from forecaster.memory import SERIES, SHOP, Layer, Memory
from forecaster.periods import DAY, MONTH, WEEK

YEARS_BACK = (1, 2)
RATIO_LOG_MAX = 4.0
LEVEL_SHARE = 0.05  # of last year's level is added to both sides of a ratio: a few units are no season
# Steps before a day of last year whose mean was its level, and steps beside a short window that speak for it too.
LEVEL_STEPS = {DAY: (28, 56), WEEK: (8, 13), MONTH: (3, 6)}
PADS = {DAY: 3, WEEK: 1, MONTH: 0}
LONG_YEARS_STEPS = {DAY: 364, WEEK: 52, MONTH: 12}
MEAN_ADDED = 0.1
SHOP_DAYS = 56
PROFILE_WEEKS = (8, 52)


def year_columns(memory: Memory) -> tuple[str, ...]:
    """The names of what `years_ago` answers, as far as the memory reaches back."""
    year, levels = memory.periods.year, LEVEL_STEPS[memory.periods.freq]
    reached = [back for back in YEARS_BACK if memory.steps >= back * year + levels[0] + year // 4]
    if not reached:
        return ()
    ratios = tuple(f"year_{back}_{layer}" for back in reached for layer in memory.layers)
    return (*ratios, "year_ago", "long_level", "growth")


def years_ago(
    memory: Memory, members: dict[str, Ints], as_of: int, begins: Ints, lengths: Ints, level: Floats
) -> dict[str, Floats]:
    """year_1_<layer>, year_2_<layer>: logarithm of units a step in the window a year (two) earlier, over the level of
    that time. year_ago: units a step in that very window, over today's level. long_level: the mean a step of the year
    before the state's window, over today's level. growth: logarithm of that mean over the one a year earlier.

    begins, lengths: int64 (n, h); level: float64 (n,). Returns float64 (n, h) each."""
    found: dict[str, Floats] = {}
    for back in YEARS_BACK:
        for name, layer in memory.layers.items():
            found[f"year_{back}_{name}"] = _ratio(memory, layer, members[name], as_of, begins, lengths, back)
    shape = begins.shape
    series = memory.layers.get(SERIES)
    if series is None:
        return found | {name: np.full(shape, np.nan) for name in ("year_ago", "long_level", "growth")}
    rows, at = members[SERIES], as_of - memory.first_step
    began = at - memory.periods.year + begins
    inside = (began >= 0) & (began + lengths <= min(at, memory.steps)) & (rows >= 0)[:, None]
    low, high = np.where(inside, began, 0), np.where(inside, began + lengths, 0)
    then = _level_then(memory, series, rows, at - memory.periods.year)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = series.mean(rows[:, None], low, high) / then[:, None]
    found["year_ago"] = np.where(inside & (then > 0)[:, None], ratio, np.nan)
    lately, before = _long_mean(memory, series, rows, at, 0), _long_mean(memory, series, rows, at, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.clip(np.log((lately + MEAN_ADDED) / (before + MEAN_ADDED)), -RATIO_LOG_MAX, RATIO_LOG_MAX)
    found["long_level"] = np.broadcast_to((lately / level)[:, None], shape)
    found["growth"] = np.broadcast_to(growth[:, None], shape)
    return found


def _ratio(memory: Memory, layer: Layer, rows: Ints, as_of: int, begins: Ints, lengths: Ints, back: int) -> Floats:
    freq, at = memory.periods.freq, as_of - memory.first_step
    base = at - back * memory.periods.year
    if base < LEVEL_STEPS[freq][0] or base > memory.steps:
        return np.full(begins.shape, np.nan)
    # A whole shop's week needs no neighbours to be told from chance, and they would blur its feasts.
    pad = np.where(lengths < memory.periods.season, 0 if freq == WEEK and len(layer.units) == 1 else PADS[freq], 0)
    low = np.maximum(base + begins - pad, 0)
    high = base + begins + lengths + pad
    known = (high <= min(at, memory.steps)) & (rows >= 0)[:, None]
    seen = layer.mean(rows[:, None], np.where(known, low, 0), np.where(known, high, 0))
    then = _level_then(memory, layer, rows, base)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log((seen + LEVEL_SHARE * then) / (then * (1 + LEVEL_SHARE)))
    return np.asarray(np.where(known & (then > 0), np.clip(ratio, -RATIO_LOG_MAX, RATIO_LOG_MAX), np.nan))


def _level_then(memory: Memory, layer: Layer, rows: Ints, base: int) -> Floats:
    """Units a step before column `base`, leaning to the newest; float64 (n,)."""
    if base < 1:
        return np.zeros(len(rows))
    high = min(base, memory.steps)
    if memory.periods.freq != DAY and high >= WINDOW_DAYS:
        return _faded(layer, high, memory.periods.freq)[rows]
    newer, older = (
        layer.mean(rows, np.full(len(rows), max(high - steps, 0)), np.full(len(rows), high))
        for steps in LEVEL_STEPS[memory.periods.freq]
    )
    return np.asarray(0.6 * newer + 0.4 * older)


def _faded(layer: Layer, high: int, freq: str) -> Floats:
    """Units a step before column `high`, weighted as a product's level is: a feast that still lifts today's level must
    lift last year's as much. Needs the whole window, as a level has; float64 (groups,)."""
    fading, steps, long_weight = FADING[freq]
    seen = layer.units[:, max(high - WINDOW_DAYS, 0) : high]
    weights = fading ** np.arange(min(steps, seen.shape[1]) - 1, -1, -1.0)
    return np.asarray(
        (seen[:, -len(weights) :] @ weights + long_weight * seen.mean(axis=1)) / (weights.sum() + long_weight)
    )


def _long_mean(memory: Memory, layer: Layer, rows: Ints, at: int, years_earlier: int) -> Floats:
    """Units a step over a year that ends WINDOW_DAYS steps (and whole years) before; NaN if too little is there."""
    year = LONG_YEARS_STEPS[memory.periods.freq]
    high = min(at - WINDOW_DAYS - years_earlier * year, memory.steps)
    low = max(high - year, 0)
    if high - low < year // 4:
        return np.full(len(rows), np.nan)
    mean = layer.mean(rows, np.full(len(rows), low), np.full(len(rows), high))
    return np.asarray(np.where(rows >= 0, mean, np.nan))


def shop_week(memory: Memory, as_of: int) -> Floats:
    """The whole shop's demand by weekday (Monday first) over its last eight weeks, mean 1; ones if there is none."""
    layer, high = memory.layers[SHOP], min(as_of - memory.first_step, memory.steps)
    return np.asarray(_week(layer.units[:1, max(0, high - SHOP_DAYS) : max(high, 0)], memory.first_step + high)[0])


def own_week(memory: Memory, rows: Ints, as_of: int) -> Floats:
    """Each series' demand by weekday over the year before the state's window, mean 1; NaN for less than eight weeks,
    float64 (n, 7)."""
    layer = memory.layers.get(SERIES)
    high = min(as_of - WINDOW_DAYS - memory.first_step, memory.steps)
    weeks = min(high // 7, PROFILE_WEEKS[1])
    if layer is None or weeks < PROFILE_WEEKS[0]:
        return np.full((len(rows), 7), np.nan)
    known = rows >= 0
    week = np.full((len(rows), 7), np.nan)
    week[known] = _week(layer.units[rows[known], high - 7 * weeks : high], memory.first_step + high)
    return week


def _week(units: Floats, until: int) -> Floats:
    """Shares of the weekdays times seven, of whole weeks that end before the day `until`."""
    weeks = units.shape[1] // 7
    sums = units[:, units.shape[1] - 7 * weeks :].reshape(len(units), weeks, 7).sum(axis=1)
    total = sums.sum(axis=1, keepdims=True)
    # The first column is the weekday of `until`, as whole weeks lie between.
    turned = np.roll(sums, (until + 3) % 7, axis=1)
    return np.asarray(np.where(total > 0, 7 * turned / np.where(total > 0, total, 1.0), 1.0))
