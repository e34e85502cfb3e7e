"""Is the forecast of a total the negative binomial it says it is?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from domain_streams import MUG, NEW_YEARS_EVE
from fakes.cover import same_days
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from domain.buckets import WINDOW_DAYS, Bucket, Days
from domain.features import series_of
from domain.forecast import (
    DISPERSION_MAX,
    MEAN_FLOOR,
    DemandForecast,
    TotalDemand,
    baseline_totals,
    dispersion_from,
    level_of,
    total_quantile,
)
from domain.product import ProductState

D = NEW_YEARS_EVE
probabilities = st.floats(0.01, 0.999)
means = st.floats(0.001, 400)
dispersions = st.one_of(st.just(0.0), st.floats(1e-3, DISPERSION_MAX))


def probability_of_at_most(units: int, mean: float, dispersion: float) -> float:
    """The CDF by adding up P(0), P(1), … from their recurrence."""
    if dispersion == 0:
        log_p = -mean
        ratio = lambda k: mean / (k + 1)  # noqa: E731
    else:
        size = 1 / dispersion
        log_p = size * math.log(size / (size + mean))
        ratio = lambda k: (k + size) / (k + 1) * mean / (size + mean)  # noqa: E731
    p, total = math.exp(log_p), 0.0
    for k in range(units + 1):
        total += p
        p *= ratio(k)
    return total


def forecast_of(daily: list[int], *cover_days: int) -> tuple[TotalDemand, ...]:
    """The baseline of a product that sold this on the days before D."""
    buckets = {D - len(daily) + n: Bucket(max(0, net), 0, max(0, -net)) for n, net in enumerate(daily)}
    series = series_of([ProductState(MUG, buckets=Days.of(buckets))], D)
    return baseline_totals(series, [same_days(days, 1) for days in cover_days])[0]


# Quantiles of a total


@settings(max_examples=100)
@given(q=probabilities, mean=means, dispersion=dispersions)
def test_a_quantile_is_scipys(q, mean, dispersion):
    if dispersion:
        expected = stats.nbinom(n=1 / dispersion, p=1 / (1 + dispersion * mean)).ppf(q)
    else:
        expected = stats.poisson(mean).ppf(q)
    # Where the CDF meets q to the last bit, rounding may decide for the neighbour.
    assert abs(expected - total_quantile(q, mean, dispersion)) <= (1 if mean > 50 else 0)


@settings(max_examples=100)
@given(q=probabilities, mean=means, dispersion=dispersions)
def test_a_quantile_is_the_smallest_total_not_exceeded_with_that_probability(q, mean, dispersion):
    units = int(total_quantile(q, mean, dispersion))
    assert units >= 0
    assert probability_of_at_most(units, mean, dispersion) >= q - 1e-9
    assert probability_of_at_most(units - 1, mean, dispersion) < q + 1e-9


@given(q=st.tuples(probabilities, probabilities), mean=means, dispersion=dispersions)
def test_a_higher_probability_never_needs_fewer_units(q, mean, dispersion):
    low, high = total_quantile(sorted(q), mean, dispersion)
    assert low <= high


@given(q=probabilities, mean=st.tuples(means, means), dispersion=dispersions)
def test_a_higher_mean_never_needs_fewer_units(q, mean, dispersion):
    low, high = total_quantile(q, sorted(mean), dispersion)
    assert low <= high


@given(q=st.floats(0.9, 0.99), mean=st.floats(5, 400), dispersion=st.floats(0.05, 1))
def test_an_uncertain_demand_needs_more_units_than_a_certain_one_of_the_same_mean(q, mean, dispersion):
    assert total_quantile(q, mean, dispersion) >= total_quantile(q, mean, 0.0)


@pytest.mark.parametrize(
    ("q", "mean", "dispersion", "units"),
    [
        (0.95, 14, 0, 20),
        (0.5, 0.69, 0, 0),
        (0.5, 0.70, 0, 1),  # ln 2 lies between
        (0.75, 1, 1, 1),  # size 1 is geometric: P(at most k) = 1 - 2^-(k + 1)
        (0.76, 1, 1, 2),
        (0.95, 0, 2, 0),
        (0.95, -3, 2, 0),
        (0.95, 1e-3, 25, 0),
    ],
)
def test_quantiles_by_hand(q, mean, dispersion, units):
    assert units == total_quantile(q, mean, dispersion)
    assert units == TotalDemand(7, mean, dispersion).quantile(q)


def test_quantiles_broadcast_to_whole_units():
    units = total_quantile([[0.5], [0.95]], [2.0, 14.0, 0.0], [0.5, 0.0, 0.5])
    assert ((2, 3), np.dtype(np.int64)) == (units.shape, units.dtype)
    assert units[1, 1] == 20


@given(mean=means, dispersion=st.floats(0, 20))
def test_dispersion_is_found_again_from_mean_and_variance(mean, dispersion):
    variance = mean + dispersion * mean**2
    found = dispersion_from(np.array([mean]), np.array([variance]))[0]
    assert found == pytest.approx(dispersion, rel=1e-6, abs=1e-6 * (1 + 1 / mean))


@pytest.mark.parametrize(
    ("mean", "variance", "dispersion"),
    [(4, 4, 0), (4, 0, 0), (4, 2, 0), (2, 6, 1), (0, 0, 0), (0, 5, DISPERSION_MAX), (1e-3, 5, DISPERSION_MAX)],
)
def test_dispersion_is_zero_when_demand_is_steadier_than_poisson_and_has_a_limit(mean, variance, dispersion):
    assert [dispersion] == dispersion_from(np.array([float(mean)]), np.array([float(variance)])).tolist()


# The baseline


def test_a_steady_product_sells_its_level_times_the_days():
    assert (TotalDemand(1, 2, 0), TotalDemand(7, 14, 0), TotalDemand(28, 56, 0)) == forecast_of([2] * 56, 1, 7, 28)


def test_the_baseline_by_hand():
    """0, 4, 0, 4 …: 2 a day, variance 4 x 56/55; over 8 days 16 units with variance v x 8 + v x 64/30."""
    variance = 4 * 56 / 55
    (total,) = forecast_of([0, 4] * 28, 8)
    assert (total.cover_days, total.mean) == (8, 16)
    assert total.dispersion == pytest.approx((variance * 8 + variance * 64 / 30 - 16) / 256)


def test_the_level_is_that_of_the_last_30_days():
    (total,) = forecast_of([50] * 26 + [3] * 30, 10)
    assert total.mean == 30
    assert total.dispersion > 0, "but the change of level is remembered as uncertainty"


def test_returns_are_no_negative_demand():
    assert forecast_of([3, 0] * 28, 7) == forecast_of([3, -8] * 28, 7)


def test_a_product_that_never_sold_is_expected_to_sell_next_to_nothing():
    (total,) = forecast_of([], 28)
    assert TotalDemand(28, MEAN_FLOOR, 0) == total
    assert total.quantile(0.99) == 0


def test_a_single_large_sale_stays_within_the_limits():
    for total in forecast_of([10_000], 1, 8, 28):
        assert 0 <= total.dispersion <= DISPERSION_MAX
        assert total.quantile(0.95) >= 0


@settings(max_examples=40)
@given(daily=st.lists(st.integers(-3, 20), max_size=60))
def test_every_baseline_is_finite_and_grows_with_the_days_to_cover(daily):
    totals = forecast_of(daily, 1, 8, 28)
    assert [total.cover_days for total in totals] == [1, 8, 28]
    assert sorted(total.mean for total in totals) == [total.mean for total in totals]
    assert all(math.isfinite(total.mean) and 0 <= total.dispersion <= DISPERSION_MAX for total in totals)


def test_each_product_has_its_own_days_to_cover():
    states = [
        ProductState(MUG, buckets=Days.of({D - 1 - n: Bucket(sold=units) for n in range(56)})) for units in (1, 5)
    ]
    first, second = baseline_totals(series_of(states, D), [np.array([3, 10]), same_days(28, 2)])
    assert [(total.cover_days, total.mean) for total in first] == [(3, 3), (28, 28)]
    assert [(total.cover_days, total.mean) for total in second] == [(10, 50), (28, 140)]


# Totals, never summed quantiles


def test_the_90_percent_quantile_of_a_total_is_far_below_the_sum_of_daily_ones():
    """The notes: summed daily P90 is half as much stock again as the true P90 of a 14-day total."""
    day, fortnight = forecast_of([0, 0, 1, 9] * 14, 1, 14)
    assert 14 * day.quantile(0.9) > 1.5 * fortnight.quantile(0.9)


def test_the_quantile_of_a_total_covers_what_its_probability_says():
    """Days drawn at random: the 14-day totals stay within the baseline's P90 in about 90 % of all cases."""
    rng = np.random.default_rng(7)
    shops = rng.negative_binomial(0.8, 0.25, size=(400, WINDOW_DAYS + 14))
    buckets = [{D - WINDOW_DAYS + n: Bucket(sold=int(row[n])) for n in range(WINDOW_DAYS)} for row in shops]
    series = series_of([ProductState(MUG, buckets=Days.of(days)) for days in buckets], D)
    totals = baseline_totals(series, [same_days(14, 400)])
    covered = [
        actual <= total.quantile(0.9) for actual, (total,) in zip(shops[:, -14:].sum(axis=1), totals, strict=True)
    ]
    assert 0.85 <= np.mean(covered) <= 0.97


def test_a_total_over_days_that_were_not_forecast_is_an_error():
    forecast = DemandForecast(D, "model", (TotalDemand(7, 14, 0), TotalDemand(28, 56, 0)))
    assert TotalDemand(28, 56, 0) == forecast.over(28)
    with pytest.raises(KeyError, match="no forecast over 14 days"):
        forecast.over(14)


def test_the_level_a_model_starts_from_leans_to_the_last_30_days_and_is_never_zero():
    steady, changed, silent = [2] * 56, [0] * 26 + [4] * 30, [-1] * 56
    expected = [2, 0.7 * 4 + 0.3 * 120 / 56, 10 * MEAN_FLOOR]
    assert expected == pytest.approx(level_of(np.array([steady, changed, silent])))


def test_the_level_of_weeks_and_months_fades_with_age():
    steady = np.full((1, WINDOW_DAYS), 6)
    late = np.concatenate([np.zeros((1, WINDOW_DAYS - 4)), np.full((1, 4), 6)], axis=1)
    early = late[:, ::-1]
    for freq in "WM":
        assert level_of(steady, freq) == pytest.approx([6])
        assert 1 < level_of(late, freq)[0] < 6
        assert level_of(early, freq)[0] < 0.2 * level_of(late, freq)[0]
