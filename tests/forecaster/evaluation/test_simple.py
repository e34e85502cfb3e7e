"""The plain forecasters are what their names say, know only the past, and measure themselves on it."""

import numpy as np
import pytest

from domain.forecast import DISPERSION_MAX
from forecaster.evaluation import simple
from forecaster.evaluation.simple import CROSTON_ALPHA, dispersion

from .questions import question_of

NAN = float("nan")
RULES = (simple.naive, simple.seasonal_naive, simple.mean_30, simple.croston_sba)


def test_naive_repeats_the_last_day():
    question = question_of({"a": [3, 1, 4], "b": [1, 5, 9]}, cutoff=3, horizon=2)
    assert simple.naive(question).steps.mean.tolist() == [[4, 4], [9, 9]]


def test_seasonal_naive_repeats_the_last_week_over_and_over():
    week = [10, 11, 12, 13, 14, 15, 16]
    question = question_of({"a": [0] * 7 + week}, cutoff=14, horizon=9)
    assert simple.seasonal_naive(question).steps.mean.tolist() == [[*week, 10, 11]]


def test_seasonal_naive_of_a_series_younger_than_a_week_repeats_its_last_day():
    question = question_of({"old": [1] * 10, "new": [NAN] * 8 + [6, 2]}, cutoff=10, horizon=3)
    # Eight days have no row of it, so a week ago it was not there.
    assert simple.seasonal_naive(question).steps.mean[0].tolist() == [2, 2, 2]


def test_the_mean_is_over_thirty_days_or_those_that_there_are():
    question = question_of({"old": [1000] * 5 + [2] * 30, "young": [NAN] * 31 + [1, 0, 0, 7]}, cutoff=35)
    assert simple.mean_30(question).steps.mean[:, 0].tolist() == [2.0, 2.0]


@pytest.mark.parametrize(("freq", "days", "periods"), [("W", 7, 4), ("D", 1, 30)])
def test_thirty_days_are_four_weeks(freq, days, periods):
    values = np.arange(1.0, 40 * days + 1)
    question = question_of({"a": values}, cutoff=40 * days, freq=freq)
    assert simple.mean_30(question).steps.mean[0, 0] == pytest.approx(question.past[0, -periods:].mean())


def croston_by_hand(units):
    """The same method as the loop that its authors describe, a series at a time."""
    size = interval = None
    waited = 0
    for sold in units:
        waited += 1
        if sold:
            size = sold if size is None else size + CROSTON_ALPHA * (sold - size)
            interval = waited if interval is None else interval + CROSTON_ALPHA * (waited - interval)
            waited = 0
    return 0.0 if size is None else (1 - CROSTON_ALPHA / 2) * size / interval


def test_croston_sba_is_the_loop_of_its_authors(lumpy):
    lumpy = {**lumpy, "young": [NAN] * 40 + [0, 0, 3] + [0] * 17, "never": [0] * 60}
    question = question_of(lumpy, cutoff=60)
    said = dict(
        zip((key.product_id for key in question.keys), simple.croston_sba(question).steps.mean[:, 0], strict=True)
    )
    expected = {name: croston_by_hand([units for units in values if units == units]) for name, values in lumpy.items()}
    assert said == pytest.approx(expected)


@pytest.mark.parametrize("rule", RULES)
def test_what_comes_after_the_cutoff_changes_nothing(rule, lumpy):
    other = {name: values[:40] + [99.0] * 20 for name, values in lumpy.items()}
    one, two = (rule(question_of(series, cutoff=40, horizon=9)) for series in (lumpy, other))
    np.testing.assert_array_equal(one.steps.quantiles((0.1, 0.9)), two.steps.quantiles((0.1, 0.9)))
    np.testing.assert_array_equal(one.total.quantiles((0.1, 0.9)), two.total.quantiles((0.1, 0.9)))


@pytest.mark.parametrize("rule", RULES)
def test_the_total_is_forecast_as_the_steps_are(rule, lumpy):
    answer = rule(question_of(lumpy, cutoff=50, horizon=10))
    np.testing.assert_allclose(answer.total.mean[:, 0], answer.steps.mean.sum(axis=1))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("past", [[0], [4], [0, 0, 0], [0, 7]])
def test_a_series_of_a_day_or_two_is_answered_all_the_same(rule, past):
    answer = rule(question_of({"a": [NAN] * (20 - len(past)) + past, "b": [1.0, 2.0] * 10}, cutoff=20, horizon=30))
    for said in (answer.steps, answer.total):
        assert np.isfinite(said.quantiles((0.01, 0.5, 0.99))).all()
        assert np.isfinite(said.mean).all()


def test_the_spread_of_naive_is_that_of_its_own_errors_at_the_same_lead():
    past = np.random.default_rng(4).poisson(5, 80).astype(float)
    answer = simple.naive(question_of({"a": past}, cutoff=80, horizon=6))
    for lead in (1, 4):
        errors = past[lead:] - past[:-lead]
        expected = np.sort(np.maximum(past[-1] + errors, 0))
        np.testing.assert_allclose(np.sort(answer.steps.samples[0, lead - 1][: len(expected)]), expected)


def test_the_spread_of_a_total_is_measured_on_totals():
    past = np.random.default_rng(4).poisson(5, 80).astype(float)
    answer = simple.naive(question_of({"a": past}, cutoff=80, horizon=3))
    totals = np.array([past[at : at + 3].sum() - 3 * past[at - 1] for at in range(1, 78)])
    expected = np.sort(np.maximum(3 * past[-1] + totals, 0))
    np.testing.assert_allclose(answer.total.samples[0, 0][: len(expected)], expected)


def test_a_series_too_young_for_totals_spreads_as_the_root_of_their_length():
    young = [2.0, 5.0, 1.0, 4.0, 4.0]
    question = question_of({"old": [1.0] * 40, "young": [NAN] * 35 + young}, cutoff=40, horizon=9)
    answer = simple.naive(question)
    expected = np.sort(np.maximum(9 * 4.0 + 3.0 * np.diff(young), 0))
    np.testing.assert_allclose(answer.total.samples[1, 0][:4], expected)


def test_the_dispersion_of_a_right_forecast_is_the_one_that_the_demand_has():
    draw, mean = np.random.default_rng(6), 4.0
    demand = draw.negative_binomial(2.0, 2.0 / (2.0 + mean), (50, 2_000)).astype(float)
    measured = dispersion(demand - mean, np.full(demand.shape, mean))
    assert measured.mean() == pytest.approx(0.5, abs=0.03)


def test_a_steadier_demand_than_poisson_has_no_dispersion_and_a_wild_one_no_more_than_the_greatest():
    made = np.full((1, 50), 4.0)
    assert dispersion(np.zeros((1, 50)), made).tolist() == [0.0]
    assert dispersion(np.full((1, 50), 1e6), made).tolist() == [DISPERSION_MAX]


def test_a_series_with_few_errors_leans_on_all_the_others():
    made = np.full((3, 200), 2.0)
    errors = np.full((3, 200), 2.0)
    errors[0, 1:] = NAN
    errors[0, 0] = 30.0
    alone = (30**2 - 2) / 2**2
    young, old, _ = dispersion(errors, made)
    assert old < young < alone / 5
