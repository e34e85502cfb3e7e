"""An order that is overdue is found although its product sells nothing, is told of once, and is not ordered again."""

from __future__ import annotations

import json

import pytest
from deciding_bench import Deciding
from fakes.clock import NOW, TODAY
from fakes.examples import A, sale
from fakes.faults import Fault
from fakes.order_books import InMemoryLeadTimes, InMemoryPurchases, InMemoryReminders

from domain.events import MS_PER_DAY, OrderConfirmed, ProductFrozen, ShipmentReceived
from handlers.errors import TransientFailure
from handlers.look_again import LookAgain
from handlers.metrics import Metric
from handlers.order_ports import OrderBooks, Reminder
from handlers.place_reorders import PlaceReorders


@pytest.fixture
async def needy(clock, metrics, faults):
    """A sells well, has little, and was ordered today, to come in a week."""
    bench = Deciding(clock, metrics, faults)
    bench.reminders = InMemoryReminders(faults)
    books = OrderBooks(bench.reminders, InMemoryPurchases(bench.store), InMemoryLeadTimes())
    bench.place = PlaceReorders(bench.products, clock, metrics, books)
    bench.look_again = LookAgain(bench.products, bench.reminders, lambda: bench.today)
    await bench.sold(*[sale(A, f"e-{age}", 3, TODAY - age) for age in range(1, 20)])
    bench.inventory.put(A, 5, NOW)
    return bench


async def test_an_order_that_did_not_come_is_told_of_once_though_nothing_is_sold(needy, metrics):
    await needy.decided(A)
    assert needy.reminders.kept == {Reminder(A, TODAY + 8)}
    assert await needy.look_again() == set()
    needy.today = TODAY + 8
    assert await needy.look_again() == {A}
    [entry] = (await needy.decided(A)).outbox
    said = json.loads(entry.detail)
    assert (entry.detail_type, entry.entry_id) == ("Order Overdue", "A:1:overdue")
    assert (said["days_overdue"], said["outstanding"], said["status"]) == (1, needy.store.at(A).on_order, "requested")
    assert metrics[Metric.ORDERS_OVERDUE] == 1
    assert len(metrics.observed[Metric.SALE_TO_DECISION]) == 1  # no sale has waited for the second decision
    assert (await needy.look_again(), needy.reminders.kept) == (set(), set())
    assert list(needy.store.orders) == ["A:1"]


async def test_an_order_that_came_needs_no_look(needy):
    await needy.decided(A)
    quantity = needy.store.at(A).on_order
    await needy.sold(ShipmentReceived(A, "s", NOW, "A:1", quantity))
    needy.today = TODAY + 8
    assert (await needy.look_again(), needy.reminders.kept) == (set(), set())


async def test_a_day_that_the_supplier_moves_moves_the_look(needy):
    await needy.decided(A)
    quantity = needy.store.at(A).on_order
    await needy.sold(OrderConfirmed(A, "c", NOW, "A:1", quantity, TODAY + 20))
    await needy.decided(A)
    needy.today = TODAY + 8
    assert (await needy.look_again(), needy.reminders.kept) == (set(), {Reminder(A, TODAY + 21)})
    needy.today = TODAY + 21
    assert await needy.look_again() == {A}


async def test_no_order_is_committed_without_its_reminder(needy):
    needy.faults.plan("remind", Fault.BEFORE)
    with pytest.raises(TransientFailure):
        await needy.decided(A)
    assert (needy.store.orders, needy.store.at(A).dirty > 0) == ({}, True)
    await needy.decided(A)
    assert needy.reminders.kept == {Reminder(A, TODAY + 8)}


async def test_a_receipt_is_passed_on_with_how_long_it_took(needy, clock, metrics):
    heard = []
    needy.place = PlaceReorders(needy.products, clock, metrics, None, heard.extend)
    await needy.decided(A)
    await needy.sold(ShipmentReceived(A, "s", (TODAY + 9) * MS_PER_DAY, "A:1", 1))
    await needy.decided(A)
    assert [(arrival.days, arrival.lead_time_days) for arrival in heard] == [(9, 7)]


async def test_an_empty_shelf_is_looked_at_when_its_freeze_has_ended_though_nothing_is_sold(needy):
    await needy.sold(ProductFrozen(A, "f", NOW, TODAY + 2))
    assert (await needy.decided(A)).outbox == []
    assert needy.reminders.kept == {Reminder(A, TODAY + 3)}
    needy.today = TODAY + 2
    assert await needy.look_again() == set()
    needy.today = TODAY + 3
    assert await needy.look_again() == {A}
    assert [entry.entry_id for entry in (await needy.decided(A)).outbox] == ["A:1"]
    assert (await needy.look_again(), needy.reminders.kept) == (set(), {Reminder(A, TODAY + 11)})


async def test_a_freeze_without_an_end_leaves_no_reminder(needy):
    await needy.sold(ProductFrozen(A, "f", NOW, None))
    await needy.decided(A)
    assert needy.reminders.kept == set()
