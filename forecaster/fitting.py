"""What does a shop's past teach about the next k days?

The last days are held out: a first booster, which has not seen them, is measured on them, and the spread of totals
around its means is what the model will claim. The model that serves is then fitted anew on all days.

What happened to the whole shop at once (a season, a closure, windows that reach back before the first day) is taken
out of every origin before products are compared. A few dozen origins cannot teach a season, but they would otherwise
teach that every product rises as the shop just did. What is left of it on average comes back as the drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from domain.buckets import WINDOW_DAYS
from domain.features import Floats
from domain.forecast import BASELINE_DAYS, baseline_totals, total_quantile
from forecaster.dataset import Lesson, Panel, lessons_of, origins_between
from forecaster.dispersion import Spread, spread_of
from forecaster.model import COLUMNS, THREADS, DemandModel, Origin, design, log_start

HISTORY_DAYS_MIN = 28
HELD_OUT_DAYS_MAX = 63
HELD_OUT_ROWS_MAX = 60_000
ANSWER_DAYS_MIN = 7  # a week: below it, the weekday would pass for the shop's season
DRIFT_PRIOR_DAYS = 84
VALIDATION_DAYS = 28
QUANTILES = (0.1, 0.5, 0.9)


class NotEnoughHistory(ValueError):
    """There is nothing to learn from; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """How to fit. The names are LightGBM's but for rounds and rows_max, the number of (product, length) pairs."""

    rounds: int = 150
    rows_max: int = 200_000
    learning_rate: float = 0.06
    num_leaves: int = 31
    min_data_in_leaf: int = 100
    tweedie_variance_power: float = 1.5
    seed: int = 20101201
    threads: int = THREADS

    def parameters(self) -> dict[str, object]:
        return {
            "objective": "tweedie",
            "tweedie_variance_power": self.tweedie_variance_power,
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_data_in_leaf,
            "feature_fraction": 0.8,
            "lambda_l2": 1.0,
            "seed": self.seed,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }


@dataclass(frozen=True, slots=True)
class Validation:
    """How the first booster did on the held-out days, on totals over `days` days. wql is the mean weighted quantile
    loss at QUANTILES; coverage the share of totals within the 80 % interval."""

    days: int
    wape: float
    wql: float
    bias: float
    coverage: float
    baseline_wape: float
    baseline_wql: float


@dataclass(frozen=True, slots=True)
class Trained:
    model: DemandModel
    validation: Validation


