"""What does the calendar say of a window ahead?

Flags and prices as their mean over the window, beside their mean over the steps before as_of; of a single step its
event, the events next to it and how far they are. A name that the model was not trained with is not looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domain.events import ProductKey
from domain.features import Floats, Ints
from forecaster.known_ahead import NO_EVENT, PROMOTION, Calendar
from forecaster.periods import DAY, Periods

PAST_STEPS = 28
NEAR_DAYS = 14
PROMOTED_AHEAD = ("ahead", PROMOTION)  # is what a product's planned promotions say, and stands in their column
EVENT_COLUMNS = ("event", "event_before", "event_after", "days_since_event", "days_to_event", "events")


def calendar_columns(calendar: Calendar) -> tuple[str, ...]:
    """The names of what `known_of_windows` answers."""
    numbers = tuple(
        f"{kind}_{name}" for name in calendar.columns for kind in ("ahead", "past") if (kind, name) != PROMOTED_AHEAD
    )
    return numbers + (EVENT_COLUMNS if calendar.events else ())


def known_of_windows(
    calendar: Calendar, keys: Sequence[ProductKey], periods: Periods, as_of: int, begins: Ints, lengths: Ints
) -> dict[str, Floats]:
    """ahead_<column>, past_<column>: its mean over the window and over the PAST_STEPS steps before as_of, NaN where it
    is not known. event: the code of a single step's event, 0 for none and for longer windows. event_before,
    event_after: codes of the nearest events within NEAR_DAYS on either side, and days_since_event, days_to_event how
    many steps they are away (NEAR_DAYS + 1 if there is none). events: share of the window's steps with an event.

    begins, lengths: int64 (n, h). Returns float64 (n, h) each."""
    if not calendar or not begins.size:
        return {}
    ahead = int((begins + lengths).max()) + NEAR_DAYS + 1
    steps = np.arange(as_of - PAST_STEPS, as_of + ahead)
    found: dict[str, Floats] = {}
    for name in calendar.columns:
        by_step = _by_step(calendar.numbers(name, keys, *_days(periods, steps)), periods, steps)
        sums, counts = _running(np.nan_to_num(by_step)), _running(np.isfinite(by_step))
        found[f"ahead_{name}"] = _mean(sums, counts, begins + PAST_STEPS, begins + PAST_STEPS + lengths)
        found[f"past_{name}"] = _mean(sums, counts, np.zeros_like(begins), np.full_like(begins, PAST_STEPS))
    if calendar.events:
        codes = _codes_by_step(calendar.event_codes(keys, *_days(periods, steps)), periods, steps)
        found.update(_events(codes, begins + PAST_STEPS, lengths))
    return found


def _days(periods: Periods, steps: Ints) -> tuple[int, int]:
    """The first day of the steps, and how many days they are."""
    first = periods.first_day(int(steps[0]))
    return first, periods.first_day(int(steps[-1]) + 1) - first


def _by_step(by_day: Floats, periods: Periods, steps: Ints) -> Floats:
    """The mean over the days of each step."""
    if periods.freq == DAY:
        return by_day
    cuts = periods.first_days(steps) - periods.first_day(int(steps[0]))
    known = np.isfinite(by_day)
    sums, counts = (np.add.reduceat(said, cuts, axis=1) for said in (np.nan_to_num(by_day), known.astype(np.float64)))
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _codes_by_step(by_day: Ints, periods: Periods, steps: Ints) -> Ints:
    """Of the events within a step the one with the highest code."""
    if periods.freq == DAY:
        return by_day
    cuts = periods.first_days(steps) - periods.first_day(int(steps[0]))
    return np.asarray(np.maximum.reduceat(by_day, cuts, axis=1))


def _running(values: Floats) -> Floats:
    return np.concatenate([np.zeros((len(values), 1)), values.cumsum(axis=1)], axis=1)


def _mean(sums: Floats, counts: Floats, low: Ints, high: Ints) -> Floats:
    each = np.arange(len(sums))[:, None]
    count = counts[each, high] - counts[each, low]
    return np.where(count > 0, (sums[each, high] - sums[each, low]) / np.maximum(count, 1), np.nan)


def _events(codes: Ints, begins: Ints, lengths: Ints) -> dict[str, Floats]:
    n, steps = codes.shape
    each, at = np.arange(n)[:, None], np.arange(steps)
    some = codes != NO_EVENT
    before = np.maximum.accumulate(np.where(some, at, -steps), axis=1)
    after = np.minimum.accumulate(np.where(some, at, 2 * steps)[:, ::-1], axis=1)[:, ::-1]
    since = begins - before[each, np.maximum(begins - 1, 0)]
    ends = begins + lengths - 1
    until = after[each, ends + 1] - ends
    counts = _running(some.astype(np.float64))
    return {
        "event": np.where(lengths == 1, codes[each, begins], NO_EVENT).astype(np.float64),
        "event_before": _near(codes, since, begins - since),
        "event_after": _near(codes, until, ends + until),
        "days_since_event": np.minimum(since, NEAR_DAYS + 1).astype(np.float64),
        "days_to_event": np.minimum(until, NEAR_DAYS + 1).astype(np.float64),
        "events": (counts[each, begins + lengths] - counts[each, begins]) / lengths,
    }


def _near(codes: Ints, distance: Ints, at: Ints) -> Floats:
    each = np.arange(len(codes))[:, None]
    found = codes[each, np.clip(at, 0, codes.shape[1] - 1)]
    return np.where(distance <= NEAR_DAYS, found, NO_EVENT).astype(np.float64)
