"""How long do a supplier's deliveries really take?

A histogram of the days from an order to each of its receipts: bounded, and the sum of what several workers have seen.
Nothing is concluded from fewer than ENOUGH receipts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

DAYS_MAX = 180  # what took longer counts as this
ENOUGH = 20
DRIFT_DAYS_MIN = 2.0
DRIFT_SHARE = 0.25
PLANNED_QUANTILE = 0.8


class LeadTimes(NamedTuple):
    """How many receipts came after how many days."""

    receipts: Mapping[int, int]

    @property
    def total(self) -> int:
        """Receipts that were seen."""
        return sum(self.receipts.values())

    @property
    def mean_days(self) -> float:
        """The mean; 0 of none."""
        return sum(days * count for days, count in self.receipts.items()) / max(1, self.total)

    def quantile_days(self, probability: float) -> int:
        """The fewest days within which at least this share of the receipts came; 0 of none."""
        reached, needed = 0, probability * self.total
        for days, count in sorted(self.receipts.items()):
            reached += count
            if reached >= needed:
                return days
        return 0

    def planned_days(self) -> int | None:
        """The lead time to plan with, None while there are too few receipts: later than most, so that the reorder
        point does not count on luck."""
        return self.quantile_days(PLANNED_QUANTILE) if self.total >= ENOUGH else None

    def drift_days(self, expected_days: int) -> float | None:
        """By how many days the mean differs from what was agreed, if that is worth a word; None if not."""
        if self.total < ENOUGH:
            return None
        drift = self.mean_days - expected_days
        return drift if abs(drift) >= max(DRIFT_DAYS_MIN, DRIFT_SHARE * expected_days) else None


def bucket_days(days: int) -> int:
    """The bucket of the histogram that a receipt after so many days counts in."""
    return min(max(0, days), DAYS_MAX)


def merged(some: LeadTimes, more: LeadTimes) -> LeadTimes:
    """What both have seen."""
    days = {*some.receipts, *more.receipts}
    return LeadTimes({day: some.receipts.get(day, 0) + more.receipts.get(day, 0) for day in sorted(days)})
