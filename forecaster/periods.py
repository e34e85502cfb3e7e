"""Which period does a day belong to?

A step is a whole number that grows by one from period to period: days since the epoch, weeks that begin on a chosen
day of the week, or calendar months. A period knows its first day, and the day knows its period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.features import Ints

DAY, WEEK, MONTH = "D", "W", "M"
SEASONS = {DAY: 7, WEEK: 52, MONTH: 12}
YEARS = {DAY: 364, WEEK: 52, MONTH: 12}  # days: whole weeks, so that weekdays meet
MONDAY = 4  # 1970-01-05


@dataclass(frozen=True, slots=True)
class Periods:
    """freq is D, W or M. anchor is the remainder by seven of the days (since the epoch) on which weeks begin."""

    freq: str = DAY
    anchor: int = MONDAY

    def __post_init__(self) -> None:
        if self.freq not in SEASONS:
            raise ValueError(f"freq {self.freq!r} is none of {', '.join(SEASONS)}")

    @classmethod
    def ending(cls, freq: str, until: int | None) -> Periods:
        """Weeks are laid so that one begins on the day `until`; on Mondays when it is None."""
        return cls(freq, MONDAY if until is None else until % 7)

    @property
    def season(self) -> int:
        """Steps after which the pattern repeats: 7 days, 52 weeks, 12 months."""
        return SEASONS[self.freq]

    @property
    def year(self) -> int:
        """Steps from a period to the one like it a year later."""
        return YEARS[self.freq]

    def steps(self, days: Ints) -> Ints:
        """The step of each day since the epoch, int64."""
        if self.freq == WEEK:
            return (days - self.anchor) // 7
        if self.freq == MONTH:
            return np.asarray(days, dtype="datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return np.asarray(days, dtype=np.int64)

    def step(self, day: int) -> int:
        return int(self.steps(np.array([day], dtype=np.int64))[0])

    def first_days(self, steps: Ints) -> Ints:
        """The first day of each step, in days since the epoch."""
        if self.freq == WEEK:
            return steps * 7 + self.anchor
        if self.freq == MONTH:
            return np.asarray(steps, dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)
        return np.asarray(steps, dtype=np.int64)

    def first_day(self, step: int) -> int:
        return int(self.first_days(np.array([step], dtype=np.int64))[0])

    def dates(self, steps: Ints) -> NDArray[np.datetime64]:
        """The first day of each step as datetime64[D]."""
        return np.asarray(self.first_days(steps), dtype="datetime64[D]")


DAYS = Periods()
