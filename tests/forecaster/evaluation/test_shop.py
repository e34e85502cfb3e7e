"""A question holds what was known before its cutoff, and nothing else."""

import dataclasses

import numpy as np
import pytest

from forecaster.evaluation.shop import NothingToEvaluate, questions_of, shop_of
from forecaster.periods import Periods

from .questions import FIRST_DAY, question_of, sales_of

NAN = float("nan")


def test_past_and_future_meet_at_the_cutoff():
    question = question_of({"a": [1, 2, 3, 4, 5]}, cutoff=3, horizon=2)
    assert question.past.tolist() == [[1, 2, 3]]
    assert question.future().tolist() == [[4, 5]]


def test_a_period_without_a_row_is_a_zero_and_past_the_data_nothing_is_known():
    question = question_of({"a": [1, NAN, 3], "b": [1, 1, 1, 1]}, cutoff=2, horizon=4)
    assert question.past.tolist() == [[1, 0], [1, 1]]
    np.testing.assert_array_equal(question.future(), [[3, 0, NAN, NAN], [1, 1, NAN, NAN]])


def test_net_returns_are_no_demand():
    question = question_of({"a": [4, -2, 5, -1]}, cutoff=2, horizon=2)
    assert (question.past.tolist(), question.future().tolist()) == ([[4, 0]], [[5, 0]])


def test_a_series_without_a_row_before_the_cutoff_is_not_asked_for():
    question = question_of({"a": [1, 1, 1], "new": [NAN, NAN, 9]}, cutoff=2, horizon=1)
    assert [key.product_id for key in question.keys] == ["a"]


def test_a_series_begins_with_its_first_row_even_if_that_is_a_zero():
    question = question_of({"a": [1, 1, 1, 1], "b": [NAN, 0, 2, 1]}, cutoff=3, horizon=1)
    assert question.ages.tolist() == [3, 2]


def test_one_product_at_two_locations_is_two_series():
    question = question_of({"a@north": [1, 2], "a@south": [3, 4], "a": [5, 6]}, cutoff=1, horizon=1)
    assert {(key.product_id, key.location_id) for key in question.keys} == {("a", "north"), ("a", "south"), ("a", None)}
    assert sorted(question.past.ravel()) == [1, 3, 5]


def test_weeks_begin_on_the_cutoffs_day_of_the_week():
    question = question_of({"a": list(range(1, 22))}, cutoff=14, horizon=1, freq="W")
    assert question.past.tolist() == [[sum(range(1, 8)), sum(range(8, 15))]]
    assert question.future().tolist() == [[sum(range(15, 22))]]
    assert question.cutoff_day == FIRST_DAY + 14


def test_a_week_that_the_data_end_in_is_not_known():
    question = question_of({"a": [1] * 20}, cutoff=14, horizon=1, freq="W")
    assert np.isnan(question.future()).all()


def test_rows_that_are_totals_of_weeks_are_known_by_their_first_day():
    weekly = {"a": [7.0 if day % 7 == 0 else NAN for day in range(29)]}
    question = question_of(weekly, cutoff=14, horizon=3, freq="W")
    assert question.past.tolist() == [[7, 7]]
    assert question.future().tolist() == [[7, 7, 7]]


def test_months_are_calendar_months():
    first = int(np.datetime64("2011-01-01", "D").astype(int))
    sales = sales_of({"a": [1] * 120}, first_day=first)
    periods = Periods.ending("M", first + 59)
    (question,) = questions_of(shop_of(sales, periods), periods.step(first + 59), 2, 1, 14)
    assert question.past.tolist() == [[31, 28]]
    assert question.future().tolist() == [[31, 30]]


def test_what_a_stock_out_hid_is_not_known():
    sales = sales_of({"a": [1, 1, 0, 3]})
    sales["in_stock"] = [True, True, False, True]
    (question,) = questions_of(shop_of(sales, Periods()), FIRST_DAY + 2, 2, 1, 14)
    np.testing.assert_array_equal(question.future(), [[NAN, 3]])


def test_origins_lie_a_horizon_apart_and_each_knows_only_its_own_past():
    shop = shop_of(sales_of({"a": list(range(20))}), Periods())
    questions = list(questions_of(shop, FIRST_DAY + 16, 4, 3, 14))
    assert [question.cutoff - FIRST_DAY for question in questions] == [16, 12, 8]
    assert [question.past.tolist() for question in questions] == [[list(range(days))] for days in (16, 12, 8)]


def test_the_total_covers_no_more_periods_than_are_known():
    assert question_of({"a": [1] * 30}, cutoff=10, horizon=20).total_periods == 14
    assert question_of({"a": [1] * 30}, cutoff=25, horizon=20).total_periods == 5
    assert question_of({"a": [1] * 10}, cutoff=10, horizon=20).total_periods == 14


def test_a_cutoff_before_the_first_sale_is_refused_with_both_dates():
    with pytest.raises(NothingToEvaluate, match=r"before 2011-01-24.*begin 2011-01-26"):
        question_of({"a": [1, 1]}, cutoff=-2)


def test_the_scale_is_the_mean_squared_naive_error_from_the_first_demand_on():
    # From the 3 on the steps are -3 and +4; what lies before it does not count.
    assert question_of({"a": [0, 0, 3, 0, 4, 9]}, cutoff=5).scales().tolist() == [12.5]


@pytest.mark.parametrize("past", [[0, 0, 0], [0, 0, 5], [2, 2, 2]])
def test_a_series_that_never_changed_has_no_scale(past):
    assert np.isnan(question_of({"a": past}, cutoff=3).scales()).all()


def test_weights_are_shares_of_units_where_nothing_has_a_price():
    old = [50.0] * 10 + [3.0] * 28
    question = question_of({"a": old, "b": [1.0] * 38}, cutoff=38)
    np.testing.assert_allclose(question.weights(), [0.75, 0.25])


def test_weights_are_shares_of_revenue_where_a_price_is_known():
    sales = sales_of({"a": [3.0] * 28, "b": [1.0] * 28})
    sales["revenue_minor"] = np.where(sales["product_id"] == "b", 900, 0) * sales["quantity"]
    (question,) = questions_of(shop_of(sales, Periods()), FIRST_DAY + 28, 3, 1, 14)
    np.testing.assert_allclose(question.weights(), [0.0, 1.0])


def test_weights_know_nothing_of_what_sells_later():
    series = {"a": [1.0] * 40, "b": [1.0] * 30 + [1000.0] * 10}
    question = question_of(series, cutoff=30, price_minor=100)
    np.testing.assert_allclose(question.weights(), [0.5, 0.5])
    assert dataclasses.asdict(question)["past"].max() == 1
