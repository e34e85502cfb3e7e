"""Every metric is what its definition says, reckoned by hand here, and null where nothing can be said."""

import numpy as np
import pytest

from forecaster.evaluation.distributions import Answer, NegativeBinomial
from forecaster.evaluation.metrics import (
    METRICS,
    mean_scores,
    mean_wql,
    randomised_pit,
    rmsse,
    scores,
    wape_of_totals,
    weighted,
)

NAN = float("nan")


def counts(mean, dispersion=0.5):
    mean = np.array(mean, dtype=float)
    return NegativeBinomial(mean, np.full(mean.shape, dispersion))


def test_rmsse_is_the_root_of_the_mean_squared_error_over_the_scale():
    actual, mean = np.array([[1.0, 5.0], [2.0, 2.0]]), np.array([[2.0, 2.0], [2.0, 2.0]])
    each = rmsse(actual, mean, np.array([4.0, 1.0]))
    np.testing.assert_allclose(each, [np.sqrt(((1 + 9) / 2) / 4), 0.0])


def test_wrmsse_weighs_the_series_that_have_a_figure():
    assert weighted(np.array([2.0, 4.0, NAN]), np.array([0.2, 0.2, 0.6])) == pytest.approx(3.0)


def test_wape_of_totals_forgives_what_evens_out_within_a_series_but_not_between_series():
    actual = np.array([[0.0, 10.0], [5.0, 5.0]])
    assert wape_of_totals(actual, np.array([[10.0, 0.0], [5.0, 5.0]])) == 0.0
    assert wape_of_totals(actual, np.array([[6.0, 6.0], [4.0, 4.0]])) == pytest.approx(4 / 20)


def test_mean_wql_is_twice_the_pinball_loss_over_what_sold():
    actual = np.array([[10.0, 0.0]])
    quantiles = np.array([[[8.0, 12.0], [0.0, 4.0]]])
    # At .2: .2*2 and 0; at .9: .1*2 and .1*4. Twice each over 10 units, and the mean of the two levels.
    assert mean_wql(actual, quantiles, (0.2, 0.9)) == pytest.approx((0.4 + 0.6) * 2 / 10 / 2)


def test_mean_wql_at_the_median_is_the_weighted_absolute_error():
    actual, median = np.array([[3.0, 7.0, 0.0]]), np.array([[[1.0], [9.0], [1.0]]])
    assert mean_wql(actual, median, (0.5,)) == pytest.approx(np.abs(actual - median[..., 0]).sum() / 10)


def test_bias_is_the_surplus_of_the_forecast():
    actual, mean = np.array([[10.0, 10.0]]), [[12.0, 13.0]]
    said = scores(actual, actual.sum(axis=1), np.ones(1), np.ones(1), Answer(counts(mean), counts([[25.0]])), (0.5,))
    assert said["bias"] == pytest.approx(0.25)


def drawn_counts(n=400, horizon=20):
    draw = np.random.default_rng(5)
    mean = draw.gamma(1.0, 1.5, (n, horizon)) + 0.05
    size = 1 / 0.5
    return mean, draw.negative_binomial(size, size / (size + mean)).astype(float)


def test_the_pit_of_a_right_distribution_is_uniform_however_rarely_things_sell():
    mean, actual = drawn_counts()
    where = randomised_pit(counts(mean), actual)
    shares = np.histogram(where, bins=10, range=(0, 1))[0] / where.size
    np.testing.assert_allclose(shares, 0.1, atol=0.01)


def test_coverage_is_what_was_promised_only_when_the_distribution_is_right():
    mean, actual = drawn_counts()
    total = actual[:, 0]
    answers = {alpha: Answer(counts(mean, alpha), counts(mean[:, :1], alpha)) for alpha in (0.0, 0.5)}
    right, narrow = (scores(actual, total, np.ones(400), np.ones(400), answers[alpha], (0.5,)) for alpha in (0.5, 0.0))
    assert right["pit_coverage_80"] == pytest.approx(0.8, abs=0.015)
    assert right["coverage_total_90"] == pytest.approx(0.9, abs=0.05)
    assert right["coverage_total_95"] == pytest.approx(0.95, abs=0.04)
    assert narrow["pit_coverage_80"] < 0.76
    assert narrow["coverage_total_95"] < right["coverage_total_95"]


def test_a_cell_that_is_not_known_counts_in_no_figure():
    mean, actual = drawn_counts(n=30)
    answer = Answer(counts(mean), counts(mean.sum(axis=1, keepdims=True)))
    known = scores(actual, actual.sum(axis=1), np.ones(30), np.ones(30), answer, (0.25, 0.5))
    beyond = np.full((30, 1), NAN)
    longer = Answer(counts(np.hstack([mean, np.full((30, 1), 7.0)])), answer.total)
    same = scores(np.hstack([actual, beyond]), actual.sum(axis=1), np.ones(30), np.ones(30), longer, (0.25, 0.5))
    for metric in ("wrmsse", "rmsse", "wape_total", "mean_wql", "bias"):
        assert same[metric] == pytest.approx(known[metric])


def test_a_series_hidden_for_a_while_is_left_out_of_the_totals():
    actual = np.array([[1.0, NAN], [4.0, 4.0]])
    assert wape_of_totals(actual, np.array([[90.0, 90.0], [5.0, 5.0]])) == pytest.approx(2 / 8)


def test_without_actuals_every_figure_is_null():
    nothing = np.full((2, 3), NAN)
    said = scores(
        nothing, nothing[:, 0], np.ones(2), np.ones(2), Answer(counts(np.ones((2, 3))), counts([[3.0], [3.0]])), (0.5,)
    )
    assert said == dict.fromkeys(METRICS)


def test_when_nothing_sold_what_is_measured_against_it_is_null():
    zeros = np.zeros((2, 3))
    said = scores(zeros, zeros[:, 0], np.full(2, NAN), np.zeros(2), Answer(counts(zeros), counts(zeros[:, :1])), (0.5,))
    assert {name for name, value in said.items() if value is None} == {
        "wrmsse",
        "rmsse",
        "wape_total",
        "mean_wql",
        "bias",
    }


def test_the_mean_over_origins_takes_those_that_have_a_figure():
    assert mean_scores([{"bias": 0.2, "rmsse": None}, {"bias": 0.4, "rmsse": None}]) == {
        "bias": pytest.approx(0.3),
        "rmsse": None,
    }
    assert mean_scores([{"bias": None}, {"bias": 0.4}]) == {"bias": 0.4}
