"""Orders of a joined supplier wait, go out together on its day, once, and are all let go whatever fails on the way."""

from __future__ import annotations

import json

import pytest
from deciding_bench import TERMS, Deciding
from fakes.agenda import InMemoryAgenda
from fakes.clock import NOW, TODAY
from fakes.examples import A, B, sale
from fakes.faults import Fault
from fakes.order_books import InMemoryLeadTimes, InMemoryPurchases, InMemoryReminders
from fakes.parking import InMemoryParking

from domain.buying import EPOCH_WEEKDAY, Rule, RuleSet
from domain.events import OrderRejected
from handlers.current_rules import CurrentRules
from handlers.errors import TransientFailure
from handlers.metrics import Metric
from handlers.order_ports import OrderBooks
from handlers.place_reorders import PlaceReorders
from handlers.products import Products
from handlers.record_sales import RecordSales
from handlers.reforecast import Reforecast
from handlers.release_purchases import ReleasePurchases

TOMORROW = (TODAY + 1 + EPOCH_WEEKDAY) % 7


def rules(**said):
    acme = Rule(order_weekdays=(TOMORROW,), unit_cost_minor=100, lead_time_days=7, **said)
    return RuleSet("d", Rule(supplier="acme"), suppliers={"acme": acme})


class Bench(Deciding):
    """The deciding half, with a supplier that is ordered from tomorrow and then once a week."""

    def joined(self, ruled):
        self.current = CurrentRules(ruled)
        self.purchases = InMemoryPurchases(self.store, self.faults)
        self.books = OrderBooks(InMemoryReminders(self.faults), self.purchases, InMemoryLeadTimes())
        self.agenda = InMemoryAgenda(self.faults, self.clock)
        today = lambda: self.today  # noqa: E731 - the bench's calendar
        self.reforecast = Reforecast(
            self.products, self.inventory, self.forecaster, TERMS, today, self.watermark, self.clock, self.metrics,
            self.current,
        )  # fmt: skip
        self.place = PlaceReorders(self.products, self.clock, self.metrics, self.books)
        self.release_purchases = ReleasePurchases(
            self.purchases, self.current, self.record, self.agenda, self.relay, today, self.metrics, self.clock.now
        )
        return self

    async def release(self):
        return await self.release_purchases(self.products)

    async def released_elsewhere(self, today):
        """By another worker over the same store, with states and a calendar of its own."""
        products = Products(self.store, 1_000, 10**9)
        record = RecordSales(products, InMemoryParking(self.faults), self.clock, self.metrics, self.watermark)
        release = ReleasePurchases(
            self.purchases, self.current, record, self.agenda, self.relay, lambda: today, self.metrics, self.clock.now
        )
        return await release(products)


@pytest.fixture
def bench(clock, metrics, faults):
    return Bench(clock, metrics, faults)


async def in_need(bench, *keys):
    await bench.sold(*[sale(key, f"e-{key}-{age}", 3, TODAY - age) for key in keys for age in range(1, 20)])
    for key in keys:
        bench.inventory.put(key, 5, NOW)
    return await bench.decided(*keys)


def published(bench, kind):
    return [json.loads(entry.detail) for entry in bench.bus.published if entry.detail_type == kind]


async def test_orders_of_a_joined_supplier_are_proposed_and_wait(bench, metrics):
    placed = await in_need(bench.joined(rules()), A, B)
    assert {entry.detail_type for entry in placed.outbox} == {"Reorder Proposed"}
    assert {json.loads(entry.detail)["waits_for"] for entry in placed.outbox} == {"review"}
    assert metrics[Metric.ORDERS_PROPOSED] == 2
    assert {(line.product, line.cycle) for line in bench.purchases.lines.values()} == {(A, 1), (B, 1)}
    assert bench.store.at(A).on_order > 0
    assert await bench.release() == set(), "today it is not ordered from"


async def test_on_the_suppliers_day_all_that_waited_goes_out_in_one_purchase(bench):
    await in_need(bench.joined(rules()), A, B)
    bench.today = TODAY + 1
    assert await bench.release() == {A, B}
    [said] = published(bench, "Purchase Proposed")
    assert (said["proposal_id"], said["reason"]) == ("acme:2024-10-05", "minimum reached")
    quantities = {key: bench.store.at(key).on_order for key in (A, B)}
    assert said["value_minor"] == 100 * sum(quantities.values())
    assert [line["reorder_id"] for line in said["lines"]] == ["A:1", "B:1"]
    placed = await bench.decided(A, B)
    details = [json.loads(entry.detail) for entry in placed.outbox]
    assert {entry.detail_type for entry in placed.outbox} == {"Reorder Required"}
    assert {(d["reorder_id"], d["proposal_id"], d["supplier"]) for d in details} == {
        ("A:1", said["proposal_id"], "acme"),
        ("B:1", said["proposal_id"], "acme"),
    }
    assert {key: bench.store.at(key).on_order for key in (A, B)} == quantities
    assert (bench.purchases.lines, await bench.release()) == ({}, set())
    assert (await bench.decided(A, B)).outbox == []


