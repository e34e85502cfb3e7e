"""Everybody is asked the same, nobody sees past the cutoff, and everybody answers for every series."""

import numpy as np
import pytest

from forecaster.dataset import STEPS_KEPT_MAX
from forecaster.evaluation.arguments import MODELS
from forecaster.evaluation.contest import FORECASTERS, Given, answered, scored
from forecaster.evaluation.metrics import METRICS
from forecaster.evaluation.shop import questions_of, shop_of
from forecaster.fitting import NotEnoughHistory
from forecaster.known_ahead import NO_CALENDAR
from forecaster.periods import Periods

from .questions import FIRST_DAY, sales_of

LEVELS = (0.1, 0.5, 0.9)
DAYS = 120


def shop_sales(after=None):
    """Eight series over DAYS days; what comes after day 100 can be changed."""
    draw = np.random.default_rng(11)
    series = {f"p{at}": draw.poisson(0.3 + at, DAYS).astype(float) for at in range(8)}
    series["late"] = np.where(np.arange(DAYS) < 95, np.nan, 2.0)
    if after is not None:
        series = {name: np.where(np.arange(DAYS) < 100, values, after) for name, values in series.items()}
    return sales_of(series)


def asked(sales, cutoff=100, horizon=10, freq="D"):
    periods = Periods.ending(freq, FIRST_DAY + cutoff)
    step = periods.step(FIRST_DAY + cutoff)
    return next(questions_of(shop_of(sales, periods), step, horizon, 1, 14)), Given(sales, NO_CALENDAR)


def test_the_arguments_know_the_models_that_take_part():
    assert tuple(FORECASTERS) == MODELS


@pytest.mark.parametrize("name", MODELS)
def test_every_series_is_answered_with_quantiles_that_rise(name):
    question, given = asked(shop_sales())
    said = answered(name, question, given, LEVELS)
    assert said.quantiles.shape == (9, 10, 3)
    assert (np.diff(said.quantiles, axis=2) >= 0).all()
    assert np.isfinite(said.quantiles).all()
    assert (said.answer.steps.mean >= 0).all()
    assert np.isfinite(said.answer.steps.mean).all()


@pytest.mark.parametrize("name", MODELS)
def test_what_is_sold_from_the_cutoff_on_changes_no_answer(name):
    answers = [answered(name, *asked(shop_sales(after)), LEVELS) for after in (None, 500.0)]
    np.testing.assert_array_equal(answers[0].quantiles, answers[1].quantiles)
    np.testing.assert_array_equal(answers[0].answer.total.mean, answers[1].answer.total.mean)


@pytest.mark.parametrize("name", MODELS)
def test_every_figure_is_there_where_the_sales_are_and_null_where_they_are_not(name):
    question, given = asked(shop_sales())
    figures = scored(question, answered(name, question, given, LEVELS), LEVELS)
    assert set(figures) == {*METRICS, "train_s", "predict_s_per_1000"}
    assert all(value is not None and np.isfinite(value) for value in figures.values())
    before = given.sales[given.sales["day"] < FIRST_DAY + 100]
    question, given = asked(before)
    figures = scored(question, answered(name, question, given, LEVELS), LEVELS)
    assert {name for name, value in figures.items() if value is None} == set(METRICS)


@pytest.mark.parametrize("name", MODELS)
def test_what_sells_more_is_forecast_to_sell_more(name):
    question, given = asked(shop_sales())
    means = answered(name, question, given, LEVELS).answer.total.mean[:, 0]
    keys = [key.product_id for key in question.keys]
    assert means[keys.index("p7")] > 2 * means[keys.index("p0")]


def test_our_quantiles_and_probabilities_are_of_one_distribution():
    question, given = asked(shop_sales())
    answer = answered("restock", question, given, LEVELS).answer
    for said in (answer.steps, answer.total):
        for level in LEVELS:
            units = said.quantiles((level,))[:, :, 0]
            assert (said.at_most(units) >= level - 1e-6).all()
            assert (said.below(units) <= level + 1e-6).all()


def test_a_series_older_than_a_model_looks_back_is_expected_to_sell_nothing():
    days = STEPS_KEPT_MAX + 40
    draw = np.random.default_rng(12)
    series = {f"p{at}": draw.poisson(2, days).astype(float) for at in range(3)}
    series["gone"] = np.where(np.arange(days) < 20, 5.0, np.nan)
    question, given = asked(sales_of(series), cutoff=days, horizon=3)
    said = answered("restock", question, given, LEVELS)
    gone = [key.product_id for key in question.keys].index("gone")
    assert not said.quantiles[gone].any()
    assert said.quantiles[np.arange(4) != gone].any()


def test_too_little_history_says_for_which_cutoff():
    question, given = asked(shop_sales(), cutoff=5)
    with pytest.raises(NotEnoughHistory, match=r"cutoff 2011-01-31: too little history.*needed"):
        answered("restock", question, given, LEVELS)


@pytest.mark.parametrize("freq", ["W", "M"])
def test_weeks_and_months_are_answered_too(freq):
    # Two years and more, so that a model of months has something to learn from.
    draw = np.random.default_rng(13)
    sales = sales_of({f"p{at}": draw.poisson(1 + at, 1_200).astype(float) for at in range(6)})
    day = FIRST_DAY + 1_085 if freq == "W" else int(np.datetime64("2014-01-01", "D").astype(int))
    question, given = asked(sales, cutoff=day - FIRST_DAY, horizon=3, freq=freq)
    said = answered("restock", question, given, LEVELS)
    actual = question.future().sum(axis=1)
    assert np.abs(said.answer.steps.mean.sum(axis=1) - actual).sum() < 0.5 * actual.sum()
