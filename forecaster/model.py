"""How much will be sold over any window ahead, as the past has taught it?

Boosters answer for the mean, measured against what an ordinary product of this level would sell: each prediction starts
from that start, which a booster does not store, so that it is added again here. Another answers for the spread. A
product whose row makes no sense fails alone; of windows that begin together a longer one never sells less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np

from domain.features import Floats, Ints
from domain.forecast import DISPERSION_MAX, MEAN_FLOOR, TotalDemand
from forecaster.chances import Chance
from forecaster.closures import open_share
from forecaster.design import Past, design
from forecaster.dispersion import DISPERSION_MIN, Spread
from forecaster.formats import FEATURES, ForecastRequest, ItemFailed
from forecaster.learners import Learnt, departure
from forecaster.memory import SERIES
from forecaster.newcomers import Newcomers
from forecaster.storage import META_FILE, MODEL_FILE, UnreadableModel, digest, iso_day, read_model, write_model

__all__ = ["META_FILE", "MODEL_FILE", "THREADS", "DemandModel", "Origin", "Prediction", "UnreadableModel"]

THREADS = 1  # beside other busy processes two threads mostly wait for each other
COVER_DAYS_MAX = 366
ABSURD = 1e12
RATIO_LOG_MAX = 5.0
SINCE = FEATURES.index("days_since_last_sale")
NEVER = 57

Prediction = tuple[TotalDemand, ...] | ItemFailed


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model was made of. trained_until is the first step it has not seen (days since the epoch for days)."""

    trained_until: int
    products: int
    rows: int


@dataclass(frozen=True, slots=True)
class DemandModel:
    """boosters: of the logarithm of the mean over the start, averaged; trust: how much of it is believed; drift: added
    to it for every product alike. deviations: the booster of the dispersion's logarithm over dispersion's.
    closures: events on which nothing is sold. chance: whether single days sell at all, where many do not."""

    boosters: tuple[Learnt, ...]
    trust: float
    drift: float
    deviations: lgb.Booster
    dispersion: float
    spread: Spread
    newcomers: Newcomers
    columns: tuple[str, ...]
    past: Past
    origin: Origin
    closures: tuple[str, ...] = ()
    chance: Chance | None = None

    @property
    def name(self) -> str:
        """Names the algorithm, the first day not seen, and the boosters' text."""
        chance = () if self.chance is None else (self.chance.booster,)
        means = (learnt.booster for learnt in self.boosters)
        text = "".join(booster.model_to_string() for booster in (*means, self.deviations, *chance))
        return f"lightgbm-{iso_day(self.past.memory.periods.first_day(self.origin.trained_until))}-{digest(text)[:8]}"

    def distributions(
        self, request: ForecastRequest, threads: int = THREADS, unseen: Sequence[int] | None = None
    ) -> tuple[Floats, Floats]:
        """Mean and dispersion of every total, float64 (n, h) each. All rows must make sense. unseen: the rows of
        products of which nothing is known yet; where None, those without a sale of which the model does not know."""
        n, h = request.cover_days.shape
        if not n * h:
            return np.zeros((n, h)), np.zeros((n, h))
        laid = design(request, self.past, self.columns)
        raw = departure(self.boosters, laid.rows, self.columns, laid.start, threads)
        ratio = np.clip(self.trust * raw + self.drift, -RATIO_LOG_MAX, RATIO_LOG_MAX)
        means = np.exp(laid.start + ratio).reshape(n, h)
        if self.closures:
            means *= open_share(self.past.calendar, self.closures, request)
        means = np.maximum(_never_falling(means, request), MEAN_FLOOR)
        dispersion = self.dispersion * np.exp(np.clip(_raw(self.deviations, laid.rows, threads), -20, 20))
        factor = self.spread.at(request.cover_days.astype(np.float64), request.features[:, :1])
        dispersions = np.clip(dispersion.reshape(n, h) * factor, DISPERSION_MIN, DISPERSION_MAX)
        for row in self._unseen(request) if unseen is None else unseen:
            means[row], dispersions[row] = self._of_newcomer(request, row)
        return means, dispersions

    def chances(self, request: ForecastRequest, threads: int = THREADS, unseen: Sequence[int] = ()) -> Floats:
        """How likely each single day is to sell anything, float64 (n, h); NaN for longer windows, for the rows of
        products of which nothing is known yet, and of a model that does not say."""
        single = request.cover_days == 1
        if self.chance is None or not single.any():
            return np.full(single.shape, np.nan)
        rows = design(request, self.past, self.columns).rows
        chances = self.chance.of(rows, threads).reshape(single.shape)
        if self.closures:
            chances *= open_share(self.past.calendar, self.closures, request)
        chances[list(unseen)] = np.nan
        return np.where(single, chances, np.nan)

    def means(self, request: ForecastRequest, threads: int = THREADS) -> Floats:
        """The mean of every total, float64 (n, h) as request.cover_days. All rows must make sense."""
        return self.distributions(request, threads)[0]

    def predict(self, request: ForecastRequest, threads: int = THREADS) -> list[Prediction]:
        """The totals of each product in the order asked, or why there are none. One call of each booster."""
        reasons = _reasons(request)
        rows = [row for row, reason in enumerate(reasons) if reason is None]
        known = request.take(rows)
        means, dispersions = self.distributions(known, threads)
        answers: list[Prediction] = [ItemFailed(reason or "") for reason in reasons]
        lists = zip(rows, known.cover_days.tolist(), means.tolist(), dispersions.tolist(), strict=True)
        for row, days, mu, alpha in lists:
            answers[row] = tuple(map(TotalDemand, days, mu, alpha))
        return answers

    def _unseen(self, request: ForecastRequest) -> list[int]:
        """The rows of products without a sale in their window that the model has not learnt from either."""
        silent = np.flatnonzero(request.features[:, SINCE] >= NEVER).tolist()
        series = self.past.memory.layers.get(SERIES)
        return [row for row in silent if series is not None and request.items[row] not in series.names]

    def _of_newcomer(self, request: ForecastRequest, row: int) -> tuple[Floats, Floats]:
        category = self.past.memory.categories.get(request.items[row])
        return self.newcomers.totals(category, request.cover_days[row])

    def save(self, directory: Path) -> None:
        """Writes the boosters, the memory and the calendar, and last meta.json, which names what belongs to it."""
        write_model(self, directory)

    @classmethod
    def load(cls, directory: Path) -> DemandModel:
        """Reads what save wrote; UnreadableModel when it is missing, torn or of another version."""
        return read_model(directory, cls, Origin)


