"""What is expected to sell before an order placed now arrives, and from then until the next one could?

One row a product. A backtest asks its forecaster for these windows; a decision reads them between the few totals that
it knows. The lead time is followed in up to BLOCKS blocks: each one more is one more question a product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.features import Floats, Ints
from domain.replenishment import Before

BLOCKS = 3
DISPERSION_FLOOR = 1e-9


@dataclass(frozen=True, slots=True)
class Outlook:
    """before: the blocks of the lead time, with what arrives in them. lead: units expected to sell in all of it,
    float64 (n,). cover: mean and dispersion of the periods from the arrival until the next; whole: of both together."""

    before: Before
    lead: Floats
    cover: tuple[Floats, Floats]
    whole: tuple[Floats, Floats]


@dataclass(frozen=True, slots=True)
class Totals:
    """What is known of products: mean and dispersion of the demand over so many days from now on, (n, k) each."""

    days: Ints
    mean: Floats
    dispersion: Floats


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What is on its way: to which product (row), in how many periods, how many units; int64 (k,) each."""

    rows: Ints
    periods: Ints
    units: Ints


def blocks_of(lead_time: int) -> Ints:
    """The lead time in up to BLOCKS windows (offset, length), the shorter ones last, int64 (m, 2)."""
    ends = block_ends(np.array([lead_time]))[0]
    windows = np.stack([ends - np.diff(ends, prepend=0), np.diff(ends, prepend=0)], axis=1)
    return np.asarray(windows[windows[:, 1] > 0])


def block_ends(lead_times: Ints) -> Ints:
    """The periods after which each block is over, int64 (n, BLOCKS). A short lead time has empty blocks in the end."""
    lengths = (lead_times[:, None] + np.arange(BLOCKS - 1, -1, -1)) // BLOCKS
    return np.asarray(np.cumsum(lengths, axis=1))


def receipts_in_blocks(due: Arrivals, lead_times: Ints) -> tuple[Floats, Floats]:
    """What arrives at the beginning and at the end of each block, float64 (n, BLOCKS) each, without what comes no
    sooner than an order placed now. What arrives within a block is there for a part of it: that part of the units
    arrives at its beginning."""
    ends = block_ends(lead_times)
    first, last = np.zeros((2, len(lead_times), BLOCKS))
    soon = due.periods < lead_times[due.rows]
    rows, periods, units = due.rows[soon], due.periods[soon], due.units[soon]
    block = (ends[rows] <= periods[:, None]).sum(axis=1)
    end = ends[rows, block]
    begin = np.where(block > 0, ends[rows, block - 1], 0)
    share = (end - periods) / (end - begin)
    np.add.at(first, (rows, block), share * units)
    np.add.at(last, (rows, block), (1 - share) * units)
    return first, last


def outlook_between(totals: Totals, lead_times: Ints, review_days: Ints, due: Arrivals) -> Outlook:
    """The windows, read between the totals that are known; that of lead time and review must be one of them.

    Means run straight between two totals, as if the days between were alike, and the logarithm of dispersions along
    that of the length; no part is more than the whole."""
    curve, both = _Curve(totals), lead_times + review_days
    rows, place = np.arange(len(both)), (totals.days == both[:, None]).argmax(axis=1)
    whole = totals.mean[rows, place], totals.dispersion[rows, place]
    ends = block_ends(lead_times)
    sold = np.minimum(np.stack([curve.mean(end) for end in ends.T], axis=1), whole[0][:, None])
    spread = np.stack([curve.dispersion(length) for length in np.diff(ends, axis=1, prepend=0).T], axis=1)
    before = Before(*receipts_in_blocks(due, lead_times), np.diff(sold, axis=1, prepend=0.0), spread)
    return Outlook(before, sold[:, -1], (whole[0] - sold[:, -1], curve.dispersion(review_days)), whole)


class _Curve:
    """A product's totals by their length, the shortest first."""

    def __init__(self, totals: Totals) -> None:
        order = np.argsort(totals.days, axis=1, kind="stable")
        days, mean, dispersion = (
            np.take_along_axis(column, order, axis=1) for column in (totals.days, totals.mean, totals.dispersion)
        )
        self._days = np.hstack([np.zeros((len(days), 1)), days])
        # Longer totals are not smaller, whatever each was forecast to be.
        self._mean = np.maximum.accumulate(np.hstack([np.zeros((len(days), 1)), mean]), axis=1)
        self._log_dispersion = np.log(np.maximum(dispersion, DISPERSION_FLOOR))

    def mean(self, days: Ints) -> Floats:
        return _between(days, self._days, self._mean)

    def dispersion(self, days: Ints) -> Floats:
        log_days = np.log(np.maximum(days, 1))
        return np.exp(_between(log_days, np.log(np.maximum(self._days[:, 1:], 1)), self._log_dispersion))


def _between(at: Ints | Floats, known: Floats, value: Floats) -> Floats:
    """The value at a place, straight between the known ones beside it; beyond them that of the nearest."""
    rows = np.arange(len(known))
    right = np.minimum((known < at[:, None]).sum(axis=1), known.shape[1] - 1)
    left = np.maximum(right - 1, 0)
    start, width = known[rows, left], known[rows, right] - known[rows, left]
    share = np.clip(np.where(width > 0, (at - start) / np.where(width > 0, width, 1.0), 1.0), 0.0, 1.0)
    return np.asarray(value[rows, left] + share * (value[rows, right] - value[rows, left]))
