"""What does a day have about it that may lift demand or lower it?

Terms of a regression, one row a day: its weekday, its day of the month, its place in the year, the events on it and
next to it, and the flags of the calendar, on whatever weekday. A day has the same terms whenever it is asked about.
What is compared with demand is how a day's terms differ from those of the weeks before it: so a level that drifts is
not taken for a place in the year or an event."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.events import ProductKey
from domain.features import Floats, Ints
from forecaster.known_ahead import NO_EVENT, Calendar

YEAR_DAYS = 365.25
WAVES = 8  # of the year, each a sine and a cosine
WEEKDAY_WAVES = 3  # a week in summer is not one in winter
BESIDE_EVENT_DAYS = (-3, -2, -1, 0, 1)  # a day so many days after an event
TERM_PENALTY, WAVE_PENALTY = 1.0, 60.0
LATELY_HALF_LIFE_DAYS = 28.0
TERMS_MAX = 340  # with more events than leave room for the days beside them, only the day itself has a term
VIEWS_MAX = 6  # of a calendar that says more different things, only what it says of everything is used
_ANYWHERE = ProductKey("")


@dataclass(frozen=True, slots=True)
class View:
    """What the calendar says alike of some series. series: int64 (m,), their rows. terms, and changes from the weeks
    before: float64 (days, terms). penalties: float64 (terms,), how strongly each is drawn to nothing."""

    series: Ints
    terms: Floats
    changes: Floats
    penalties: Floats


def views_of(keys: Sequence[ProductKey], calendar: Calendar, first_day: int, days: int) -> tuple[View, ...]:
    """The series parted by what the calendar says of them, with the terms of `days` days from first_day on."""
    everyday, penalties = _everyday(first_day, days)
    codes = calendar.event_codes(keys, first_day, days)
    flags = [said for name in calendar.columns if (said := _flag(calendar, name, keys, first_day, days)) is not None]
    said = np.stack([codes, *flags], axis=2).astype(np.float32)
    parts: dict[bytes, list[int]] = {}
    for row in range(len(keys)):
        parts.setdefault(said[row].tobytes(), []).append(row)
    if len(parts) > VIEWS_MAX:
        return _of_everything(len(keys), calendar, first_day, days)
    weekday = everyday[:, :7]
    whole = everyday.shape[1] + len(calendar.events) * len(BESIDE_EVENT_DAYS) + 8 * len(flags)
    beside = BESIDE_EVENT_DAYS if whole <= TERMS_MAX else (0,)
    found = []
    for rows in parts.values():
        terms = [everyday, _events(said[rows[0], :, 0].astype(np.int64), len(calendar.events), beside)]
        for flag in said[rows[0], :, 1:].T.astype(np.float64):
            terms += [flag[:, None], flag[:, None] * weekday]
        laid = np.concatenate(terms, axis=1)
        rest = np.full(laid.shape[1] - len(penalties), TERM_PENALTY)
        found.append(View(np.array(rows, dtype=np.int64), laid, changes_of(laid), np.concatenate([penalties, rest])))
    return tuple(found)


def _of_everything(n: int, calendar: Calendar, first_day: int, days: int) -> tuple[View, ...]:
    view = views_of([_ANYWHERE], calendar, first_day, days)[0]
    return (dataclasses.replace(view, series=np.arange(n)),)


def changes_of(values: Floats) -> Floats:
    """Each day's values less their mean over the days before, the older ones fading; float64 (days, m). The first day
    has nothing before it and departs from nothing."""
    kept = 0.5 ** (1 / LATELY_HALF_LIFE_DAYS)
    changes = np.zeros_like(values)
    lately = values[0] if len(values) else values
    for day in range(1, len(values)):
        changes[day] = values[day] - lately
        lately = kept * lately + (1 - kept) * values[day]
    return changes


def _everyday(first_day: int, days: int) -> tuple[Floats, Floats]:
    """Weekdays (Monday first), days of the month, waves of the year, and the longest of these for each weekday; and
    their penalties."""
    at = first_day + np.arange(days)
    dates = at.astype("datetime64[D]")
    of_month = (dates - dates.astype("datetime64[M]")).astype(np.int64)
    of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
    weekdays = (((at + 3) % 7)[:, None] == np.arange(7)).astype(np.float64)
    waves = np.arange(1, WAVES + 1)
    angle = 2 * np.pi * of_year[:, None] * waves / YEAR_DAYS
    penalties = WAVE_PENALTY * (1 + waves**2 / 8)
    terms = [weekdays, of_month[:, None] == np.arange(31), np.sin(angle), np.cos(angle)]
    drawn = [np.full(38, TERM_PENALTY), penalties, penalties]
    for wave in range(WEEKDAY_WAVES):
        for turn in (np.sin, np.cos):
            terms.append(weekdays * turn(angle[:, [wave]]))
            drawn.append(np.full(7, penalties[wave]))
    return np.concatenate(terms, axis=1).astype(np.float64), np.concatenate(drawn)


def _events(codes: Ints, events: int, distances: tuple[int, ...]) -> Floats:
    """A column for each event and each distance from it."""
    beside = np.zeros((len(codes), events * len(distances)))
    for place, distance in enumerate(distances):
        on = np.flatnonzero(codes != NO_EVENT)
        on = on[(on + distance >= 0) & (on + distance < len(codes))]
        beside[on + distance, (codes[on] - 1) * len(distances) + place] = 1.0
    return beside


def _flag(calendar: Calendar, name: str, keys: Sequence[ProductKey], first_day: int, days: int) -> Floats | None:
    """A column that says yes or no of days, as 1 and 0 (also where it says nothing); None for any other."""
    said = np.nan_to_num(calendar.numbers(name, keys, first_day, days))
    return said if bool(((said == 0) | (said == 1)).all()) and bool(said.any()) else None