def train(panel: Panel, fitting: Fitting | None = None) -> Trained:
    """Fits a model to all days of the panel. NotEnoughHistory when there is too little to learn from."""
    how = fitting or Fitting()
    days = panel.net.shape[1]
    if not panel.products or days < HISTORY_DAYS_MIN:
        raise NotEnoughHistory(f"{days} days of {len(panel.products)} products: {HISTORY_DAYS_MIN} days needed")
    first = panel.first_day + min(WINDOW_DAYS, days // 4)
    cut = panel.until - min(HELD_OUT_DAYS_MAX, days // 3)
    seen = _lessons(panel.before(cut), first, how.rows_max // 2, how.seed)
    held = _lessons(panel, cut, HELD_OUT_ROWS_MAX, how.seed)
    booster, drift = _fit(seen, panel.first_day, how)
    spread, validation = _measure(DemandModel(booster, drift, _NO_SPREAD, _NO_ORIGIN), held, panel)
    every = _lessons(panel, first, how.rows_max, how.seed)
    booster, drift = _fit(every, panel.first_day, how)
    rows = sum(lesson.totals.size for lesson in every)
    origin = Origin(panel.until, len(panel.products), rows)
    return Trained(DemandModel(booster, drift, spread, origin), validation)


_NO_SPREAD = Spread(np.zeros((0, 0)))
_NO_ORIGIN = Origin(0, 0, 0)


def _lessons(panel: Panel, first: int, rows_max: int, seed: int) -> list[Lesson]:
    """Of the origins that have a week of answers; NotEnoughHistory when nothing was sold in any."""
    origins = origins_between(first, panel.until - ANSWER_DAYS_MIN + 1)
    lessons = list(lessons_of(panel, origins, rows_max, seed))
    if not any(lesson.totals.any() for lesson in lessons):
        since, until = np.datetime64(first, "D"), np.datetime64(panel.until, "D")
        raise NotEnoughHistory(f"no product known before {since} was sold again before {until}")
    return lessons


def _fit(lessons: Sequence[Lesson], first_day: int, how: Fitting) -> tuple[lgb.Booster, float]:
    tides = [_tide(lesson) for lesson in lessons]
    starts = [log_start(lesson.request) + tide for lesson, tide in zip(lessons, tides, strict=True)]
    data = lgb.Dataset(
        np.concatenate([design(lesson.request) for lesson in lessons]),
        np.concatenate([lesson.totals.ravel() for lesson in lessons]).astype(np.float64),
        init_score=np.concatenate(starts),
        feature_name=list(COLUMNS),
    )
    booster = lgb.train(how.parameters(), data, how.rounds)
    return booster, _drift(lessons, tides, first_day)


def _tide(lesson: Lesson) -> Floats:
    """What all products together did against their levels, by cover length, as a logarithm; float64 (n * h,).

    Lengths below a week take that of the shortest length from a week up."""
    days = lesson.request.cover_days
    expected = lesson.request.features[:, :1] * days
    weeks = np.unique(days[days >= ANSWER_DAYS_MIN])
    sums = {int(k): (lesson.totals[days == k].sum(), expected[days == k].sum()) for k in weeks}
    by_length = {k: np.log(max(sold, 1) / whole) for k, (sold, whole) in sums.items()}
    shortest = by_length[int(weeks[0])] if len(weeks) else 0.0
    return np.array([by_length.get(k, shortest) for k in days.ravel().tolist()])


def _drift(lessons: Sequence[Lesson], tides: Sequence[Floats], first_day: int) -> float:
    """The mean tide of origins that can look back a month, the closer to zero the fewer days they span."""
    able = [
        (lesson.request.as_of, float(tide.mean()))
        for lesson, tide in zip(lessons, tides, strict=True)
        if lesson.request.as_of - first_day >= BASELINE_DAYS
    ]
    if not able:
        return 0.0
    span = able[-1][0] - able[0][0]
    return float(np.mean([tide for _, tide in able])) * span / (span + DRIFT_PRIOR_DAYS)


def _measure(model: DemandModel, held: Sequence[Lesson], panel: Panel) -> tuple[Spread, Validation]:
    total = np.concatenate([lesson.totals.ravel() for lesson in held]).astype(np.float64)
    mean = np.concatenate([model.means(lesson.request).ravel() for lesson in held])
    days = np.concatenate([lesson.request.cover_days.ravel() for lesson in held]).astype(np.float64)
    level = np.concatenate(
        [np.broadcast_to(lesson.request.features[:, :1], lesson.totals.shape).ravel() for lesson in held]
    )
    spread = spread_of(total, mean, days, level)
    shown = days == days[days <= VALIDATION_DAYS].max()
    base_mean, base_dispersion = _baseline(held, panel)
    y, mu, alpha = total[shown], mean[shown], spread.at(days, level)[shown]
    low, _, high = (total_quantile(q, mu, alpha) for q in QUANTILES)
    sold = max(float(y.sum()), 1.0)
    return spread, Validation(
        days=int(days[shown][0]),
        wape=float(np.abs(y - mu).sum()) / sold,
        wql=_quantile_loss(y, mu, alpha),
        bias=float((mu - y).sum()) / sold,
        coverage=float(((low <= y) & (y <= high)).mean()),
        baseline_wape=float(np.abs(y - base_mean[shown]).sum()) / sold,
        baseline_wql=_quantile_loss(y, base_mean[shown], base_dispersion[shown]),
    )


def _baseline(held: Sequence[Lesson], panel: Panel) -> tuple[Floats, Floats]:
    """Mean and dispersion of the same totals by the forecaster that needs no model."""
    answers = [
        total
        for lesson in held
        for totals in baseline_totals(
            panel.series(lesson.request.as_of, lesson.rows), list(lesson.request.cover_days.T)
        )
        for total in totals
    ]
    return np.array([total.mean for total in answers]), np.array([total.dispersion for total in answers])


def _quantile_loss(y: Floats, mean: Floats, dispersion: Floats) -> float:
    """Mean over QUANTILES of twice the pinball loss, against the units sold."""
    losses = []
    for q in QUANTILES:
        gap = y - total_quantile(q, mean, dispersion)
        losses.append(2 * float(np.maximum(q * gap, (q - 1) * gap).sum()))
    return float(np.mean(losses)) / max(float(y.sum()), 1.0)
