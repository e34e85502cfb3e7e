"""From how many sides is the mean learnt, and what does each booster depart from?

Where days have factors, two boosters learn from the same rows and the mean of their logarithms counts: they start
elsewhere and split otherwise, and so err apart. All others have one. A start is told by a row alone, so that a stored
booster finds it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from domain.features import Floats

LEVEL, FACTORS = "level", "factors"
FREED = ("freed_7", "freed_14")
STARTS = {LEVEL: (), FACTORS: ("level", "length", *FREED)}  # and the columns that each is told by

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Learner:
    """start: what it departs from, one of STARTS. extra_trees: LightGBM's, which tries one threshold of each column
    where it would else look for the best."""

    start: str = LEVEL
    extra_trees: bool = False


ONE = (Learner(),)
SEVERAL = (Learner(extra_trees=True), Learner(start=FACTORS))


@dataclass(frozen=True, slots=True)
class Learnt:
    """A booster of the logarithm of the mean over its start."""

    booster: lgb.Booster
    start: str = LEVEL


def learners_of(columns: Sequence[str]) -> tuple[Learner, ...]:
    """Only few series have factors of days, so that no large shop pays for more than one booster."""
    return SEVERAL if set(FREED) <= set(columns) else ONE


def fit_learners(
    data: lgb.Dataset,
    rows: Rows,
    columns: Sequence[str],
    start: Floats,
    tide: Floats,
    parameters: dict[str, object],
    rounds: int,
) -> tuple[Learnt, ...]:
    """Every learner that these columns allow, each from its own start; data must keep its raw rows. start, tide:
    logarithms, float64 (r,)."""
    learnt = []
    for learner in learners_of(columns):
        data.set_init_score(start_of(learner.start, rows, columns, start) + tide)
        booster = lgb.train(parameters | {"extra_trees": learner.extra_trees}, data, rounds)
        learnt.append(Learnt(booster, learner.start))
    return tuple(learnt)


def departure(boosters: Sequence[Learnt], rows: Rows, columns: Sequence[str], start: Floats, threads: int) -> Floats:
    """How far all of them together depart from the start, a logarithm; float64 (r,)."""
    each = [
        np.asarray(learnt.booster.predict(rows, raw_score=True, num_threads=threads), dtype=np.float64)
        + (start_of(learnt.start, rows, columns, start) - start)
        for learnt in boosters
    ]
    return np.asarray(np.mean(each, axis=0))


def start_of(kind: str, rows: Rows, columns: Sequence[str], start: Floats) -> Floats:
    """LEVEL is the start itself. FACTORS: what the window would sell if the level freed of factors went on, at half
    lives of one and two weeks; the start itself where no factors are known. Logarithms, float64 (r,)."""
    if kind == LEVEL:
        return start
    level, length, *freed = (rows[:, columns.index(name)].astype(np.float64) for name in STARTS[FACTORS])
    said = level + np.log(length) + np.mean(freed, axis=0)
    return np.where(np.isfinite(said), said, start)
