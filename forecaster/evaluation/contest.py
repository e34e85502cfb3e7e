"""Who takes part, and what did each of them answer?

Every forecaster is trained and asked in the same way, under the same clock, and its quantiles never cross."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from domain.features import Floats
from forecaster.evaluation import simple, smoothing
from forecaster.evaluation.distributions import Answer
from forecaster.evaluation.metrics import Score, scores
from forecaster.evaluation.shop import Question
from forecaster.known_ahead import Calendar


@dataclass(frozen=True, slots=True)
class Given:
    """What a forecaster may use beside the question's past: sales are cut off by the forecaster itself."""

    sales: pd.DataFrame
    calendar: Calendar


Forecaster = Callable[[Question, Given], Callable[[], Answer]]
"""Trains, and returns what answers."""


@dataclass(frozen=True, slots=True)
class Answered:
    """quantiles: float64 (n, horizon, levels), rising with the levels."""

    answer: Answer
    quantiles: Floats
    train_s: float
    predict_s_per_1000: float


def _restock(question: Question, given: Given) -> Callable[[], Answer]:
    from forecaster.evaluation.ours import trained

    return trained(question, given.sales, given.calendar)


def _smoothing(question: Question, _: Given) -> Callable[[], Answer]:
    return partial(smoothing.answer_of, question, smoothing.fit_smoothing(question))


def _rule(rule: Callable[[Question], Answer]) -> Forecaster:
    # A rule has nothing to train: all its time is that of answering.
    return lambda question, _: partial(rule, question)


# In the order of the arguments' MODELS, which may import nothing of this.
FORECASTERS: dict[str, Forecaster] = {
    "restock": _restock,
    "naive": _rule(simple.naive),
    "seasonal_naive": _rule(simple.seasonal_naive),
    "mean_30": _rule(simple.mean_30),
    "croston_sba": _rule(simple.croston_sba),
    "exponential_smoothing": _smoothing,
}


def answered(name: str, question: Question, given: Given, levels: Sequence[float]) -> Answered:
    """Trains and asks one forecaster. levels rise."""
    began = time.perf_counter()
    ask = FORECASTERS[name](question, given)
    ready = time.perf_counter()
    answer = ask()
    quantiles = np.maximum.accumulate(np.maximum(answer.steps.quantiles(levels), 0.0), axis=2)
    predict_s = time.perf_counter() - ready
    return Answered(answer, quantiles, ready - began, 1000 * predict_s / len(question.rows))


def scored(question: Question, said: Answered, levels: Sequence[float]) -> dict[str, Score]:
    """Every metric of an answer and what it took; the metrics are null where there are no actuals."""
    future = question.future()
    total = future[:, : question.total_periods].sum(axis=1)
    figures = scores(future, total, question.scales(), question.weights(), said.answer, levels)
    return {**figures, "train_s": said.train_s, "predict_s_per_1000": said.predict_s_per_1000}
