"""What an empty shelf loses is not ordered: is what will be needed ordered all the same, and once?"""

from __future__ import annotations

import numpy as np
import pytest
from domain_streams import MUG, NOW
from domain_streams import NEW_YEARS_EVE as TODAY

from domain.decision import assess, decide
from domain.forecast import DemandForecast, TotalDemand, dispersion_from
from domain.orders import APPROVAL, OpenOrder
from domain.policy import SupplyTerms
from domain.product import ProductState, StockLevel

DAYS, WARM = 3_000, 200


def forecast_of(daily, variance, terms, as_of=TODAY):
    """Independent days that are all alike."""
    lengths = np.array(sorted({1, terms.protection_days, 28}))
    dispersion = dispersion_from(daily * lengths, variance * lengths)
    totals = zip(lengths.tolist(), (daily * lengths).tolist(), dispersion.tolist(), strict=True)
    return DemandForecast(as_of, "model", tuple(TotalDemand(*total) for total in totals))


def decided(terms, forecast, orders=(), on_hand=0):
    state = ProductState(MUG, cycle=len(orders), open_orders=tuple(orders))
    decision = decide(state, assess([state], [StockLevel(on_hand, 1)], [terms], [forecast], [7])[0], NOW)
    return decision.order.recommended_order_quantity if decision.order is not None else 0


WEEK = SupplyTerms(lead_time_days=7)
TWO_A_DAY = forecast_of(2.0, 2.0, WEEK)


def test_an_empty_shelf_orders_less_than_a_shop_whose_customers_wait():
    assert 0 < decided(WEEK, TWO_A_DAY) < decided(WEEK._replace(backorders=True), TWO_A_DAY)


@pytest.mark.parametrize("late", [OpenOrder(1, 20, 0, TODAY + 30), OpenOrder(1, 20, 0, TODAY + 1, hold=APPROVAL)])
def test_an_order_that_comes_after_a_new_one_would_does_not_stand_for_it(late):
    """Three weeks without goods, else: what is lost until a new order arrives is not lost until this one does."""
    assert decided(WEEK, TWO_A_DAY, [late]) > 0


def test_what_comes_with_a_new_order_is_not_ordered_again():
    first = decided(WEEK, TWO_A_DAY)
    assert decided(WEEK, TWO_A_DAY, [OpenOrder(1, first, 0, TODAY + 7)]) == 0


@pytest.mark.parametrize("lead_time", [21, 60, 120])
def test_on_the_day_after_an_order_a_long_lead_time_does_not_ask_for_it_again(lead_time):
    terms = SupplyTerms(lead_time_days=lead_time)
    order = OpenOrder(1, decided(terms, forecast_of(2.0, 2.0, terms)), 0, TODAY + lead_time)
    assert decided(terms, forecast_of(2.0, 2.0, terms, as_of=TODAY + 1), [order]) == 0


@pytest.mark.parametrize("cycle_days", [0, 14])
@pytest.mark.parametrize(
    ("daily", "dispersions", "terms"),
    [
        (3.0, (25.0, 10.0, 3.0), SupplyTerms(lead_time_days=7, service_level=0.8)),
        (0.03, (25.0, 25.0, 25.0), SupplyTerms(lead_time_days=28, service_level=0.9)),
    ],
)
def test_whatever_is_stocked_is_ordered_when_the_shelf_is_empty(daily, dispersions, terms, cycle_days):
    """Of a skewed total the quantile is less than the mean, and what is lost would take all of it away."""
    terms = terms._replace(order_cycle_days=cycle_days)
    lengths = sorted({1, terms.protection_days, 28})
    rows = zip(lengths, dispersions, strict=False)
    forecast = DemandForecast(TODAY, "model", tuple(TotalDemand(n, daily * n, spread) for n, spread in rows))
    [assessed] = assess([ProductState(MUG)], [StockLevel(0, 1)], [terms], [forecast], [7])
    assert assessed.usual[1] > 0
    assert decided(terms, forecast) > 0


def played(terms, daily, variance, seed=5):
    """The share of demand that a shop serves over some years, judged each day, by the forecast that is true."""
    draw = np.random.default_rng(seed)
    [size] = 1 / dispersion_from(np.array([daily]), np.array([variance])) if variance > daily else [np.inf]
    rate = np.full(DAYS, daily) if np.isinf(size) else draw.gamma(size, daily / size, DAYS)
    demand, forecast = draw.poisson(rate), forecast_of(daily, variance, terms)
    shelf, coming, served = 0, {}, 0
    for day in range(DAYS):
        shelf += coming.pop(day, 0)
        orders = [OpenOrder(n + 1, units, 0, TODAY + due - day) for n, (due, units) in enumerate(coming.items())]
        ordered = decided(terms, forecast, orders, on_hand=shelf)
        if ordered:
            coming[day + terms.lead_time_days] = coming.get(day + terms.lead_time_days, 0) + ordered
        sold = min(shelf, int(demand[day]))
        shelf -= sold
        served += sold if day >= WARM else 0
    return served / demand[WARM:].sum()


@pytest.mark.parametrize("cycle_days", [0, 14])
@pytest.mark.parametrize(("daily", "variance"), [(2.0, 2.0), (1.0, 4.0), (0.05, 0.05)])
def test_a_promised_fill_rate_is_kept_in_a_shop_that_loses_sales(daily, variance, cycle_days):
    """Within what chance does to some thousand days; the slow product sells about 140 units."""
    terms = SupplyTerms(lead_time_days=7, fill_rate=0.97, order_cycle_days=cycle_days)
    assert played(terms, daily, variance) > 0.97 - (0.03 if daily < 1 else 0.01)
