"""Is the distribution of a total right, when all that is known is days?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from domain.forecast import total_quantile
from forecaster.formats import ItemFailed
from worker.aws.endpoints.totals import (
    DAY_CORRELATION,
    LEVELS,
    Days,
    days_of_quantiles,
    totals_of_days,
    totals_of_samples,
)

COVER = np.array([1, 7, 28])


def quantiles_of(distribution, days=28):
    return np.tile(np.array([[distribution.ppf(level)] for level in LEVELS]), (1, days))


@pytest.mark.parametrize(
    ("distribution", "near"),
    [
        (stats.norm(50, 8), 0.03),
        (stats.gamma(2, scale=10), 0.16),
        (stats.expon(scale=20), 0.25),
        (stats.nbinom(3, 0.1), 0.16),
    ],
    ids=["normal", "gamma", "exponential", "negative binomial"],
)
def test_three_quantiles_give_mean_and_variance_of_a_day(distribution, near):
    days = days_of_quantiles(quantiles_of(distribution), None, 0.0)
    assert days.mean == pytest.approx(distribution.mean(), rel=0.05)
    assert days.variance == pytest.approx(distribution.var(), rel=near)


def test_the_endpoints_mean_is_kept_unless_it_is_its_own_median():
    rare = np.repeat([[0.0], [0.0], [2.0]], 5, axis=1)
    assert days_of_quantiles(rare, np.full(5, 0.45), 0.0).mean == pytest.approx(0.45)
    assert days_of_quantiles(rare, np.zeros(5), 0.0).mean == pytest.approx(0.6)


def test_a_day_that_mostly_sells_nothing_strays_as_it_did_in_the_past():
    """P10, P50, P90 of 0, 0, 2 could be of a product that sells two at a time, or of one that sells a hundred."""
    rare, often = np.array([[0.0], [0.0], [2.0]]), np.array([[0.0], [1.0], [2.0]])
    mean = np.array([0.5])
    by_itself = [days_of_quantiles(quantiles, mean, 0.0).variance[0] for quantiles in (rare, often)]
    with_its_past = [days_of_quantiles(quantiles, mean, 40.0).variance[0] for quantiles in (rare, often)]
    assert with_its_past == pytest.approx([0.5 + 40 * 0.25, by_itself[1]])
    assert by_itself[0] == pytest.approx(0.84)


def test_quantiles_that_cross_or_lie_below_zero_are_put_in_order():
    days = days_of_quantiles(np.array([[-3.0, 2.0], [1.0, 1.0], [4.0, 5.0]]), None, 0.0)
    assert days.mean.tolist() == pytest.approx([0.4 + 1.2, 0.3 * 2 + 0.4 * 2 + 0.3 * 5])
    assert (days.variance >= 0).all()


@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.5, 1.0])
def test_a_total_covers_as_often_as_it_says_when_days_are_as_correlated_as_assumed(correlation):
    """Drawn days with exactly that correlation: their total is at or under the claimed P90 in nine cases of ten."""
    draw = np.random.default_rng(5)
    shared, own = draw.standard_normal((20_000, 1)), draw.standard_normal((20_000, 28))
    drawn = 50 + 8 * (np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own)
    days = Days(np.full(28, 50.0), np.full(28, 64.0))
    for total, k in zip(totals_of_days(days, COVER, correlation), COVER, strict=True):
        covered = (drawn[:, :k].sum(axis=1) <= total.quantile(0.9)).mean()
        assert covered == pytest.approx(0.9, abs=0.03)


def test_the_total_is_far_below_the_sum_of_daily_quantiles():
    """The mistake that the format must not make: 28 daily P90 together cover far more than 90 %."""
    days = days_of_quantiles(quantiles_of(stats.norm(50, 8)), np.full(28, 50.0), 0.0)
    total = totals_of_days(days, COVER, DAY_CORRELATION)[2]
    assert total.quantile(0.9) < 0.95 * 28 * stats.norm(50, 8).ppf(0.9)
    assert total.quantile(0.9) > 28 * 50


def test_sample_paths_keep_what_days_have_in_common():
    draw = np.random.default_rng(3)
    together = draw.gamma(2, 1, size=(2_000, 1)) * draw.poisson(5, size=(2_000, 28))
    alone = np.apply_along_axis(draw.permutation, 0, together)
    both = [totals_of_samples(paths, COVER)[2] for paths in (together, alone)]
    assert both[0].mean == pytest.approx(both[1].mean)
    assert both[0].quantile(0.9) == pytest.approx(np.quantile(together.sum(axis=1), 0.9), rel=0.03)
    assert both[1].quantile(0.9) == pytest.approx(np.quantile(alone.sum(axis=1), 0.9), rel=0.03)
    assert both[0].quantile(0.9) > 1.5 * both[1].quantile(0.9)


def test_nothing_sold_on_any_path_is_next_to_nothing():
    (total,) = totals_of_samples(np.zeros((50, 5)), np.array([5]))
    assert (total.quantile(0.95), total.dispersion) == (0, 0.0)


@pytest.mark.parametrize(
    "answer",
    [
        totals_of_days(Days(np.ones(6), np.ones(6)), np.array([1, 7]), 0.1),
        totals_of_samples(np.ones((20, 6)), np.array([7])),
    ],
    ids=["days", "samples"],
)
def test_days_that_the_model_does_not_reach_are_no_forecast(answer):
    assert answer == ItemFailed("7 days are to be covered, the endpoint's forecast ends after 6")


def test_a_mean_beyond_all_measure_is_no_forecast():
    """The quantile of such a total is never found."""
    assert isinstance(totals_of_days(Days(np.full(3, 1e12), np.ones(3)), np.array([3]), 0.1), ItemFailed)
    assert total_quantile(0.9, 1e9, 0.1) > 0
