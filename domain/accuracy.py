"""Do our 80 % intervals hold what they say?

Before a day begins its 10 % and 90 % quantiles are kept; once it is over, the day's net units lie between them or
not. Confidence is the share of the last 28 closed days that did."""

from __future__ import annotations

from domain.buckets import Days
from domain.product import INTERVAL_DAYS, Interval


def coverage(intervals: tuple[Interval, ...], days: Days, as_of: int) -> float | None:
    """Percent of the intervals in the INTERVAL_DAYS days before as_of that held; None if there is none."""
    closed = [held for held in intervals if as_of - INTERVAL_DAYS <= held.day < as_of]
    if not closed:
        return None
    inside = sum(held.low <= max(0, days.on(held.day).net) <= held.high for held in closed)
    return 100.0 * inside / len(closed)


def remember_interval(intervals: tuple[Interval, ...], new: Interval) -> tuple[Interval, ...]:
    """Keeps the first interval forecast for a day, and no more than INTERVAL_DAYS of them."""
    if any(held.day == new.day for held in intervals):
        return intervals
    return (*intervals, new)[-INTERVAL_DAYS:]
