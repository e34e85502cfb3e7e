"""Does an order follow from what is known now, and say what it was decided by?"""

from __future__ import annotations

import pytest
from decision_examples import SEEN, TWO_A_DAY, D, decided, found_out, with_orders
from domain_streams import MUG, NOW

from domain.decision import assess, newest_stock
from domain.forecast import DemandForecast, TotalDemand
from domain.orders import OpenOrder
from domain.policy import SupplyTerms
from domain.product import ForecastNote, Interval, StockLevel
from domain.ruling import OPEN_ORDERS_MAX

# Assessing


def test_an_assessment_by_hand():
    """2 a day: 8 days of protection sell 16, of which Poisson's 95 % are 23; two weeks sell 28 more. Of the 14 that a
    week sells 5 are there, and 9 are lost whatever is ordered."""
    assessed = found_out(SEEN, 5)
    assert (assessed.usual, assessed.reorder_point, assessed.target) == ((23, 51), 14, 42)
    assert assessed.demand_quantiles == (47, 56, 66)
    assert assessed.interval == (0, 4)


def test_the_reorder_point_is_a_quantile_of_the_protection_days_total_never_a_sum_of_days():
    totals = (TotalDemand(1, 2, 4.0), TotalDemand(8, 16, 0.5), TotalDemand(28, 56, 0.1))
    assessed = found_out(SEEN, 500, forecast=DemandForecast(D, "model", totals))
    assert TotalDemand(8, 16, 0.5).quantile(0.95) == assessed.reorder_point
    assert assessed.reorder_point < 8 * totals[0].quantile(0.95)


def test_many_products_at_once_are_each_as_if_alone():
    terms = [SupplyTerms(), SupplyTerms(pack_size=40, service_level=0.6), SupplyTerms(lead_time_days=27)]
    shelves = [StockLevel(5, 1), None, StockLevel(-2, 9)]
    together = assess([SEEN] * 3, shelves, terms, [TWO_A_DAY] * 3, [1, 2, 3])
    alone = [assess([SEEN], [shelves[n]], [terms[n]], [TWO_A_DAY], [n + 1])[0] for n in range(3)]
    assert alone == together


def test_no_product_is_no_assessment():
    assert assess([], [], [], [], []) == []


@pytest.mark.parametrize(
    ("read", "told", "newest"),
    [
        (None, None, None),
        ((5, 10), None, (5, 10)),
        (None, (7, 10), (7, 10)),
        ((5, 10), (7, 11), (7, 11)),
        ((5, 11), (7, 10), (5, 11)),
        ((5, 10), (7, 10), (5, 10)),  # the shop's table is its truth
        ((0, 10), (7, 9), (0, 10)),
    ],
)
def test_the_newer_of_what_was_read_and_what_was_told(read, told, newest):
    read, told, newest = (StockLevel(*pair) if pair else None for pair in (read, told, newest))
    assert newest == newest_stock(read, told, 0)


def test_a_level_told_before_the_newest_receipt_says_nothing():
    """The receipt overtook the count that holds it: judged on the older count, the delivery would be ordered again."""
    assert newest_stock(None, StockLevel(2, 10), 11) is None
    assert newest_stock(StockLevel(2, 10), StockLevel(27, 12), 11) == StockLevel(27, 12)
    assert newest_stock(StockLevel(27, 10), StockLevel(2, 10), 11) == StockLevel(27, 10)


# Ordering


def test_an_order_says_what_it_was_decided_by():
    decision = decided(SEEN, 5, terms=SupplyTerms(pack_size=12, minimum_order_quantity=20))
    order = decision.order
    assert order is not None
    assert (order.product, order.reorder_id, order.decided_at, order.as_of) == (MUG, "85123A#north:5", NOW, D)
    assert (order.current_stock, order.on_order, order.inventory_position) == (5, 0, 5)
    assert (order.reorder_point, order.optimal_inventory, order.recommended_order_quantity) == (14, 42, 48)
    assert (order.pack_size, order.minimum_order_quantity, order.lead_time_days) == (12, 20, 7)
    assert (order.urgency, order.projected_stockout_on, order.forecast_source) == ("high", D + 2, "model")


def test_an_order_opens_the_next_cycle_and_is_due_after_the_lead_time():
    decision = decided(SEEN, 5)
    assert (5, (OpenOrder(5, 37, 0, D + 7, requested_on=D, watched=True),)) == (
        decision.state.cycle,
        decision.state.open_orders,
    )
    assert decision.state.on_order == 37


def test_the_quantity_is_the_gap_never_the_target():
    order = decided(with_orders(6), 10).order
    assert (order.inventory_position, order.optimal_inventory, order.recommended_order_quantity) == (16, 51, 35)


@pytest.mark.parametrize(
    ("level", "outstanding", "orders"),
    [
        (23, (), True),
        (24, (), False),
        (13, (10,), True),
        (14, (10,), False),
        (0, (8, 8, 8), False),
        (-1, (8, 16), True),
    ],
)
def test_the_position_counts_every_open_order(level, outstanding, orders):
    """Reorder point 23."""
    assert orders == (decided(with_orders(*outstanding), level).order is not None)


def test_an_overdue_order_keeps_counting():
    overdue = SEEN._replace(open_orders=(OpenOrder(4, 60, 0, D - 200),))
    assert decided(overdue, 0).order is None


def test_nothing_is_ordered_for_a_product_the_shop_has_no_record_of():
    decision = decided(SEEN, None)
    assert (decision.order, decision.crossing, decision.on_hand) == (None, None, None)
    assert (0, SEEN.cycle) == (decision.state.dirty, decision.state.cycle)


def test_an_empty_shelf_is_critical_and_a_product_that_does_not_sell_has_no_stock_out_date():
    assert decided(SEEN, 0).order.urgency == "critical"
    assert decided(SEEN, 0).order.projected_stockout_on == D
    silent = DemandForecast(D, "fallback", tuple(TotalDemand(days, 1e-3, 0) for days in (1, 8, 28)))
    assert decided(SEEN, 0, forecast=silent).order is None
    owed = decided(SEEN, -3, forecast=silent).order
    assert (owed.recommended_order_quantity, owed.urgency, owed.forecast_source) == (3, "critical", "fallback")


@pytest.mark.parametrize(("days", "date"), [(9_999, D + 9_999), (10_001, None)])
def test_a_stock_out_beyond_imagination_has_no_date(days, date):
    slow = DemandForecast(D, "model", (TotalDemand(1, 1, 0), TotalDemand(8, 99, 0), TotalDemand(28, 28 * 1 / days, 0)))
    assert date == decided(SEEN, 1, forecast=slow).order.projected_stockout_on


def test_more_than_64_open_orders_are_not_opened():
    full = with_orders(*[0] * OPEN_ORDERS_MAX)
    assert decided(full, 0).order is None
    assert decided(with_orders(*[0] * (OPEN_ORDERS_MAX - 1)), 0).order is not None


# What is noted of it


def test_a_decision_notes_its_forecast_and_the_interval_of_its_first_day():
    state = decided(SEEN, 99).state
    assert ForecastNote(D, 42, "model", ((1, 2, 0), (8, 16, 0), (28, 56, 0))) == state.forecast
    assert (Interval(D, 0, 4),) == state.intervals
    more = DemandForecast(D, "model", tuple(TotalDemand(t.cover_days, 9 * t.mean, 0) for t in TWO_A_DAY.totals))
    assert (Interval(D, 0, 4),) == decided(state, 99, forecast=more).state.intervals, "the day's first one stays"