async def test_below_the_minimum_all_wait_for_the_next_review_unless_a_product_would_run_out(bench):
    plenty = rules(minimum_order_value_minor=10**9)
    await in_need(bench.joined(plenty), A)
    [line] = bench.purchases.lines.values()
    bench.today = TODAY + 1
    assert line.stockout_on < TODAY + 8 + 7
    assert await bench.release() == {A}
    [said] = published(bench, "Purchase Proposed")
    assert "run out" in said["reason"]
    bench.purchases.made.clear()
    bench.purchases.lines[A, 9] = line._replace(cycle=9, stockout_on=TODAY + 30)
    assert await bench.release() == set()


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("make", Fault.BEFORE),
        ("make", Fault.AFTER),
        ("commit", Fault.LOSE),
        ("commit", Fault.FORGET),
        ("gone", Fault.BEFORE),
        ("gone", Fault.AFTER),
    ],
)
async def test_whatever_fails_on_the_way_each_order_goes_out_once(bench, call, fault):
    await in_need(bench.joined(rules()), A, B)
    bench.today = TODAY + 1
    bench.faults.plan(call, fault)
    for _ in range(3):
        try:
            await bench.release()
        except TransientFailure:
            continue
    sent = []
    for _ in range(3):
        sent += (await bench.decided(A, B)).outbox
    assert sorted(entry.entry_id for entry in sent) == ["A:1", "B:1"]
    assert bench.purchases.lines == {}
    assert len(bench.purchases.made) == 1
    assert len({said["proposal_id"] for said in published(bench, "Purchase Proposed")}) <= 1


async def test_another_workers_purchase_is_finished_and_not_made_again(bench):
    await in_need(bench.joined(rules()), A, B)
    bench.today = TODAY + 1
    mine = await bench.purchases.of("acme")
    other = bench.purchases.of

    async def as_it_was(supplier):
        bench.purchases.of = other
        return mine

    await bench.release()
    bench.purchases.of = as_it_was  # what this worker read before the other one was done
    assert await bench.release() <= {A, B}
    assert len(published(bench, "Purchase Proposed")) == 1
    assert len((await bench.decided(A, B)).outbox) == 2


async def test_an_order_that_is_not_committed_yet_is_in_no_purchase_and_goes_out_once_it_is(bench):
    """Another worker, for which the supplier's day has begun, reads the line between its writing and the commit."""
    bench.joined(rules())
    write, seen = bench.purchases.wait, []

    async def written_and_read(lines):
        await write(lines)
        seen.append(await bench.released_elsewhere(TODAY + 1))

    bench.purchases.wait = written_and_read
    await in_need(bench, A)
    bench.purchases.wait = write
    assert (seen, bench.purchases.made, list(bench.purchases.lines)) == ([set()], {}, [(A, 1)])
    bench.products.forget([A])
    await bench.decided(A)
    bench.today = TODAY + 1
    assert await bench.release() == {A}
    assert [entry.entry_id for entry in (await bench.decided(A)).outbox] == ["A:1"]


async def test_a_line_that_was_lost_is_written_again_by_the_next_decision_and_keeps_its_day(bench):
    await in_need(bench.joined(rules()), A)
    [line] = bench.purchases.lines.values()
    bench.purchases.lines.clear()
    bench.today = TODAY + 1
    await bench.sold(sale(A, "later", 1, TODAY))
    await bench.decided(A)
    assert [again.proposed_on for again in bench.purchases.lines.values()] == [line.proposed_on]
    assert await bench.release() == {A}


async def test_an_order_that_a_planner_rejected_is_in_no_purchase(bench):
    await in_need(bench.joined(rules()), A, B)
    await bench.sold(OrderRejected(A, "no", NOW, "A:1"))
    bench.today = TODAY + 1
    assert await bench.release() == {B}
    [said] = published(bench, "Purchase Proposed")
    assert [line["reorder_id"] for line in said["lines"]] == ["B:1"]
    assert bench.purchases.lines == {}


async def test_what_another_worker_committed_is_seen_though_an_older_state_is_cached(bench):
    await in_need(bench.joined(rules()), A)
    elsewhere = Products(bench.store, 1_000, 10**9)
    record = RecordSales(elsewhere, InMemoryParking(bench.faults), bench.clock, bench.metrics, bench.watermark)
    await record([OrderRejected(A, "no", NOW, "A:1")], lambda row: ("no", ""))
    bench.today = TODAY + 1
    assert await bench.release() == set()
    assert (bench.purchases.made, bench.purchases.lines) == ({}, {})


async def test_an_order_that_waits_is_sent_when_its_product_is_bought_from_another_supplier(bench):
    await in_need(bench.joined(rules()), A)
    bolt = Rule(order_weekdays=(TOMORROW,), unit_cost_minor=100, lead_time_days=7)
    bench.current.rules = RuleSet("d2", Rule(supplier="bolt"), suppliers={"bolt": bolt})
    await bench.sold(sale(A, "later", 1, TODAY))
    [sent] = [e for e in (await bench.decided(A)).outbox if e.detail_type == "Reorder Required"]
    assert (sent.entry_id, json.loads(sent.detail)["supplier"]) == ("A:1", "acme")


async def test_a_supplier_that_fails_keeps_no_other_one_waiting(bench):
    await in_need(bench.joined(rules()), A)
    acme = bench.current.rules.suppliers["acme"]
    bench.current.rules = RuleSet("d", Rule(supplier="acme"), suppliers={"aaa": acme, "acme": acme})
    bench.today = TODAY + 1
    read = bench.purchases.of

    async def failing(supplier):
        if supplier == "aaa":
            raise TransientFailure("not today")
        return await read(supplier)

    bench.purchases.of = failing
    assert await bench.release() == {A}
