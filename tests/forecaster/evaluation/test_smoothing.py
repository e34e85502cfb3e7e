"""Exponential smoothing answers for every series, and its variances are those of its own paths."""

import numpy as np
import pytest

from forecaster.evaluation.smoothing import Smoothed, answer_of, fit_smoothing, step_variances, total_variance

from .questions import question_of

NAN = float("nan")


def paths(fit, season, horizon, repetitions=20_000):
    """What the smoothing would meet if its errors went on: level and season move by a share of each error."""
    draw = np.random.default_rng(1)
    level, seasons = np.zeros(repetitions), np.zeros((season, repetitions))
    met = []
    for step in range(horizon):
        error = draw.normal(0, np.sqrt(fit.variance), repetitions)
        met.append(level + seasons[step % season] + error)
        level = level + fit.alpha * error
        seasons[step % season] += fit.gamma * error
    return np.array(met)


@pytest.mark.parametrize(("alpha", "gamma"), [(0.3, 0.0), (0.1, 0.4), (0.0, 0.0)])
def test_variances_of_steps_and_of_totals_are_those_of_simulated_paths(alpha, gamma):
    fit = Smoothed(np.zeros(12), alpha, gamma, 4.0, 0.0)
    met = paths(fit, 3, 12)
    np.testing.assert_allclose(step_variances(fit, 3, 12), met.var(axis=1), rtol=0.05)
    assert total_variance(fit, 3, 12) == pytest.approx(met.sum(axis=0).var(), rel=0.05)


def test_a_weekly_pattern_is_found_and_carried_on():
    week = np.array([20.0, 2, 3, 4, 5, 6, 30])
    draw = np.random.default_rng(8)
    question = question_of({"a": np.maximum(np.tile(week, 10) + draw.integers(-1, 2, 70), 0)}, cutoff=70, horizon=14)
    np.testing.assert_allclose(answer_of(question, fit_smoothing(question)).steps.mean[0], np.tile(week, 2), atol=1.5)


def test_without_a_pattern_the_level_alone_answers():
    flat = np.random.default_rng(9).poisson(5, 70)
    question = question_of({"a": flat}, cutoff=70, horizon=7)
    mean = answer_of(question, fit_smoothing(question)).steps.mean[0]
    assert np.ptp(mean) < 1e-9
    assert mean[0] == pytest.approx(flat.mean(), abs=1.5)


@pytest.mark.parametrize("past", [[0], [5], [0] * 40, [3] * 40, [1, 2] * 5, [1, 2] * 7, [0] * 30 + [9] * 3])
def test_a_short_or_even_series_is_answered_too(past):
    question = question_of({"a": past}, cutoff=len(past), horizon=20)
    answer = answer_of(question, fit_smoothing(question))
    assert np.isfinite(answer.steps.quantiles((0.05, 0.95))).all()
    assert np.isfinite(answer.total.quantiles((0.05, 0.95))).all()


def test_days_before_a_series_began_are_not_its_zeros():
    question = question_of({"old": [1, 2] * 30, "new": [NAN] * 30 + [40, 42] * 15}, cutoff=60, horizon=3)
    new = [key.product_id for key in question.keys].index("new")
    assert answer_of(question, fit_smoothing(question)).steps.mean[new].min() > 38
