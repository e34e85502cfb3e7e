"""Does what we forecast hold against what sold?

Two measures. The 80 % intervals of single days, kept in a product's state, make its confidence. The accuracy of the
model is taken from *promises*: totals that were forecast before their window began, for a sample of products that was
drawn whether they would sell or not. The forecasts that decisions are made by cannot serve for that: a product is
decided because it has just sold, so that they would be compared with days on which it sells more than usual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from domain.buckets import Days
from domain.events import ProductKey
from domain.features import Floats
from domain.forecast import POISSON_BELOW, TotalDemand
from domain.product import INTERVAL_DAYS, Interval, product_label

UPPER = 0.9
UNNAMED = "(no category)"
EVERYTHING = "(all)"
CATEGORIES_MAX = 200


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


class Promise(NamedTuple):
    """What was said of a product's units over [as_of, as_of + days) before they began: by the model, and by the
    baseline. upper is the model's P90, and upper_share how much of a total of exactly that counts as below it."""

    product: ProductKey
    category: str
    as_of: int
    days: int
    mean: float
    upper: int
    upper_share: float
    baseline_mean: float


def promise(
    product: ProductKey, category: str | None, as_of: int, model: TotalDemand, baseline: TotalDemand
) -> Promise:
    """Both forecasts of one window as they are remembered."""
    upper = model.quantile(UPPER)
    share = float(shares_at(UPPER, upper, model.mean, model.dispersion))
    return Promise(product, category or UNNAMED, as_of, model.cover_days, model.mean, upper, share, baseline.mean)


def shares_at(probability: float, quantile: ArrayLike, mean: ArrayLike, dispersion: ArrayLike) -> Floats:
    """Which part of the probability of a total of exactly `quantile` is needed to reach `probability`. Broadcasts.

    Totals are whole numbers: of a slow product P90 covers far more than 90 %. Counted like this a right distribution
    covers 90 % in the long run, whatever its mean (the non-randomised PIT of Czado, Gneiting & Held, 2009)."""
    at, mu, alpha = np.broadcast_arrays(np.asarray(quantile, float), np.asarray(mean, float), dispersion)
    poisson = alpha < POISSON_BELOW
    size = 1.0 / np.where(poisson, 1.0, alpha)
    below, until = (
        np.where(poisson, stats.poisson.cdf(x, mu), stats.nbinom.cdf(x, size, size / (size + mu))) for x in (at - 1, at)
    )
    return np.asarray(np.clip((probability - below) / np.maximum(until - below, 1e-12), 0.0, 1.0))


def sample_rank(product: ProductKey) -> int:
    """The order in which products are drawn into the sample: the same in every worker, and of nothing but the name."""
    return crc32(product_label(product).encode("utf-8", "surrogatepass"))


def sold_over(days: Days, as_of: int, length: int) -> int:
    """Demand over [as_of, as_of + length); a day of net returns is no demand, as in training."""
    return sum(max(0, days.on(day).net) for day in range(as_of, as_of + length))


class Score(NamedTuple):
    """Sums over closed windows: of actual and forecast units, of absolute errors, of windows at or below P90. What
    they come to is a ratio of sums, so that scores of weeks and of workers add up."""

    windows: float = 0.0
    sold: float = 0.0
    said: float = 0.0
    error: float = 0.0
    baseline_error: float = 0.0
    covered: float = 0.0

    def __add__(self, other: object) -> Self:
        if not isinstance(other, Score):
            return NotImplemented
        return type(self)(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def wape(self) -> float:
        """Absolute error a unit sold."""
        return self.error / max(self.sold, 1.0)

    @property
    def baseline_wape(self) -> float:
        return self.baseline_error / max(self.sold, 1.0)

    @property
    def bias(self) -> float:
        """Forecast less sold, a unit sold: above zero too much is promised."""
        return (self.said - self.sold) / max(self.sold, 1.0)

    @property
    def coverage(self) -> float:
        """Share of the windows at or below P90; it should be 0.9."""
        return self.covered / max(self.windows, 1)


def score_of(promised: Promise, sold: int) -> Score:
    """One closed window."""
    within = 1.0 if sold < promised.upper else promised.upper_share if sold == promised.upper else 0.0
    return Score(1.0, float(sold), promised.mean, abs(promised.mean - sold), abs(promised.baseline_mean - sold), within)


Scoreboard = Mapping[str, Score]
"""The score of each category, and of EVERYTHING."""


def scoreboard(closed: Iterable[tuple[str, Score]]) -> Scoreboard:
    """Adds up scores by category. Beyond CATEGORIES_MAX names, further ones count as UNNAMED: its size is bounded."""
    board: dict[str, Score] = {EVERYTHING: Score()}
    for category, score in closed:
        name = category if category in board or len(board) < CATEGORIES_MAX else UNNAMED
        board[name] = board.get(name, Score()) + score
        board[EVERYTHING] += score
    return board


def merged(boards: Iterable[Scoreboard]) -> Scoreboard:
    """One scoreboard of several weeks or workers."""
    return scoreboard((name, score) for board in boards for name, score in board.items() if name != EVERYTHING)


def distinct(promises: Iterable[Promise], most: int) -> list[Promise]:
    """One promise a product, the earliest made, of at most this many products: of several workers that have promised
    for the same product one is scored."""
    first: dict[ProductKey, Promise] = {}
    for each in sorted(promises, key=lambda one: (one.as_of, one.mean)):
        first.setdefault(each.product, each)
    return sorted(first.values(), key=lambda one: (sample_rank(one.product), str(one.product)))[:most]
