"""Is the stock that a target asks for the least that keeps it, and is what is missing what sums say?"""

from __future__ import annotations

import numpy as np
import pytest
from fakes.outlooks import whole_of
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from domain.forecast import total_quantile
from domain.policy import SupplyTerms, protection_stock, thresholds
from domain.service import Horizon, common_level, stock_for_fill_rate, uncertain_lead_time_quantile
from domain.shortfall import expected_leftover, expected_shortfall, probability_within

UNITS = np.arange(20_000)
means = st.floats(0.01, 200)
dispersions = st.one_of(st.just(0.0), st.floats(0.01, 4))


def pmf(mean: float, dispersion: float):
    if dispersion == 0:
        return stats.poisson.pmf(UNITS, mean)
    size = 1 / dispersion
    return stats.nbinom.pmf(UNITS, size, size / (size + mean))


@given(stock=st.floats(-20, 400), mean=means, dispersion=dispersions)
def test_missing_and_left_over_are_the_sums_over_all_demands(stock, mean, dispersion):
    chances = pmf(mean, dispersion)
    missing = (np.maximum(UNITS - stock, 0) * chances).sum()
    left = (np.maximum(stock - UNITS, 0) * chances).sum()
    assert expected_shortfall(stock, mean, dispersion) == pytest.approx(missing, rel=1e-6, abs=1e-6)
    assert expected_leftover(stock, mean, dispersion) == pytest.approx(left, rel=1e-6, abs=1e-6)


@given(units=st.floats(-5, 400), mean=means, dispersion=dispersions)
def test_the_probability_within_is_the_sum_up_to_there(units, mean, dispersion):
    within = pmf(mean, dispersion)[units >= UNITS].sum()
    assert probability_within(units, mean, dispersion) == pytest.approx(within, abs=1e-9)


@given(rate=st.floats(0.5, 0.999), mean=means, dispersion=dispersions, share=st.floats(0.05, 1))
def test_the_stock_for_a_fill_rate_keeps_it_and_a_unit_less_does_not(rate, mean, dispersion, share):
    cycle = mean * share
    stock = int(stock_for_fill_rate(rate, mean, dispersion, cycle))
    assert expected_shortfall(stock, mean, dispersion) <= (1 - rate) * cycle
    assert stock == 0 or expected_shortfall(stock - 1, mean, dispersion) > (1 - rate) * cycle


def shop_of_two(lead_time: int) -> Horizon:
    """A steady product and a lumpy one, ten a period each, independent from period to period."""
    mean, alpha = np.array([10.0, 10.0]), np.array([0.02, 3.0])
    before = max(lead_time, 1e-9)
    return Horizon(mean * lead_time, alpha / before, mean * (lead_time + 1), alpha / (lead_time + 1))


@pytest.mark.parametrize("lead_time", [0, 3])
@pytest.mark.parametrize("fill_rate", [0.8, 0.95, 0.99])
def test_one_probability_for_all_serves_the_share_of_their_demand_that_was_asked_for(lead_time, fill_rate):
    """Both products played for 20,000 periods as base stock, customers waiting."""
    horizon, draw = shop_of_two(lead_time), np.random.default_rng(8)
    stock = total_quantile(common_level(fill_rate, horizon), horizon.mean, horizon.dispersion)
    shape = (20_000, 2)
    demand = draw.poisson(10 * draw.gamma(np.array([50, 1 / 3]), np.array([0.02, 3.0]), shape))
    sums = np.vstack([np.zeros((1, 2)), demand.cumsum(axis=0)])
    shelf = stock - (sums[lead_time:-1] - sums[: -1 - lead_time])  # at the start of a period, after its receipt
    missing = demand[lead_time:] - np.clip(shelf, 0, demand[lead_time:])
    assert 1 - missing.sum() / demand[lead_time:].sum() == pytest.approx(fill_rate, abs=0.012)


def test_no_split_of_the_same_stock_serves_more():
    horizon = shop_of_two(0)
    stock = total_quantile(common_level(0.9, horizon), horizon.mean, horizon.dispersion)
    missing = [
        expected_shortfall(stock + move * np.array([1, -1]), horizon.mean, horizon.dispersion).sum()
        for move in range(-8, 9)
    ]
    assert min(missing) == pytest.approx(missing[8], abs=0.02)


def test_a_certain_lead_time_needs_what_the_total_needs_and_an_uncertain_one_more():
    mean, dispersion, days, lead = np.array([80.0]), np.array([0.1]), np.array([8.0]), np.array([7.0])
    sure, unsure = (
        int(uncertain_lead_time_quantile(0.95, mean, dispersion, days, lead, np.array([sd]))[0]) for sd in (0.0, 3.0)
    )
    assert sure == total_quantile(0.95, 80.0, 0.1)
    assert unsure > sure


def test_the_mixture_is_that_of_drawn_lead_times():
    """A hundred thousand lead times are drawn, and for each a demand."""
    draw = np.random.default_rng(5)
    lengths = np.maximum(draw.normal(7, 2, 100_000), 0) + 1
    demand = draw.poisson(10 * lengths * draw.gamma(1 / 0.05, 0.05, 100_000))
    said = uncertain_lead_time_quantile(
        0.95, np.array([80.0]), np.array([0.05]), np.array([8.0]), np.array([7.0]), np.array([2.0])
    )
    assert said[0] == pytest.approx(np.quantile(demand, 0.95), rel=0.03)


def test_a_fill_rate_comes_before_costs_and_costs_before_a_service_level():
    """20 in the protection days, Poisson; a cycle sells 30."""
    total = np.array([20.0]), np.array([0.0])
    cycle = np.array([30], dtype=np.int64)
    costs = SupplyTerms(service_level=0.5, shortage_cost=9.0, holding_cost=1.0)
    assert protection_stock([SupplyTerms(service_level=0.5)], *total, cycle) == total_quantile(0.5, 20, 0)
    assert protection_stock([costs], *total, cycle) == total_quantile(0.9, 20, 0)
    filled = protection_stock([costs._replace(fill_rate=0.999)], *total, cycle)
    assert filled == stock_for_fill_rate(0.999, 20, 0, 30) != total_quantile(0.9, 20, 0)


def test_known_ordering_and_holding_costs_make_an_order_the_economic_quantity():
    terms = SupplyTerms(ordering_cost=8, holding_cost=0.225)
    levels = thresholds([terms], whole_of(np.array([10_400.0]), np.zeros(1)), np.array([1300.0]), lost=np.zeros(1))
    assert levels.target[0] - levels.reorder_point[0] == 304


@pytest.mark.parametrize(
    ("terms", "ceiling"),
    [
        (SupplyTerms(maximum_stock=15), 15),
        (SupplyTerms(shelf_life_days=4), int(total_quantile(0.95, 8, 0))),
        (SupplyTerms(maximum_stock=9, shelf_life_days=4), 9),
    ],
)
def test_neither_threshold_lies_above_what_room_and_shelf_life_allow(terms, ceiling):
    levels = thresholds([terms], whole_of(np.array([16.0]), np.zeros(1)), np.array([2.0]), lost=np.zeros(1))
    assert levels.ceiling[0] == ceiling == levels.target[0]
    assert levels.reorder_point[0] <= ceiling
