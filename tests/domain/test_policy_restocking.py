"""Does our policy order what is missing when the order arrives, and do the rules beside it follow their recipes?"""

from __future__ import annotations

import time

import numpy as np
import pytest
from domain_streams import MUG, NOW
from domain_streams import NEW_YEARS_EVE as TODAY
from hypothesis import given
from hypothesis import strategies as st

from domain.backtest import Seen, Timing
from domain.decision import assess, decide
from domain.forecast import DemandForecast, TotalDemand, total_quantile
from domain.orders import OpenOrder
from domain.policy import SupplyTerms
from domain.product import ProductState, StockLevel
from domain.replenishment import Before, stock_at_arrival
from domain.restocking import as_worker, restock, windows_for
from domain.rules import WEEKS, Window, cover, guide, normal, vn2_benchmark


def seen_of(sales, *, on_hand=0, due=(0, 0, 0), censored=None, timing=None) -> Seen:
    known = np.array([sales], dtype=np.int64)
    hidden = np.zeros(known.shape, dtype=bool) if censored is None else np.array([censored])
    timing = timing or Timing(len(due) - 1)
    return Seen(0, known, hidden, np.array([on_hand]), np.array([due], dtype=np.int64), timing)


# What is on the shelf when an order arrives


@given(
    on_hand=st.integers(0, 30),
    receipts=st.lists(st.integers(0, 15), min_size=1, max_size=4),
    mean=st.floats(0.05, 12),
    dispersion=st.floats(0.05, 1.5),
)
def test_the_expected_stock_is_near_the_mean_of_many_played_shops(on_hand, receipts, mean, dispersion):
    """Exact for one period; after several, expectations stand for whole distributions, within a unit or a tenth."""
    draw = np.random.default_rng(3)
    shelf = np.full(20_000, on_hand)
    for receipt in receipts:
        demand = draw.poisson(mean * draw.gamma(1 / dispersion, dispersion, len(shelf)))
        shelf = np.maximum(shelf + receipt - demand, 0)
    each = np.full((1, len(receipts)), mean), np.full((1, len(receipts)), dispersion)
    none = np.zeros((1, len(receipts)))
    said = stock_at_arrival(np.array([on_hand]), Before(np.array([receipts]), none, *each))[0]
    sampling = 4 * shelf.std() / len(shelf) ** 0.5
    leeway = sampling if len(receipts) == 1 else max(1.0, 0.1 * shelf.mean()) * len(receipts)
    assert abs(said - shelf.mean()) <= leeway + 1e-9


def test_sales_that_are_lost_leave_more_for_later_than_customers_who_wait():
    before = Before(np.array([[0, 5]]), np.zeros((1, 2)), np.array([[4.0, 4.0]]), np.array([[0.0, 0.0]]))
    lost = stock_at_arrival(np.array([2]), before)[0]
    waiting = stock_at_arrival(np.array([2]), before, backorders=True)[0]
    assert waiting == pytest.approx(2 + 5 - 8)
    assert lost > 0 > waiting


# Our policy


def steady(mean: float, dispersion: float):
    """A forecaster of independent periods that all have this mean."""

    def ahead(seen, windows):
        lengths = windows[:, 1].astype(float)
        shape = (len(seen.on_hand), len(windows))
        return np.broadcast_to(mean * lengths, shape), np.broadcast_to(dispersion / lengths, shape)

    return ahead


@pytest.mark.parametrize(
    ("lead_time", "review", "windows"),
    [
        (0, 1, [[0, 1], [0, 1]]),
        (2, 3, [[0, 1], [1, 1], [0, 2], [2, 3], [0, 5]]),
        (7, 1, [[0, 3], [3, 2], [5, 2], [0, 7], [7, 1], [0, 8]]),
    ],
)
def test_the_windows_are_the_lead_time_in_at_most_three_blocks_those_until_the_next_arrival_and_all_together(
    lead_time, review, windows
):
    assert windows_for(lead_time, review).tolist() == windows


@pytest.mark.parametrize("lead_time", [0, 1, 2, 3, 7])
def test_every_receipt_counts_once(lead_time):
    """Nothing sells before the arrival, so that all of 1, 2, 4 ... is there when the order is."""

    def ahead(seen, windows):
        mean = np.where(windows.sum(axis=1) > lead_time, 1000.0, 0.0)
        return mean[None, :], np.zeros((1, len(windows)))

    due = [2**period for period in range(lead_time + 1)]
    target = int(total_quantile(0.95, 1000.0, 0.0))
    assert restock(ahead, [SupplyTerms()])(seen_of([6], due=due)) == target - sum(due)


