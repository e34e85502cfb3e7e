"""What did a product sell on each day of a time, those without a sale too?

A day that is missing is a day on which nothing was sold: it is zero, and not a row less, or thirty rows would not be
thirty days."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from worker.rebuilding.shadow import SoldRows

EPOCH = date(1970, 1, 1)
Ints = npt.NDArray[np.int64]


class Window(NamedTuple):
    """Days since the epoch, both included."""

    first: int
    last: int


def window_of(last: int, months: int | None, oldest: int) -> Window:
    """So many calendar months up to the last day: from the day after the same one of that month. None: from the oldest
    day on."""
    if months is None:
        return Window(oldest, last)
    end = EPOCH + timedelta(days=last)
    year, month = divmod(end.year * 12 + end.month - 1 - months, 12)
    same = date(year, month + 1, min(end.day, monthrange(year, month + 1)[1]))
    return Window((same - EPOCH).days + 1, last)


def daily(sold: SoldRows, window: Window) -> Ints:
    """Net units and revenue (minor units, returns subtracted) of each day of the window: int64 (days, 2)."""
    filled = np.zeros((len(range(window.first, window.last + 1)), 2), dtype=np.int64)
    inside = (sold.days >= window.first) & (sold.days <= window.last)
    parts, at = sold.parts[inside], sold.days[inside] - window.first
    np.add.at(filled[:, 0], at, parts[:, 0] - parts[:, 2])
    np.add.at(filled[:, 1], at, parts[:, 1] - parts[:, 3])
    return filled
