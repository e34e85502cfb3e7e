"""What does a shop's past teach about any window ahead?

The last steps are held out: first boosters, which have not seen them, are measured on them, and what they show of
means and spreads corrects what the model will claim. The boosters that serve are then fitted anew on all steps.

While the past is shorter than a year and a bit, what happened to the whole shop at once (a season, a closure, windows
that reach back before the first day) is taken out of every origin before products are compared. A few dozen origins
cannot teach a season, but they would otherwise teach that every product rises as the shop just did. What is left of it
on average comes back as the drift.

Where nothing tells which promotions are to come, no plan means that nobody knows, and not that there is none: then each
window is learnt without its promotion, and the promoted ones once more with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from domain.buckets import WINDOW_DAYS
from domain.features import Floats
from domain.forecast import BASELINE_DAYS, MEAN_FLOOR
from forecaster.chances import fit_chance
from forecaster.closures import closures_of, with_closures
from forecaster.dataset import Panel
from forecaster.design import Past, categorical, columns_of, design, past_of
from forecaster.dispersion import AS_IT_IS, fit_dispersion, spread_of
from forecaster.importance import weights_of
from forecaster.known_ahead import NO_CALENDAR, PROMOTION, Calendar
from forecaster.learners import departure, fit_learners
from forecaster.lessons import Lesson, lessons_of, origins_between
from forecaster.memory import memory_of
from forecaster.model import DemandModel, Origin
from forecaster.newcomers import newcomers_of
from forecaster.parameters import Fitting, lumpy, suited
from forecaster.periods import DAY, MONTH, WEEK
from forecaster.seasons import year_columns
from forecaster.validation import Validation, validated

__all__ = ["Fitting", "NotEnoughHistory", "Trained", "train"]

HISTORY_MIN = {DAY: 28, WEEK: 12, MONTH: 8}
STEP_NAMES = {DAY: "days", WEEK: "weeks", MONTH: "months"}
HELD_OUT_STEPS_MAX = {DAY: 63, WEEK: 13, MONTH: 6}
ANSWER_STEPS_MIN = {DAY: 7, WEEK: 2, MONTH: 1}
HELD_OUT_ROWS_MAX = 60_000
LONG_YEARS = 3  # of history: from then on origins begin where the memory reaches a year back
DRIFT_PRIOR_STEPS = 84
# How much of the boosters' departure from the start may be believed, where the past is short or its steps are few.
TRUSTS = {DAY: (0.7, 0.85, 1.0), WEEK: (0.4, 0.55, 0.7, 0.85, 1.0), MONTH: (0.4, 0.55, 0.7, 0.85, 1.0)}
DISPERSION_ROUNDS = 60
DISPERSION_LEAVES = 15


class NotEnoughHistory(ValueError):
    """There is nothing to learn from; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Trained:
    model: DemandModel
    validation: Validation


