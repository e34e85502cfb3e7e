"""Which past days were like a day ahead, and how far did they depart from an ordinary day?

A day is like the one a whole number of weeks-years before, or, near an event, like the day as far from the same event
in an earlier year; and like all days with its day of the month. The departure of a past day is its demand over what
its weekday and its season had led one to expect, judged by the weeks on both sides of it: so it is known, and used,
only MARGIN_DAYS later. Kept for daily series, as few as a chain's departments, with more than a year behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.events import ProductKey
from domain.features import Floats, Ints
from forecaster.dataset import Flags
from forecaster.known_ahead import NO_EVENT, Calendar
from forecaster.memory import PRODUCT, REGION, SERIES, SHOP, Memory
from forecaster.periods import DAY

SERIES_MAX = 500
LAYERS = (SERIES, REGION, PRODUCT, SHOP)
SIDE_DAYS, SIDE_WEEKS = 28, 4
MARGIN_DAYS = 57
DEPARTURE_MAX = 3.0
PROFILE_MIN = 0.2
YEARS = 3
BEFORE_EVENT_DAYS, AFTER_EVENT_DAYS = 7, 3
MONTH_DAYS = 728
PRIOR_DAYS = 6.0
# A day (from the event on) that speaks for it, and by how many standard errors of so many days it must depart.
MOVED_DAYS = (-3, -2, -1, 0, 1)
MOVED_DEVIATIONS = 2.2
_ANYWHERE = ProductKey("")


@dataclass(frozen=True, slots=True)
class Likeness:
    """first_day: of the departures' first column. departures: by layer float64 (groups, days), NaN where unknown.
    codes: int64 (days,), the event of each day from first_day on (and a good way ahead). before: int64 (days, YEARS),
    of each event the columns of its last ones, -1 where there are none. year: days to the day like another."""

    first_day: int
    departures: dict[str, Floats]
    codes: Ints
    before: Ints
    year: int

    def columns(self) -> tuple[str, ...]:
        return tuple(f"{kind}_{layer}" for layer in self.departures for kind in ("alike", "alike_1", "month_day"))

    def of_days(self, members: dict[str, Ints], as_of: int, begins: Ints, lengths: Ints) -> dict[str, Floats]:
        """alike_<layer>: mean departure of the days like the target, of up to YEARS years; alike_1_<layer>: of the last
        one alone; month_day_<layer>: of the days with its day of the month. For windows of one day, NaN for longer
        ones and for what is not known as of as_of. begins, lengths: int64 (n, h); returns float64 (n, h)."""
        single = lengths == 1
        at = np.where(single, as_of - self.first_day + begins, 0)
        last = as_of - self.first_day - MARGIN_DAYS
        inside = single & (at >= 0) & (at < len(self.codes))
        days = np.arange(as_of - self.first_day, min(len(self.codes), int(at.max(initial=0)) + 1))
        alike = np.full((*at.shape, YEARS), -1, dtype=np.int64)
        alike[inside] = self._alike(days, last)[at[inside] - (as_of - self.first_day)]
        month_day = _month_days(self.first_day + at)
        found: dict[str, Floats] = {}
        for name, departures in self.departures.items():
            rows = members[name]
            usable = (alike >= 0) & (alike < min(last, departures.shape[1])) & (rows >= 0)[:, None, None]
            past = np.where(usable, departures[rows[:, None, None], np.where(usable, alike, 0)], np.nan)
            found[f"alike_{name}"] = _nanmean(past)
            found[f"alike_1_{name}"] = past[:, :, 0]
            by_month_day = _by_month_day(departures, self.first_day, last)
            found[f"month_day_{name}"] = np.where(
                single & (rows >= 0)[:, None], by_month_day[rows[:, None], month_day], np.nan
            )
        return found

    def _alike(self, days: Ints, last: int) -> Ints:
        """The columns of the days like these one, two … years before, -1 where there is none: as far from the nearest
        event that moves the shop, by what is known before column `last`; int64 (len(days), YEARS)."""
        alike = days[:, None] - self.year * np.arange(1, YEARS + 1)
        moving = _moving(self.codes, self.departures[SHOP][0], last)
        free = np.ones(len(days), dtype=bool)
        for distance in sorted(range(-AFTER_EVENT_DAYS, BEFORE_EVENT_DAYS + 1), key=abs):
            on = np.clip(days + distance, 0, len(self.codes) - 1)
            near = free & moving[self.codes[on]] & (on == days + distance)
            before = self.before[on[near]]
            alike[near] = np.where(before >= 0, before - distance, -1)
            free &= ~near
        return np.asarray(alike)


_NO_DAYS = np.zeros(0, dtype=np.int64)
NO_LIKENESS = Likeness(0, {}, _NO_DAYS, _NO_DAYS.reshape(0, YEARS), 0)


def likeness_of(memory: Memory, calendar: Calendar) -> Likeness:
    """NO_LIKENESS where the memory is too short, the series too many or the periods no days."""
    series = memory.layers.get(SERIES)
    year = memory.periods.year
    if memory.periods.freq != DAY or series is None or len(series.units) > SERIES_MAX or memory.steps < 2 * year:
        return NO_LIKENESS
    departures = {name: _departures(layer.units, layer.ends) for name, layer in memory.layers.items() if name in LAYERS}
    days = memory.steps + year + 1
    codes = np.zeros(days, dtype=np.int64)
    if calendar.events:
        codes = calendar.event_codes([_ANYWHERE], memory.first_step, days)[0]
    return Likeness(memory.first_step, departures, codes, _before(codes), year)


def _departures(units: Floats, ends: Floats) -> Floats:
    days = units.shape[1]
    at = np.arange(days)
    low, high = np.maximum(at - SIDE_DAYS, 0), np.minimum(at + SIDE_DAYS + 1, days)
    season = (ends[:, high] - ends[:, low]) / (high - low)
    ratio = np.where(season > 0, units / np.where(season > 0, season, 1.0), np.nan)
    padded = np.pad(ratio, ((0, 0), (7 * SIDE_WEEKS, 7 * SIDE_WEEKS)), constant_values=np.nan)
    weeks = [week for week in range(-SIDE_WEEKS, SIDE_WEEKS + 1) if week]
    beside = np.stack([padded[:, 7 * (SIDE_WEEKS + week) :][:, :days] for week in weeks], axis=2)
    expected = np.maximum(_nanmean(beside), PROFILE_MIN)
    return np.clip(ratio / expected, 0.0, DEPARTURE_MAX)


def _before(codes: Ints) -> Ints:
    """Of each day with an event the columns of its YEARS last ones before, -1 where there are none; int64 (days,
    YEARS)."""
    before = np.full((len(codes), YEARS), -1, dtype=np.int64)
    for code in np.unique(codes[codes != NO_EVENT]):
        its = np.flatnonzero(codes == code)
        for back in range(1, YEARS + 1):
            before[its[back:], back - 1] = its[:-back]
    return before


def _moving(codes: Ints, departures: Floats, until: int) -> Flags:
    """Which event codes moved the whole shop, on the day or just before or after, by more than chance does on so few
    days, in what is known before column `until`; bool (codes,)."""
    known = departures[: max(until, 0)]
    moving = np.zeros(int(codes.max(initial=0)) + 1, dtype=bool)
    deviation = float(np.nanstd(known)) if np.isfinite(known).any() else 0.0
    if deviation == 0.0:
        return moving
    for code in range(1, len(moving)):
        its = np.flatnonzero(codes[: len(known)] == code)
        its = its[(its >= -MOVED_DAYS[0]) & (its < len(known) - MOVED_DAYS[-1])]
        if len(its):
            means = _nanmean(known[its[None] + np.array(MOVED_DAYS)[:, None]] - 1.0)
            moving[code] = np.nanmax(np.abs(means), initial=0.0) * np.sqrt(len(its)) > MOVED_DEVIATIONS * deviation
    return moving


def _month_days(days: Ints) -> Ints:
    dates = days.astype("datetime64[D]")
    return np.asarray((dates - dates.astype("datetime64[M]")).astype(np.int64))


def _by_month_day(departures: Floats, first_day: int, until: int) -> Floats:
    """The mean departure by day of the month (0 is the first) of the MONTH_DAYS days before column `until`, drawn
    towards 1 as by PRIOR_DAYS days; float64 (groups, 31)."""
    low, high = max(0, until - MONTH_DAYS), max(0, until)
    seen = departures[:, low:high]
    of_days = _month_days(first_day + np.arange(low, low + seen.shape[1]))
    belongs = (of_days[:, None] == np.arange(31)).astype(np.float64)
    known = np.isfinite(seen)
    means: Floats = (np.nan_to_num(seen) @ belongs + PRIOR_DAYS) / (known @ belongs + PRIOR_DAYS)
    return means


def _nanmean(values: Floats) -> Floats:
    """Over the last axis; NaN without a warning where all are."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    mean: Floats = np.where(count > 0, np.nan_to_num(values).sum(axis=-1) / np.maximum(count, 1), np.nan)
    return mean