def test_an_empty_shop_orders_the_target_of_the_periods_after_the_arrival():
    terms = SupplyTerms(shortage_cost=1.0, holding_cost=0.2)
    policy = restock(steady(6.0, 0.3), [terms])
    assert policy(seen_of([6, 6])) == total_quantile(5 / 6, 6.0, 0.3)


def test_what_will_be_left_and_what_arrives_with_the_order_is_not_ordered_again():
    policy = restock(steady(6.0, 0.0), [SupplyTerms(shortage_cost=19.0, holding_cost=1.0)])
    target = int(total_quantile(0.95, 6.0, 0.0))
    assert policy(seen_of([6], on_hand=100)) == 0
    assert policy(seen_of([6], due=(0, 0, 4))) == target - 4
    assert policy(seen_of([6], due=(0, 0, 40))) == 0


def test_a_service_is_promised_against_the_demand_before_the_arrival_too():
    """The same probability of no stock-out, by what the costs ask for and by what a service promises."""
    same_level = SupplyTerms(shortage_cost=19.0, holding_cost=1.0), SupplyTerms(service_level=0.95)
    lean, safe = (int(restock(steady(6.0, 0.3), [terms])(seen_of([6]))[0]) for terms in same_level)
    assert safe - lean == total_quantile(0.95, 18.0, 0.1) - 12 - total_quantile(0.95, 6.0, 0.3)


def test_with_customers_who_wait_the_position_is_brought_up_to_the_quantile_of_the_whole_total():
    terms = SupplyTerms(shortage_cost=19.0, holding_cost=1.0)
    policy = restock(steady(6.0, 0.3), [terms], backorders=True)
    assert policy(seen_of([6], on_hand=-3, due=(4, 0, 2))) == total_quantile(0.95, 18.0, 0.1) - 3