def train(panel: Panel, fitting: Fitting | None = None, calendar: Calendar = NO_CALENDAR) -> Trained:
    """Fits a model to all steps of the panel. NotEnoughHistory when there is too little to learn from."""
    steps, freq = int(panel.net.shape[1]), panel.freq
    if not panel.products or steps < HISTORY_MIN[freq]:
        raise NotEnoughHistory(
            f"{steps} {STEP_NAMES[freq]} of {len(panel.products)} products: "
            f"{HISTORY_MIN[freq]} {STEP_NAMES[freq]} needed"
        )
    how = suited(fitting or Fitting(), panel)
    closures = closures_of(panel, calendar)
    plans_known = PROMOTION in calendar.columns or panel.plans_ahead()
    panel = with_closures(panel.with_past_promotions(), calendar, closures)
    past = past_of(memory_of(panel), calendar)
    cut = panel.until - min(HELD_OUT_STEPS_MAX[freq], steps // 3)
    seen = _lessons(panel, past, _first_origin(panel), cut, how.rows_max // 2, how.seed)
    held = _lessons(panel, past, cut, panel.until, HELD_OUT_ROWS_MAX, how.seed)
    if not plans_known:
        seen, held = _with_and_without_plans(seen), [_unplanned(lesson) for lesson in held]
    first = _fitted(seen, past, panel, how)
    first, validation = _corrected(first, held, panel)
    every = _lessons(panel, past, _first_origin(panel), panel.until, how.rows_max, how.seed)
    every = every if plans_known else _with_and_without_plans(every)
    last = _fitted(every, past, panel, how, with_chance=panel.freq == DAY and lumpy(panel))
    return Trained(dataclasses.replace(last, trust=first.trust, spread=first.spread, closures=closures), validation)


def _first_origin(panel: Panel) -> int:
    steps, year = int(panel.net.shape[1]), panel.periods.year
    if steps >= LONG_YEARS * year:
        return panel.first_step + year + WINDOW_DAYS // (1 if panel.freq == DAY else 4)
    return panel.first_step + min(WINDOW_DAYS, steps // 4)


def _lessons(panel: Panel, past: Past, first: int, end: int, rows_max: int, seed: int) -> list[Lesson]:
    """Of the origins that have enough steps to answer for; NotEnoughHistory when nothing was sold in any."""
    products, season = len(panel.products), 7 if panel.freq == DAY else panel.periods.season
    origins = origins_between(first, end - ANSWER_STEPS_MIN[panel.freq] + 1, products, rows_max, season)
    lessons = list(lessons_of(panel, past.memory, origins, end, rows_max, seed))
    if not any((lesson.totals > 0).any() for lesson in lessons):
        since, until = panel.periods.dates(np.array([first, end]))
        raise NotEnoughHistory(f"no product known before {since} was sold again before {until}")
    return lessons


def _with_and_without_plans(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Every window as nobody foresaw it, and those with promoted days again as a plan would have announced them."""
    taught: list[Lesson] = []
    for lesson in lessons:
        taught.append(_unplanned(lesson))
        if lesson.request.planned_share.any():
            taught.append(_planned(lesson))
    return taught


def _unplanned(lesson: Lesson) -> Lesson:
    nothing = np.zeros_like(lesson.request.planned_share)
    return dataclasses.replace(lesson, request=dataclasses.replace(lesson.request, planned_share=nothing))


def _planned(lesson: Lesson) -> Lesson:
    totals = np.where(lesson.request.planned_share > 0, lesson.totals, np.nan)
    return dataclasses.replace(lesson, totals=totals)


def _fitted(
    lessons: Sequence[Lesson], past: Past, panel: Panel, how: Fitting, with_chance: bool = False
) -> DemandModel:
    columns = columns_of(past)
    names = categorical(columns)
    rows, start, total = _laid(lessons, past, columns)
    tide = np.concatenate([lesson.tide.ravel()[lesson.answered] for lesson in lessons])
    if year_columns(past.memory):
        # Earlier years and the calendar can tell what a season does: it is left for the booster to learn.
        tide = np.zeros_like(tide)
    data = lgb.Dataset(
        rows,
        total,
        weight=weights_of(lessons, panel, how.tweedie_variance_power) if how.weighed else None,
        feature_name=list(columns),
        categorical_feature=names,
        free_raw_data=False,
    )
    parameters = how.parameters() | {"min_data_in_leaf": min(how.min_data_in_leaf, max(5, len(total) // 50))}
    boosters = fit_learners(data, rows, columns, start, tide, parameters, how.rounds)
    mean = np.exp(start + tide + departure(boosters, rows, columns, start, how.threads))
    mean = np.maximum(mean, MEAN_FLOOR)
    parameters |= {"num_leaves": min(how.num_leaves, DISPERSION_LEAVES), "learning_rate": 0.1, "lambda_l2": 10.0}
    parameters["min_data_in_leaf"] = min(3 * how.min_data_in_leaf, max(5, len(total) // 20))
    rounds = min(how.rounds, DISPERSION_ROUNDS)
    deviations, dispersion = fit_dispersion(rows, total, mean, columns, names, parameters, rounds)
    learnt = (rows, total, columns, names, how.parameters(), how.rounds, panel)
    return DemandModel(
        boosters=boosters,
        trust=1.0,
        drift=0.0 if year_columns(past.memory) else _drift(lessons, panel.first_step),
        deviations=deviations,
        dispersion=dispersion,
        spread=AS_IT_IS,
        newcomers=newcomers_of(panel),
        columns=columns,
        past=past,
        origin=Origin(panel.until, len(panel.products), len(total)),
        chance=fit_chance(*learnt) if with_chance else None,
    )


def _laid(
    lessons: Sequence[Lesson], past: Past, columns: tuple[str, ...]
) -> tuple[NDArray[np.float32], Floats, Floats]:
    """The rows, starts and totals of all windows that have an answer."""
    laid = [(design(lesson.request, past, columns), lesson) for lesson in lessons]
    rows = np.concatenate([each.rows[lesson.answered] for each, lesson in laid])
    start = np.concatenate([each.start[lesson.answered] for each, lesson in laid])
    total = np.concatenate([lesson.totals.ravel()[lesson.answered] for lesson in lessons])
    return rows, start, total


def _drift(lessons: Sequence[Lesson], first_step: int) -> float:
    """The mean tide of origins that can look back a month, the closer to zero the fewer days they span."""
    able = [
        (lesson.request.as_of, float(lesson.tide.mean()))
        for lesson in lessons
        if lesson.request.as_of - first_step >= BASELINE_DAYS
    ]
    if not able:
        return 0.0
    span = able[-1][0] - able[0][0]
    return float(np.mean([tide for _, tide in able])) * span / (span + DRIFT_PRIOR_STEPS)


def _corrected(model: DemandModel, held: Sequence[Lesson], panel: Panel) -> tuple[DemandModel, Validation]:
    """The model with the trust and the spread that held-out totals speak for, and how it then does on them."""
    answered = [lesson.answered for lesson in held]
    total = np.concatenate([lesson.totals.ravel()[known] for lesson, known in zip(held, answered, strict=True)])
    if panel.freq != DAY or not year_columns(model.past.memory):
        trusts = TRUSTS[panel.freq]
        best = min(trusts, key=lambda trust: (_deviance(dataclasses.replace(model, trust=trust), held, total), -trust))
        model = dataclasses.replace(model, trust=best)
    said = [model.distributions(lesson.request) for lesson in held]
    mean, dispersion = (
        np.concatenate([each[at].ravel()[known] for each, known in zip(said, answered, strict=True)]) for at in (0, 1)
    )
    steps = np.concatenate([lesson.request.cover_days.ravel()[lesson.answered] for lesson in held]).astype(np.float64)
    level = np.concatenate(
        [np.broadcast_to(each.request.features[:, :1], each.totals.shape).ravel()[each.answered] for each in held]
    )
    spread = spread_of(total, mean, dispersion, steps, level)
    model = dataclasses.replace(model, spread=spread)
    return model, validated(held, panel, total, mean, np.asarray(dispersion * spread.at(steps, level)), steps)


def _deviance(model: DemandModel, held: Sequence[Lesson], total: Floats) -> float:
    """Poisson's, which weighs products as their units do."""
    mean = np.concatenate([model.means(lesson.request).ravel()[lesson.answered] for lesson in held])
    return float((mean - total * np.log(np.maximum(mean, MEAN_FLOOR))).sum())