def _raw(booster: lgb.Booster, rows: np.ndarray[tuple[int, int], np.dtype[np.float32]], threads: int) -> Floats:
    return np.asarray(booster.predict(rows, raw_score=True, num_threads=threads), dtype=np.float64)


def _reasons(request: ForecastRequest) -> list[str | None]:
    """Why a product cannot be forecast, None where it can."""
    features, days, planned, begins = request.features, request.cover_days, request.planned_share, request.begins
    faults = {
        "a feature is not a finite number": ~np.isfinite(features),
        "a feature is beyond all measure": np.abs(features) > ABSURD,
        "level is not above zero": features[:, :1] <= 0,
        f"cover_days is not within 1 to {COVER_DAYS_MAX}": (days < 1) | (days > COVER_DAYS_MAX),
        f"an offset is not within 0 to {COVER_DAYS_MAX}": (begins < 0) | (begins > COVER_DAYS_MAX),
        "planned_share is not within 0 to 1": ~((planned >= 0) & (planned <= 1)),
    }
    reasons: list[str | None] = [None] * len(request.items)
    for reason, faulty in faults.items():
        for row in np.unique(np.nonzero(faulty)[0]).tolist():
            reasons[row] = reasons[row] or reason
    return reasons


def _never_falling(means: Floats, request: ForecastRequest) -> Floats:
    """Of the windows that begin at as_of, as one holds the other."""
    lengths: Ints = np.where(request.begins == 0, request.cover_days, 0)
    if (lengths > 0).sum(axis=1).max() < 2:
        return means
    order = np.argsort(lengths, axis=1, kind="stable")
    sorted_means = np.take_along_axis(means, order, axis=1)
    at_once = np.take_along_axis(lengths, order, axis=1) > 0
    rising = np.maximum.accumulate(np.where(at_once, sorted_means, 0.0), axis=1)
    np.put_along_axis(means, order, np.where(at_once, rising, sorted_means), axis=1)
    return means
