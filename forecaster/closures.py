"""On which days is a shop shut?

An event on which the whole shop sold next to nothing, each time it came, is a closure: such a day says nothing of
demand, so that it is treated as out of stock, and a forecast of one is nothing. Days without an event are not looked
at: a shop that never opens on Sundays is known by its week."""

from __future__ import annotations

import dataclasses

import numpy as np

from domain.events import ProductKey
from domain.features import Floats
from forecaster.dataset import Flags, Panel
from forecaster.formats import ForecastRequest
from forecaster.known_ahead import Calendar
from forecaster.periods import DAY

SHUT_SHARE = 0.05  # of the mean of the days before
LEVEL_DAYS = 28
_ANYWHERE = ProductKey("")


def closures_of(panel: Panel, calendar: Calendar) -> tuple[str, ...]:
    """The names of the events on which the shop was shut each time, as far as can be told."""
    if panel.freq != DAY or not calendar.events or panel.net.shape[1] <= LEVEL_DAYS:
        return ()
    shut, telling = _shut(panel)
    codes = calendar.event_codes([_ANYWHERE], panel.first_step, panel.net.shape[1])[0]
    told = [(name, shut[telling & (codes == code)]) for code, name in enumerate(calendar.events, start=1)]
    return tuple(name for name, said in told if len(said) and said.all())


def _shut(panel: Panel) -> tuple[Flags, Flags]:
    """Whether the whole shop sold next to nothing on each day, bool (days,), and on which days that tells something:
    it had sold for weeks, and was open a week before, so that the weekday is not the reason."""
    total = np.maximum(panel.net, 0).sum(axis=0).astype(np.float64)
    ends = np.concatenate([np.zeros(1), total.cumsum()])
    at = np.arange(LEVEL_DAYS, len(total))
    shut, telling = np.zeros(len(total), dtype=bool), np.zeros(len(total), dtype=bool)
    level = (ends[at] - ends[at - LEVEL_DAYS]) / LEVEL_DAYS
    shut[at] = total[at] < SHUT_SHARE * level
    telling[at] = (level > 0) & ~shut[at - 7]
    return shut, telling


def with_closures(panel: Panel, calendar: Calendar, closures: tuple[str, ...]) -> Panel:
    """The same panel, its products out of stock on the days of these events."""
    if not closures:
        return panel
    shut = shut_days(calendar, closures, panel.first_step, panel.net.shape[1])
    return dataclasses.replace(panel, censored=panel.censored | shut) if shut.any() else panel


def shut_days(calendar: Calendar, closures: tuple[str, ...], first_day: int, days: int) -> Flags:
    """Which days are one of these events, bool (days,)."""
    codes = calendar.event_codes([_ANYWHERE], first_day, days)[0]
    return np.isin(codes, [calendar.events.index(name) + 1 for name in closures if name in calendar.events])


def open_share(calendar: Calendar, closures: tuple[str, ...], request: ForecastRequest) -> Floats:
    """Share of each window's days on which the shop is not shut."""
    begins, lengths = request.begins, request.cover_days
    shut = shut_days(calendar, closures, request.as_of, int((begins + lengths).max()))
    ends = np.concatenate([np.zeros(1), shut.cumsum()])
    return np.asarray(1 - (ends[begins + lengths] - ends[begins]) / lengths)
