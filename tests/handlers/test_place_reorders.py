"""An order is published if and only if it is counted as on order, and no need is ordered twice."""

from __future__ import annotations

import json

import pytest
from fakes.clock import NOW, TODAY
from fakes.examples import A, B, sale
from fakes.faults import Fault

from domain.events import ReorderCancelled, ShipmentReceived, StockChanged
from handlers.announcements import announce_reorder
from handlers.errors import TransientFailure
from handlers.metrics import Metric
from handlers.place_reorders import PlaceReorders
from handlers.products import Products


def sold(*keys, name="e", quantity=3):
    return [sale(key, f"{name}-{key}-{age}", quantity, TODAY - age) for key in keys for age in range(1, 20)]


@pytest.fixture
async def needy(deciding):
    """A and B sell well and have little."""
    await deciding.sold(*sold(A, B))
    deciding.inventory.put(A, 5, NOW)
    deciding.inventory.put(B, 5, NOW)
    return deciding


async def test_a_need_becomes_one_order_with_its_outbox_entry_and_its_header(needy, metrics):
    placed = await needy.decided(A)
    [order] = needy.store.orders.values()
    assert placed.outbox == [announce_reorder(order)]
    assert needy.store.entries == {order.reorder_id: placed.outbox[0]}
    state = needy.store.at(A)
    assert (order.reorder_id, state.cycle, state.on_order) == ("A:1", 1, order.recommended_order_quantity)
    assert (state.dirty, placed.still_dirty) == (0, set())
    assert metrics[Metric.REORDERS_DECIDED] == 1


