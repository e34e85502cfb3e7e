"""Quantiles and probabilities of one distribution say the same thing, lumps and all."""

import numpy as np
import pytest

from forecaster.evaluation.distributions import ClippedNormal, NegativeBinomial, around, count_cdf

LEVELS = (0.05, 0.25, 0.5, 0.8, 0.95)
NAN = float("nan")


def examples():
    draw = np.random.default_rng(2)
    mean = draw.gamma(1.0, 3.0, (12, 4))
    errors = np.round(draw.normal(0, 4, (12, 4, 30)))
    errors[3, :, 10:] = NAN
    return {
        "negative binomial": NegativeBinomial(mean, draw.gamma(1.0, 0.5, mean.shape)),
        "poisson": NegativeBinomial(mean, np.zeros(mean.shape)),
        "past errors": around(np.round(mean), errors),
        "clipped normal": ClippedNormal(mean - 2, np.full(mean.shape, 3.0)),
    }


@pytest.mark.parametrize("name", examples())
def test_a_quantile_is_the_least_demand_that_is_not_exceeded_with_its_probability(name):
    answer = examples()[name]
    quantiles = answer.quantiles(LEVELS)
    for at, level in enumerate(LEVELS):
        assert (answer.at_most(quantiles[:, :, at]) >= level - 1e-9).all()
        assert (answer.below(quantiles[:, :, at]) <= level + 1e-9).all()


@pytest.mark.parametrize("name", examples())
def test_quantiles_never_cross_and_are_never_below_zero(name):
    quantiles = examples()[name].quantiles(LEVELS)
    assert (np.diff(quantiles, axis=2) >= 0).all()
    assert (quantiles >= 0).all()
    assert np.isfinite(quantiles).all()


@pytest.mark.parametrize("name", examples())
def test_what_is_not_known_has_no_probability(name):
    answer = examples()[name]
    nothing = np.full((12, 4), NAN)
    assert np.isnan(answer.at_most(nothing)).all()
    assert np.isnan(answer.below(nothing)).all()


@pytest.mark.parametrize("name", examples())
def test_nothing_is_sold_below_zero_but_zero_itself_may_have_weight(name):
    answer = examples()[name]
    zero = np.zeros((12, 4))
    assert not answer.below(zero).any()
    assert answer.at_most(zero).max() > 0


def test_counts_add_up_to_the_mean_and_variance_they_claim():
    units = np.arange(4_000.0)[None]
    above = 1 - count_cdf(units, np.array([[6.0]]), np.array([[0.5]]))
    assert above.sum() == pytest.approx(6.0)
    assert (2 * units + 1)[0] @ above[0] - 36 == pytest.approx(6 + 0.5 * 36)


def test_past_errors_are_laid_round_the_forecast_and_clipped_at_zero():
    answer = around(np.array([[2.0]]), np.array([[[5.0, -4.0, NAN, 0.0]]]))
    assert answer.quantiles((0.3, 0.5, 0.9)).tolist() == [[[0.0, 2.0, 7.0]]]
    assert answer.at_most(np.array([[0.0]])).item() == pytest.approx(1 / 3)


def test_a_series_without_a_past_error_stands_for_its_forecast_alone():
    answer = around(np.array([[3.0]]), np.full((1, 1, 5), NAN))
    assert answer.quantiles(LEVELS).tolist() == [[[3.0] * 5]]
    assert (answer.below(np.array([[3.0]])).item(), answer.at_most(np.array([[3.0]])).item()) == (0.0, 1.0)


def test_a_normal_distribution_without_spread_is_its_centre():
    answer = ClippedNormal(np.array([[5.0]]), np.array([[0.0]]))
    for units, low, high in ((4.0, 0.0, 0.0), (5.0, 0.0, 1.0), (6.0, 1.0, 1.0)):
        at = np.array([[units]])
        assert (answer.below(at).item(), answer.at_most(at).item()) == (low, high)