def test_packs_and_minimum_come_after_the_need():
    plain, packed = (restock(steady(6.0, 0.0), [t])(seen_of([6])) for t in (SupplyTerms(), SupplyTerms(pack_size=8)))
    assert packed == -(-plain // 8) * 8


def test_a_hundred_thousand_products_are_decided_in_less_than_five_seconds_of_a_core():
    n = 100_000
    draw = np.random.default_rng(1)
    mean, dispersion = draw.gamma(0.5, 4, (n, 1)), draw.gamma(1, 1, (n, 1))

    def ahead(seen, windows):
        return mean * windows[:, 1], np.broadcast_to(dispersion, (n, len(windows)))

    due = draw.poisson(mean, (n, 8))
    none = np.zeros((n, 1), dtype=np.int64)
    seen = Seen(0, none, none > 0, draw.poisson(3 * mean[:, 0]), due, Timing(7))
    began = time.process_time()
    ordered = restock(ahead, [SupplyTerms()] * n)(seen)
    assert time.process_time() - began < 5
    assert ordered.shape == (n,)
    assert 0 < (ordered > 0).mean() < 1


# The rules beside it


def test_cover_orders_up_to_so_many_periods_of_the_recent_mean():
    """3 a period over the last four; the 90 lie further back."""
    seen = seen_of([90, 2, 4, 3, 3], on_hand=5, due=(1, 0, 0))
    assert cover(Window(4, 30), 6)(seen) == 18 - 6


def test_periods_without_stock_are_in_no_mean():
    seen = seen_of([4, 0, 4, 0], censored=[False, True, False, True])
    assert cover(Window(4, 30), 2)(seen) == 8


def test_normal_orders_up_to_mean_and_deviation_over_lead_time_and_review():
    """Mean 5, deviation 2 (of 3, 5, 7), three periods: 15 + 1.645 x 2 x sqrt 3."""
    assert normal(Window(3, 30), 0.95)(seen_of([3, 5, 7])) == round(15 + 1.6449 * 2 * 3**0.5)


@pytest.mark.parametrize(("on_hand", "due", "ordered"), [(0, 0, 39), (0, 500, 39), (26, 0, 0), (25, 0, 39), (60, 0, 0)])
def test_the_guide_orders_its_whole_target_whatever_is_on_its_way(on_hand, due, ordered):
    """One a period, thirty in a month: 39 is the target, and more than half as much again as 25."""
    seen = seen_of([1, 1], on_hand=on_hand, due=(due, 0, 0))
    assert guide(Window(2, 30))(seen) == ordered


def test_the_organisers_rule_multiplies_the_plain_mean_by_the_season_of_the_weeks_ahead():
    """Two seasons that take turns; odd weeks sell three times as much."""
    sales = [2, 6] * 13
    policy = vn2_benchmark(lambda periods: np.arange(periods) % 2)
    assert policy(seen_of(sales, on_hand=1, due=(2, 0, 0))) == (2 + 6 + 2 + 6) - 3


def test_the_organisers_rule_takes_a_season_without_stock_for_a_usual_one():
    sales, censored = [4, 0] * 13, [False, True] * 13
    policy = vn2_benchmark(lambda periods: np.arange(periods) % 2)
    assert policy(seen_of(sales, censored=censored)) == 16


@pytest.mark.parametrize(
    "policy",
    [cover(WEEKS, 4), normal(WEEKS, 0.95), guide(WEEKS), vn2_benchmark(lambda periods: np.arange(periods) % 52)],
)
def test_what_never_sold_is_not_ordered(policy):
    assert policy(seen_of([0] * 20)) == 0


# What the live worker orders

terms_of = st.builds(
    SupplyTerms,
    lead_time_days=st.just(0),
    review_days=st.just(1),
    order_cycle_days=st.integers(0, 14),
    service_level=st.floats(0.51, 0.99),
    pack_size=st.integers(1, 7),
    minimum_order_quantity=st.integers(0, 20),
    fill_rate=st.none() | st.just(0.97),
    shortage_cost=st.none() | st.just(1.0),
    holding_cost=st.none() | st.just(0.2),
    ordering_cost=st.none() | st.just(5.0),
    lead_time_sd_days=st.just(0.0),
    maximum_stock=st.none() | st.integers(0, 80),
    shelf_life_days=st.none(),
    backorders=st.booleans(),
)


def decided(seen, terms, totals):
    """What a decision about a product orders that is seen so; its orders are due by day."""
    dues = seen.due[0].tolist()
    state = ProductState(
        MUG, cycle=len(dues), open_orders=tuple(OpenOrder(n + 1, units, 0, TODAY + n) for n, units in enumerate(dues))
    )
    stock, forecast = StockLevel(int(seen.on_hand[0]), 1), DemandForecast(TODAY, "model", totals)
    order = decide(state, assess([state], [stock], [terms], [forecast], [7])[0], NOW).order
    return order.recommended_order_quantity if order is not None else 0


@given(
    on_hand=st.integers(0, 60),
    due=st.lists(st.integers(0, 20), min_size=1, max_size=9),
    daily=st.floats(0.02, 9),
    dispersion=st.floats(0, 1.5),
    terms=terms_of,
)
def test_the_worker_s_rule_in_a_backtest_orders_what_a_decision_would(on_hand, due, daily, dispersion, terms):
    seen = seen_of([1], on_hand=on_hand, due=due)
    terms = terms._replace(lead_time_days=seen.timing.lead_time)
    ahead = steady(daily, dispersion)
    lengths = sorted({1, terms.protection_days, 28})
    mean, spread = ahead(seen, np.array([(0, length) for length in lengths]))
    totals = tuple(TotalDemand(*total) for total in zip(lengths, mean[0].tolist(), spread[0].tolist(), strict=True))
    assert as_worker(ahead, [terms], 28)(seen).tolist() == [decided(seen, terms, totals)]


@given(
    on_hand=st.integers(0, 60),
    due=st.lists(st.integers(0, 20), min_size=1, max_size=9),
    daily=st.floats(0.02, 9),
    dispersion=st.floats(0, 1.5),
    costs=st.booleans(),
)
def test_where_an_order_brings_what_is_missing_the_live_worker_s_is_our_policy_in_the_backtest(
    on_hand, due, daily, dispersion, costs
):
    """Of independent days that are all alike, what is read between the known totals is what the windows would say."""
    seen = seen_of([1], on_hand=on_hand, due=due)
    terms = SupplyTerms(seen.timing.lead_time, 1, 0)
    if costs:
        terms = terms._replace(shortage_cost=1.0, holding_cost=0.2)
    ahead = steady(daily, dispersion)
    assert as_worker(ahead, [terms], 28)(seen).tolist() == restock(ahead, [terms])(seen).tolist()
