"""A row says what a decision was made from, and in which state the product is."""

from __future__ import annotations

import math

import pytest
from fakes.clock import NOW, TODAY
from fakes.shop import InMemoryInventory

from domain.buckets import Bucket, Days
from domain.events import ProductKey
from domain.orders import APPROVAL, OpenOrder
from domain.policy import FORECAST_DAYS, SupplyTerms
from domain.product import ForecastNote, Freeze, ProductState
from handlers.current_rules import CurrentRules
from worker.clock import SystemClock
from worker.dashboard.looking import Looking
from worker.dashboard.rows import REASONS, STATUSES, last_price, row_of

KEY = ProductKey("Lamp", "LEEDS")
TOTALS = tuple((days, 2.0 * days, 0.1) for days in (1, 8, FORECAST_DAYS))
SOLD = Days.of({TODAY - 2: Bucket(2, 500), TODAY - 1: Bucket(3, 900)})


async def row(level: int | None = 100, *, committed: bool = True, sold: Days = SOLD, **said):
    """The row of a product that sells 2 a day, the last of them for 3.00, and is delivered within 7 days."""
    note = ForecastNote(TODAY, 1, "model", TOTALS)
    state = ProductState(KEY, version=4, buckets=sold, newest_day=TODAY - 1, forecast=note, decisions=1)._replace(
        **said
    )
    inventory = InMemoryInventory()
    inventory.put(KEY, level, NOW)
    ((state, record),) = await Looking(inventory, CurrentRules(), SupplyTerms(), SystemClock()).at([state])
    return row_of(state, record, committed=committed)


def order(quantity: int = 50, due_in: int = 5, **said) -> OpenOrder:
    return OpenOrder(1, quantity, 0, TODAY + due_in, requested_on=TODAY - 2, **said)


async def test_enough_in_stock_is_fine_and_puts_no_money_at_risk():
    fine = await row(40)
    assert (STATUSES[fine.status], fine.risk, fine.cover, fine.out_on) == ("fine", 0.0, 20.0, TODAY + 20)


async def test_what_is_out_costs_its_demand_at_the_last_price_each_day():
    out = await row(0)
    assert (STATUSES[out.status], out.daily, out.unit, out.risk) == ("out", 2.0, 300.0, 600.0)


async def test_it_is_out_before_the_next_delivery_if_that_comes_too_late():
    assert STATUSES[(await row(8, open_orders=(order(due_in=3),))).status] == "fine"
    assert STATUSES[(await row(8, open_orders=(order(due_in=5),))).status] == "soon"


async def test_the_next_delivery_is_the_first_that_is_dated_and_to_come():
    orders = (order(due_in=9), order(due_in=4), order(due_in=-1), order(due_in=2, hold=APPROVAL))
    assert (await row(8, open_orders=orders)).due_on == TODAY + 4
    assert math.isnan((await row(8, open_orders=orders[2:])).due_on)


async def test_without_an_order_under_way_the_next_delivery_is_a_lead_time_ahead():
    assert STATUSES[(await row(13)).status] == "soon"
    assert STATUSES[(await row(14)).status] == "fine"


async def test_a_late_order_is_no_delivery_to_wait_for():
    late = order(due_in=-1)
    assert STATUSES[(await row(8, open_orders=(late,))).status] == "soon"
    covered = await row(40, open_orders=(late,))
    assert (STATUSES[covered.status], covered.overdue) == ("overdue", 50)


async def test_many_lead_times_of_cover_are_excess():
    assert STATUSES[(await row(2 * 7 * 8 + 2)).status] == "excess"


async def test_a_stock_that_the_shop_has_no_record_of_is_unknown_and_no_zero():
    unknown = await row(None)
    assert STATUSES[unknown.status] == "unknown"
    assert math.isnan(unknown.on_hand)
    assert math.isnan(unknown.cover)
    assert REASONS[unknown.reason] == "stock unknown"


async def test_an_order_that_waits_for_a_planner_is_what_is_suggested():
    held = await row(8, open_orders=(order(96, hold=APPROVAL),))
    assert (REASONS[held.reason], held.suggested) == ("approval", 96)


async def test_what_a_frozen_product_needs_is_suggested_all_the_same():
    frozen = await row(0, freeze=Freeze(NOW, TODAY + 5, "Ada"))
    assert (REASONS[frozen.reason], frozen.frozen) == ("frozen", True)
    assert frozen.suggested > 0


async def test_a_freeze_is_seen_before_anything_is_decided_by_it():
    note = ForecastNote(TODAY, 1, "model", TOTALS)
    state = ProductState(KEY, version=4, buckets=SOLD, newest_day=TODAY - 1, forecast=note, decisions=1)
    inventory = InMemoryInventory()
    inventory.put(KEY, 100, NOW)
    ((_, record),) = await Looking(inventory, CurrentRules(), SupplyTerms(), SystemClock()).at([state])
    assert row_of(state._replace(freeze=Freeze(NOW, TODAY, "Ada")), record).frozen
    assert not row_of(state._replace(freeze=Freeze(NOW, TODAY - 1, "Ada")), record).frozen


async def test_an_order_that_is_not_committed_is_due_and_not_ordered():
    assert REASONS[(await row(0)).reason] == "ordered"
    assert REASONS[(await row(0, committed=False)).reason] == "due"


async def test_the_last_day_to_order_is_a_lead_time_before_all_has_run_out():
    assert (await row(20, open_orders=(order(20),))).order_by == TODAY + 20 - 7


async def test_nobody_knows_what_is_at_risk_without_a_price():
    unpriced = await row(0, sold=Days.of({TODAY - 1: Bucket(3, 0)}))
    assert math.isnan(unpriced.unit)
    assert math.isnan(unpriced.risk)


@pytest.mark.parametrize(("days", "price"), [(SOLD, 300.0), (Days.of({TODAY - 9: Bucket(4, 200)}), 50.0)])
def test_the_last_price_is_of_the_newest_day_that_brought_anything(days, price):
    assert last_price(days) == price


def test_a_product_that_never_sold_has_no_price():
    assert math.isnan(last_price(ProductState(KEY).buckets))
