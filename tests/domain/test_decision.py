"""Does a decision follow from what is known now, once for each need?"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from domain_streams import MUG, NEW_YEARS_EVE, NOW
from fakes.cover import same_days
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.decision import (
    Assessment,
    Crossing,
    Decision,
    assess,
    decide,
    newest_stock,
)
from domain.events import MS_PER_DAY, ReorderCancelled, SaleRecorded, ShipmentReceived, StockChanged
from domain.features import series_of
from domain.folding import fold
from domain.forecast import DemandForecast, TotalDemand, baseline_totals
from domain.orders import OpenOrder
from domain.policy import FORECAST_DAYS, SupplyTerms
from domain.product import ForecastNote, Interval, ProductState, StockLevel, cycle_of
from domain.ruling import OPEN_ORDERS_MAX

D = NEW_YEARS_EVE
TWO_A_DAY = DemandForecast(D, "model", (TotalDemand(1, 2, 0), TotalDemand(8, 16, 0), TotalDemand(28, 56, 0)))
WEEKLY = SupplyTerms()
SEEN = ProductState(MUG, dirty=3, dirty_since=7, cycle=4)


def found_out(
    snapshot: ProductState, level: int | None, terms: SupplyTerms = WEEKLY, forecast: DemandForecast = TWO_A_DAY
) -> Assessment:
    """What an assessment says when the shop has this much on hand (None: no record) and two units sell a day."""
    stock = None if level is None else StockLevel(level, 1)
    return assess([snapshot], [stock], [terms], [forecast], [42])[0]


def decided(state: ProductState, level: int | None, **how) -> Decision:
    decision = decide(state, found_out(state, level, **how), NOW)
    assert decision is not None
    return decision


def with_orders(*outstanding: int, **fields) -> ProductState:
    orders = tuple(OpenOrder(n + 1, units, 0, D) for n, units in enumerate(outstanding))
    return SEEN._replace(cycle=len(orders), open_orders=orders, **fields)


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


def test_a_second_judge_of_one_snapshot_decides_nothing():
    """Else what was sold between the two decisions would be taken for judged, and never be."""
    seen = fold(ProductState(MUG), [SaleRecorded(MUG, "old", D * MS_PER_DAY, 3, 1)], NOW).state
    assessed = found_out(seen, 99)
    decided_once = decide(seen, assessed, NOW)
    assert decided_once is not None
    moved_on = fold(decided_once.state, [SaleRecorded(MUG, "new", D * MS_PER_DAY, 50, 1)], NOW + 1).state
    assert decide(moved_on, assessed, NOW + 2) is None
    assert moved_on.dirty == 1


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


@given(level=st.integers(-50, 100), outstanding=st.lists(st.integers(1, 40), max_size=4), pack=st.integers(1, 30))
def test_the_same_need_is_never_ordered_twice(level, outstanding, pack):
    terms = SupplyTerms(pack_size=pack)
    first = decided(with_orders(*outstanding), level, terms=terms)
    second = decided(first.state, level, terms=terms)
    assert second.order is None
    assert first.state.open_orders == second.state.open_orders


def test_two_schedulers_with_the_same_assessment_order_once():
    assessed = found_out(SEEN, 5)
    first = decide(SEEN, assessed, NOW)
    assert first.order is not None
    assert decide(first.state, assessed, NOW + 1) is None


# Deciding for a state that moved on


@pytest.mark.parametrize(
    "since",
    [
        {"decisions": 1},
        {"cycle": 5, "open_orders": (OpenOrder(5, 10, 0, D),)},
        {"open_orders": (OpenOrder(4, 10, 0, D),)},
        {"stock": StockLevel(99, 2)},
    ],
    ids=["somebody decided", "an order was opened", "an order is open", "the shop counted"],
)
def test_nothing_is_decided_when_orders_stock_or_cycle_moved_on(since):
    assert decide(SEEN._replace(**since), found_out(SEEN, 5), NOW) is None


@pytest.mark.parametrize(
    "event",
    [
        ShipmentReceived(MUG, "s", 9, "85123A#north:1", 4),
        ShipmentReceived(MUG, "s", 9, "85123A#north:1", 10),
        ReorderCancelled(MUG, "x", 9, "85123A#north:1"),
        StockChanged(MUG, "c", 9, 30),
    ],
    ids=["part received", "received", "cancelled", "counted"],
)
def test_an_event_that_puts_the_stock_read_in_doubt_decides_nothing(event):
    """The level that was read may contain the shipment or not."""
    snapshot = with_orders(10)
    later = fold(snapshot, [event], NOW).state
    assert decide(later, found_out(snapshot, 5), NOW) is None


def sales(count: int) -> list[SaleRecorded]:
    return [SaleRecorded(MUG, f"e{n}", D * MS_PER_DAY, 2, 200) for n in range(count)]


def test_sales_that_came_meanwhile_are_kept_and_leave_the_product_dirty():
    snapshot = fold(ProductState(MUG), sales(3), NOW).state
    later = fold(snapshot, sales(5), NOW + 10).state
    decision = decide(later, found_out(snapshot, 5), NOW + 20)
    assert (decision.state.dirty, decision.state.dirty_since) == (2, NOW + 20)
    assert (5, 10, later.buckets) == (decision.state.sales, decision.state.units, decision.state.buckets)
    assert later.version + 1 == decision.state.version


def test_what_the_snapshot_saw_is_no_longer_dirty():
    snapshot = fold(ProductState(MUG), sales(3), NOW).state
    assert decide(snapshot, found_out(snapshot, 5), NOW).state.dirty == 0


def test_a_decision_notes_its_forecast_and_the_interval_of_its_first_day():
    state = decided(SEEN, 99).state
    assert ForecastNote(D, 42, "model", ((1, 2, 0), (8, 16, 0), (28, 56, 0))) == state.forecast
    assert (Interval(D, 0, 4),) == state.intervals
    more = DemandForecast(D, "model", tuple(TotalDemand(t.cover_days, 9 * t.mean, 0) for t in TWO_A_DAY.totals))
    assert (Interval(D, 0, 4),) == decided(state, 99, forecast=more).state.intervals, "the day's first one stays"


def test_a_decision_changes_nothing_of_the_ledger():
    snapshot = fold(ProductState(MUG), sales(50), NOW).state
    assert snapshot.ledger is decided(snapshot, 5).state.ledger


# Bands and insights


def as_of(day: int) -> DemandForecast:
    return replace(TWO_A_DAY, as_of=day)


def test_a_fall_below_a_lead_time_is_a_crossing():
    state = decided(SEEN, 60).state
    assert (state.band, state.insight_on) == ("covered", None)
    decision = decided(state, 13)
    assert Crossing("covered", "low") == decision.crossing
    assert (decision.state.band, decision.state.insight_on) == ("low", D)
    assert (decision.cover_days, decision.on_hand) == (6.5, 13)


def test_the_first_sight_of_a_product_is_no_crossing():
    decision = decided(SEEN, 0)
    assert (decision.crossing, decision.state.band) == (None, "out")


def test_within_a_fortnight_of_an_insight_a_further_fall_is_told_of_if_the_shelf_is_empty():
    covered = SEEN._replace(band="covered", insight_on=D)
    low = decided(covered, 13, forecast=as_of(D + 12))
    assert (low.crossing, low.state.band, low.state.insight_on) == (None, "low", D)
    empty = decided(low.state, 0, forecast=as_of(D + 13))
    assert (Crossing("low", "out"), D + 13) == (empty.crossing, empty.state.insight_on)


def test_a_band_recovers_only_a_quarter_above_its_threshold():
    low = SEEN._replace(band="low")
    assert [decided(low, level).state.band for level in (14, 17, 18)] == ["low", "low", "covered"]


def test_a_crossing_and_an_order_never_depend_on_each_other():
    """Goods on their way: the shelf is nearly empty, a planner should know, and nothing more is to be ordered."""
    decision = decided(with_orders(60, band="covered"), 3)
    assert (None, Crossing("covered", "low")) == (decision.order, decision.crossing)


@given(levels=st.lists(st.integers(0, 80), min_size=1, max_size=40), step=st.integers(0, 3))
def test_insights_of_a_product_are_at_least_a_fortnight_apart_but_for_an_empty_shelf(levels, step):
    state, told = SEEN, []
    for n, level in enumerate(levels):
        decision = decided(state, level, forecast=as_of(D + n * step))
        state = decision.state
        if decision.crossing is not None and decision.crossing.after != "out":
            told.append(D + n * step)
    assert all(later - earlier >= 14 for earlier, later in itertools.pairwise(told))


# A shop, day after day


class Shop(RuleBasedStateMachine):
    """Customers buy, a supplier delivers in parts or cancels, and at any moment someone decides.

    `outstanding` is the supplier's own book; the state knows of it only by events."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ProductState(MUG)
        self.on_hand = 20
        self.day = D
        self.events = 0
        self.outstanding: dict[str, int] = {}
        self.ids: list[str] = []
        self.terms = SupplyTerms(lead_time_days=3, order_cycle_days=5, pack_size=4, minimum_order_quantity=6)

    def tell(self, kind, *fields) -> None:
        self.events += 1
        event = kind(MUG, f"e{self.events}", self.day * MS_PER_DAY, *fields)
        # Everything comes twice: at least once is all a queue promises.
        self.state = fold(self.state, [event, event], NOW).state

    def assess(self) -> Assessment:
        """A forecast by the baseline and a look at the shelf."""
        cover = [same_days(days, 1) for days in (1, self.terms.protection_days, FORECAST_DAYS)]
        totals = baseline_totals(series_of([self.state], self.day), cover)[0]
        forecast = DemandForecast(self.day, "fallback", totals)
        stock = StockLevel(self.on_hand, self.day * MS_PER_DAY)
        return assess([self.state], [stock], [self.terms], [forecast], [0])[0]

    @rule(quantities=st.lists(st.integers(-2, 12), min_size=1, max_size=3), days=st.integers(0, 2))
    def sell(self, quantities: list[int], days: int) -> None:
        self.day += days
        for quantity in quantities:
            self.on_hand -= quantity
            self.tell(SaleRecorded, quantity, 100 * quantity)

    @precondition(lambda self: self.outstanding)
    @rule(data=st.data())
    def deliver(self, data) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.outstanding)))
        left = self.outstanding[order_id]
        quantity = data.draw(st.integers(1, left + 2))
        self.on_hand += quantity  # booked before it is told
        self.outstanding[order_id] = max(0, left - quantity)
        if not self.outstanding[order_id]:
            del self.outstanding[order_id]
        self.tell(ShipmentReceived, order_id, quantity)

    @precondition(lambda self: self.outstanding)
    @rule(data=st.data())
    def cancel(self, data) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.outstanding)))
        del self.outstanding[order_id]
        self.tell(ReorderCancelled, order_id)

    @rule(days=st.integers(0, 4))
    def decide(self, days: int) -> None:
        self.day += days
        before = self.state
        assessed = self.assess()
        position = self.on_hand + sum(self.outstanding.values())
        decision = decide(before, assessed, NOW)
        assert decision is not None
        self.state = decision.state
        opened = self.state.open_orders[len(before.open_orders) :]
        assert len(opened) == (decision.order is not None) == self.state.cycle - before.cycle
        assert (decision.order is not None) == (position <= assessed.reorder_point and position < assessed.target)
        if decision.order is not None:
            self.check(decision, position)
        # No second order for one need: the same shelf again orders nothing, nor does the old assessment.
        assert decide(self.state, self.assess(), NOW).order is None
        again = decide(self.state, assessed, NOW)
        assert again is None

    def check(self, decision: Decision, position: int) -> None:
        order = decision.order
        quantity = order.recommended_order_quantity
        assert position == order.inventory_position
        assert quantity >= 6
        assert quantity % 4 == 0
        assert order.optimal_inventory <= position + quantity < order.optimal_inventory + 6 + 4
        assert cycle_of(MUG, order.reorder_id) == decision.state.cycle
        assert order.reorder_id not in self.ids
        self.ids.append(order.reorder_id)
        self.outstanding[order.reorder_id] = quantity

    @invariant()
    def on_order_is_what_the_supplier_still_owes(self) -> None:
        assert sum(self.outstanding.values()) == self.state.on_order
        owed = {f"85123A#north:{order.cycle}": order.outstanding for order in self.state.open_orders}
        assert self.outstanding == owed


TestShop = Shop.TestCase
TestShop.settings = settings(max_examples=40, stateful_step_count=25)


def test_cover_is_infinite_where_nothing_sells():
    nothing = DemandForecast(D, "model", tuple(TotalDemand(days, 0.0, 0) for days in (1, 8, 28)))
    assert math.isinf(decided(SEEN, 5, forecast=nothing).cover_days)
    assert decided(SEEN, 5, forecast=nothing).state.band == "excess"