async def test_the_published_entry_says_what_was_ordered_and_why(needy):
    [entry] = (await needy.decided(A)).outbox
    [order] = needy.store.orders.values()
    detail = json.loads(entry.detail)
    assert (entry.entry_id, entry.detail_type, entry.created_at) == ("A:1", "Reorder Required", NOW)
    assert detail["reorder_id"] == "A:1"
    assert detail["product_id"] == "A"
    assert detail["location_id"] is None
    assert detail["current_stock"] == 5
    assert detail["inventory_position"] == detail["current_stock"] + detail["on_order"]
    assert detail["inventory_position"] <= detail["reorder_point"] < detail["optimal_inventory"]
    needed = detail["optimal_inventory"] - detail["inventory_position"]
    assert detail["recommended_order_quantity"] == -(-max(needed, 12) // 6) * 6 == order.recommended_order_quantity
    assert {"urgency", "projected_stockout_on", "pack_size", "minimum_order_quantity", "as_of"} <= set(detail)


async def test_what_is_on_order_is_not_ordered_again(needy):
    await needy.decided(A)
    for n in range(5):
        await needy.sold(sale(A, f"more-{n}", 1, TODAY))
        assert (await needy.decided(A)).outbox == []
    assert list(needy.store.orders) == ["A:1"]


async def test_a_new_need_beyond_what_is_on_order_opens_the_next_cycle(needy):
    await needy.decided(A)
    needy.inventory.put(A, -200, NOW + 1)
    await needy.sold(sale(A, "rush", 205, TODAY))
    [entry] = (await needy.decided(A)).outbox
    detail = json.loads(entry.detail)
    assert entry.entry_id == "A:2"
    assert detail["on_order"] == needy.store.orders["A:1"].recommended_order_quantity
    assert detail["inventory_position"] == -200 + detail["on_order"]


async def test_enough_stock_asks_for_nothing_but_keeps_the_forecast(needy):
    needy.inventory.put(A, 10_000, NOW)
    placed = await needy.decided(A)
    assert (placed.outbox, needy.store.orders) == ([], {})
    [record] = placed.forecasts
    assert (record.product, record.forecast.as_of) == (A, TODAY)
    assert needy.store.at(A).forecast.totals == tuple(tuple(vars_of(t)) for t in record.forecast.totals)


def vars_of(total):
    return total.cover_days, total.mean, total.dispersion


async def test_unknown_stock_is_decided_without_an_order(deciding, metrics):
    await deciding.sold(*sold(A))
    placed = await deciding.decided(A)
    assert (placed.outbox, placed.still_dirty, len(placed.forecasts)) == ([], set(), 1)
    assert deciding.store.at(A).dirty == 0
    assert metrics[Metric.PRODUCTS_WITHOUT_STOCK] == 1


@pytest.mark.parametrize(
    "event",
    [
        ShipmentReceived(A, "shipment", NOW, "A:1", 6),
        ReorderCancelled(A, "cancel", NOW, "A:1"),
        StockChanged(A, "count", NOW + 5, 900),
    ],
)
async def test_a_product_that_moved_on_is_not_decided_and_stays_dirty(needy, event):
    """The stock that was read may or may not contain the shipment."""
    await needy.decided(A)
    await needy.sold(sale(A, "more", 1, TODAY))
    assessments = await needy.assessed(A)
    await needy.sold(event)
    before = needy.store.at(A)
    placed = await needy.place(assessments)
    assert (placed.still_dirty, placed.outbox, placed.forecasts) == ({A}, [], [])
    assert needy.store.at(A) == before
    assert before.dirty


async def test_sales_that_came_meanwhile_are_kept_and_keep_the_product_dirty(needy):
    assessments = await needy.assessed(A, B)
    await needy.sold(sale(A, "meanwhile", 7, TODAY))
    placed = await needy.place(assessments)
    assert placed.still_dirty == {A}
    state = needy.store.at(A)
    assert (state.dirty, state.units) == (1, 19 * 3 + 7)
    assert {entry.entry_id for entry in placed.outbox} == {"A:1", "B:1"}


@pytest.mark.parametrize("fault", [Fault.LOSE, Fault.FORGET])
async def test_a_product_that_lost_its_commit_stays_dirty_and_announces_nothing(needy, fault, metrics):
    assessments = await needy.assessed(A, B)
    needy.faults.plan("commit", fault)
    placed = await needy.place(assessments)
    assert placed.still_dirty == {A, B}
    assert (placed.outbox, placed.forecasts, placed.crossed) == ([], [], [])
    assert metrics[Metric.REORDERS_DECIDED] == 0
    # Assessed again it is decided once: if the first one took effect after all, it is known.
    await needy.decided(A, B)
    assert sorted(needy.store.orders) == ["A:1", "B:1"]
    assert sorted(needy.store.entries) == ["A:1", "B:1"]


async def test_a_timeout_after_success_orders_nothing_twice(needy):
    assessments = await needy.assessed(A)
    needy.faults.plan("commit", Fault.AFTER)
    with pytest.raises(TransientFailure):
        await needy.place(assessments)
    # A stale assessment decides nothing more, and a fresh one finds it on order.
    assert (await needy.place(assessments)).still_dirty == {A}
    assert (await needy.decided(A)).outbox == []
    assert list(needy.store.entries) == ["A:1"]


async def test_another_workers_decision_is_not_doubled(needy, clock, metrics):
    assessments = await needy.assessed(A)
    other = PlaceReorders(Products(needy.store, 10, 10**9), clock, metrics)
    assert len((await other(assessments)).outbox) == 1
    placed = await needy.place(assessments)
    assert (placed.outbox, placed.still_dirty) == ([], {A})
    assert list(needy.store.orders) == ["A:1"]


async def test_a_fall_into_a_worse_band_is_told_once_and_an_empty_shelf_again(needy):
    needy.inventory.put(A, 10_000, NOW)
    await needy.decided(A)
    needy.inventory.put(A, 2, NOW + 1)
    await needy.sold(sale(A, "rush", 1, TODAY))
    [crossed] = (await needy.decided(A)).crossed
    assert (crossed.decision.crossing.before, crossed.decision.crossing.after) == ("excess", "low")
    needy.inventory.put(A, 1, NOW + 2)
    await needy.sold(sale(A, "rush-2", 1, TODAY))
    assert (await needy.decided(A)).crossed == []
    needy.inventory.put(A, 0, NOW + 3)
    await needy.sold(sale(A, "rush-3", 1, TODAY))
    [crossed] = (await needy.decided(A)).crossed
    assert (crossed.decision.crossing.before, crossed.decision.crossing.after) == ("low", "out")


async def test_nothing_assessed_is_nothing_done(deciding):
    placed = await deciding.place([])
    assert (placed.still_dirty, placed.outbox) == (set(), [])
