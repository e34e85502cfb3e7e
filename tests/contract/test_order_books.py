"""The contract of what orders need beside their states: reminders by day, orders that wait, purchases that are made
once, receipts that add up."""

from __future__ import annotations

import pytest
import pytest_asyncio
from fakes.clock import NOW, TODAY, FakeClock
from fakes.examples import ODD_KEYS, A, B, C, entry
from fakes.order_books import InMemoryLeadTimes, InMemoryPurchases, InMemoryReminders
from fakes.state import InMemoryState

from domain.joint_purchases import Purchase, WaitingLine
from domain.lead_times import LeadTimes
from handlers.order_ports import OrderBooks, Reminder, Waiting
from worker.aws.order_books import DynamoLeadTimes, DynamoPurchases, DynamoReminders

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "OrderBooks"


@pytest.fixture
def clock():
    return FakeClock()


@pytest_asyncio.fixture(loop_scope="session")
async def books(kind, world, store, clock) -> OrderBooks:
    if kind == "fake":
        assert isinstance(store, InMemoryState)
        return OrderBooks(InMemoryReminders(), InMemoryPurchases(store), InMemoryLeadTimes(clock))
    client, table = world.clients.dynamodb, world.settings.state_table
    purchases = DynamoPurchases(client, table, clock, 10.0)
    return OrderBooks(DynamoReminders(client, table), purchases, DynamoLeadTimes(client, table, clock))


def line(product, cycle=1, supplier="acme", day=TODAY):
    return WaitingLine(supplier, product, cycle, 24, 2_400, TODAY + 5, 7, day)


def purchase(*lines, supplier="acme", day=TODAY + 1):
    return Purchase(f"{supplier}:{day}", supplier, day, 4_800, 0, "minimum reached", lines)


async def test_a_reminder_is_due_from_its_day_on_until_it_is_done(books):
    reminders = [Reminder(key, TODAY + n % 3) for n, key in enumerate(ODD_KEYS)]
    await books.reminders.add([*reminders, *reminders])
    assert await books.reminders.due(TODAY - 1, 100) == []
    assert set(await books.reminders.due(TODAY + 1, 100)) == {r for r in reminders if r.day <= TODAY + 1}
    assert len(await books.reminders.due(TODAY + 9, 5)) == 5
    await books.reminders.done([*reminders[:4], *reminders[:4], Reminder(A, 7)])
    assert set(await books.reminders.due(TODAY + 9, 100)) == set(reminders[4:])


async def test_orders_wait_each_for_its_supplier_until_they_are_gone(books):
    lines = [line(A), line(A, 2), line(B), line(C, supplier="a#b")]
    await books.purchases.wait(lines)
    await books.purchases.wait(lines[:1])
    assert set((await books.purchases.of("acme")).lines) == set(lines[:3])
    assert (await books.purchases.of("a#b")).lines == (lines[3],)
    await books.purchases.gone(lines[:2])
    assert await books.purchases.of("acme") == Waiting((lines[2],), ())
    assert await books.purchases.of("nobody") == Waiting((), ())


async def test_a_purchase_is_made_once_with_the_entry_that_tells_of_it(books, store):
    await books.purchases.wait([line(A), line(B)])
    made, told = purchase(line(A), line(B)), entry("acme:1", NOW - 5)
    assert await books.purchases.make(made, told)
    assert not await books.purchases.make(purchase(line(B)), entry("acme:2", NOW - 5))
    assert (await books.purchases.of("acme")).purchases == (made,)
    assert await store.outbox(NOW, 10) == [told]
    other = purchase(line(A), day=TODAY + 8)
    assert await books.purchases.make(other, entry("acme:3", NOW - 5))
    assert set((await books.purchases.of("acme")).purchases) == {made, other}


async def test_receipts_of_several_workers_add_up(books):
    await books.lead_times.add({"acme": LeadTimes({3: 2, 7: 1}), "other": LeadTimes({1: 1}), "none": LeadTimes({})})
    await books.lead_times.add({"acme": LeadTimes({7: 4, 180: 1})})
    read = await books.lead_times.read(["acme", "none", "acme"])
    assert read == {"acme": LeadTimes({3: 2, 7: 5, 180: 1})}


async def test_what_was_seen_more_than_a_year_ago_is_seen_no_longer(books, clock):
    await books.lead_times.add({"acme": LeadTimes({20: 5}), "gone": LeadTimes({1: 1})})
    clock.advance(300 * 86_400)
    await books.lead_times.add({"acme": LeadTimes({3: 2})})
    assert await books.lead_times.read(["acme"]) == {"acme": LeadTimes({3: 2, 20: 5})}
    clock.advance(200 * 86_400)
    assert await books.lead_times.read(["acme", "gone"]) == {"acme": LeadTimes({3: 2})}
