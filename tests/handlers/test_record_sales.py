"""Each event is counted once, whatever the store and the parking place do."""

from __future__ import annotations

import asyncio

import pytest
from fakes.clock import NOW, TODAY
from fakes.examples import A, B, C, first_change, sale
from fakes.faults import Fault
from fakes.parking import InMemoryParking
from fakes.state import InMemoryState

from domain.buckets import HORIZON_DAYS
from domain.events import MS_PER_DAY, SaleCorrected, StockChanged
from domain.folding import fold
from domain.product import Outcome
from handlers.errors import Misconfigured
from handlers.metrics import Metric
from handlers.ports import Change, LateSale
from handlers.products import Products
from handlers.record_sales import (
    ATTEMPTS_MAX,
    EVENTS_PER_COMMIT_MAX,
    REASONS,
    RETRY_WAIT_MAX_S,
    RecordSales,
)
from handlers.watermark import Watermark

APPLIED, DUPLICATE, LATE, CONFLICT = Outcome.APPLIED, Outcome.DUPLICATE, Outcome.LATE, Outcome.CONFLICT


def incoming(*events):
    return events, lambda row: (f"m-{row}", f"line of {events[row].event_id}")


class Bench:
    def __init__(self, clock, metrics, faults) -> None:
        self.faults = faults
        self.store = InMemoryState(faults)
        self.parking = InMemoryParking(faults)
        self.clock, self.metrics, self.watermark = clock, metrics, Watermark()
        self.products = Products(self.store, 1_000, 10**9)
        self.record = RecordSales(self.products, self.parking, clock, metrics, self.watermark)

    async def __call__(self, *events) -> object:
        return await self.record(*incoming(*events))

    def units(self, key=A):
        return self.store.at(key).units


@pytest.fixture
def bench(clock, metrics, faults):
    return Bench(clock, metrics, faults)


async def test_a_batch_of_many_products_is_counted_and_makes_them_dirty(bench):
    outcomes, dirty = await bench(sale(A, "1", 2), sale(B, "2", 3), sale(A, "3", -1), sale(C, "4"))
    assert outcomes == [APPLIED] * 4
    assert dirty == {A, B, C}
    assert (bench.units(A), bench.units(B), bench.units(C)) == (1, 3, 1)
    assert bench.store.at(A).version == 1
    assert bench.watermark.day == TODAY


async def test_an_empty_batch_touches_nothing(bench):
    assert await bench() == ([], set())
    assert bench.faults.calls == []


async def test_an_event_sent_twice_in_a_batch_is_counted_once(bench):
    outcomes, _ = await bench(sale(A, "1", 2), sale(B, "1", 2), sale(A, "1", 2))
    assert outcomes == [APPLIED, APPLIED, DUPLICATE]
    assert bench.units() == 2


async def test_an_event_of_an_earlier_batch_is_counted_once_and_commits_nothing(bench):
    await bench(sale(A, "1", 2))
    outcomes, dirty = await bench(sale(A, "1", 2))
    assert (outcomes, dirty) == ([DUPLICATE], {A})
    assert bench.units() == 2
    assert len(bench.store.commits) == 1


async def test_a_duplicate_is_known_to_a_worker_that_never_saw_it(bench, clock, metrics):
    await bench(sale(A, "1", 2))
    other = RecordSales(Products(bench.store, 10, 10**9), bench.parking, clock, metrics, Watermark())
    outcomes, _ = await other(*incoming(sale(A, "1", 2)))
    assert outcomes == [DUPLICATE]
    assert bench.units() == 2


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.LOSE, Fault.OVERLOADED])
async def test_a_commit_without_effect_is_decided_anew(bench, fault):
    bench.faults.plan("commit", fault, fault)
    outcomes, _ = await bench(sale(A, "1", 2), sale(B, "2", 3))
    assert outcomes == [APPLIED, APPLIED]
    assert (bench.units(A), bench.units(B)) == (2, 3)
    assert bench.metrics[Metric.COMMIT_RETRIES] == 4


@pytest.mark.parametrize("fault", [Fault.AFTER, Fault.FORGET])
async def test_a_commit_of_unknown_effect_is_not_counted_twice(bench, fault):
    bench.faults.plan("commit", fault)
    outcomes, dirty = await bench(sale(A, "1", 2), sale(B, "2", 3))
    # The ledger in the state says that they are counted.
    assert outcomes == [DUPLICATE, DUPLICATE]
    assert dirty == {A, B}
    assert (bench.units(A), bench.units(B)) == (2, 3)


async def test_a_state_that_cannot_be_read_is_read_again(bench):
    bench.faults.plan("load", Fault.BEFORE, Fault.OVERLOADED)
    outcomes, _ = await bench(sale(A, "1"))
    assert outcomes == [APPLIED]


async def test_another_workers_commit_is_not_overwritten(bench):
    await bench(sale(A, "1", 2))
    # The other one commits on top of it; what this worker has in its cache is now stale.
    other = Products(bench.store, 10, 10**9)
    record = RecordSales(other, bench.parking, bench.clock, bench.metrics, Watermark())
    assert (await record(*incoming(sale(A, "2", 5))))[0] == [APPLIED]
    outcomes, _ = await bench(sale(A, "3", 7), sale(A, "2", 5))
    assert outcomes == [APPLIED, DUPLICATE]
    assert bench.units() == 14


async def test_of_products_in_one_call_only_the_stale_one_is_tried_again(bench):
    await bench(sale(A, "1"), sale(B, "2"))
    await bench.store.commit([_on(bench.store.at(A), sale(A, "9", 9))])
    await bench(sale(A, "3"), sale(B, "4"))
    assert [c.state.key for c in bench.store.commits[3:]] == [B, A]
    assert (bench.units(A), bench.units(B)) == (11, 2)


def _on(state, event):
    """Another writer's commit of this event."""
    return Change(fold(state, [event], NOW).state)


async def test_what_cannot_be_committed_has_no_outcome(bench):
    bench.faults.plan("commit", *[Fault.LOSE] * ATTEMPTS_MAX)
    outcomes, dirty = await bench(sale(A, "1"))
    assert (outcomes, dirty) == ([None], set())
    assert bench.units() == 0
    # And the next delivery of it is counted.
    assert (await bench(sale(A, "1")))[0] == [APPLIED]


async def test_waits_between_attempts_grow_and_end(bench):
    bench.faults.plan("commit", *[Fault.BEFORE] * ATTEMPTS_MAX)
    await bench(sale(A, "1"))
    waits = bench.clock.sleeps
    assert waits == sorted(waits)
    assert max(waits) <= RETRY_WAIT_MAX_S
    assert len(waits) == ATTEMPTS_MAX


async def test_a_misconfiguration_is_not_retried(bench):
    bench.faults.plan("commit", Fault.MISCONFIGURED)
    with pytest.raises(Misconfigured):
        await bench(sale(A, "1"))
    assert (await bench(sale(A, "1")))[0] == [APPLIED]


async def test_another_payload_under_a_counted_id_is_quarantined_as_it_came(bench, clock):
    await bench(sale(A, "1", 2))
    outcomes, _ = await bench(sale(A, "1", 3), sale(A, "2", 1))
    assert outcomes == [CONFLICT, APPLIED]
    assert bench.units() == 3
    [record] = bench.parking.quarantined.values()
    assert (record.record_id, record.reason, record.body) == ("m-0", REASONS[CONFLICT], "line of 1")


async def test_the_line_is_asked_for_only_if_it_is_kept(bench):
    def never(_):
        raise AssertionError("asked for the line of a good event")

    await bench.record([sale(A, "1")], never)


async def test_a_late_sale_is_kept_aside_and_not_counted(bench, clock):
    edge = sale(A, "edge", 1, TODAY - HORIZON_DAYS)
    late = sale(A, "late", 1, TODAY - HORIZON_DAYS - 1)
    await bench(sale(A, "1", 2, TODAY))
    outcomes, _ = await bench(late, edge)
    assert outcomes == [LATE, APPLIED]
    assert bench.units() == 3
    assert bench.parking.late_sales == {(A, "late"): LateSale(late, clock.now())}


def correction(event_id, quantity, day=TODAY):
    return SaleCorrected(A, event_id, day * MS_PER_DAY, 0, quantity, 100 * quantity, 0, 0, 0)


async def test_a_correction_is_counted_once(bench):
    outcomes, dirty = await bench(sale(A, "1", 6), correction("c", -2), correction("c", -2))
    assert (outcomes, dirty) == ([APPLIED, APPLIED, DUPLICATE], {A})
    assert bench.units() == 4
    assert (await bench(correction("c", -3)))[0] == [CONFLICT]
    assert [record.body for record in bench.parking.quarantined.values()] == ["line of c"]


async def test_a_late_correction_is_kept_aside_and_not_counted(bench, clock):
    edge, late = correction("edge", -1, TODAY - HORIZON_DAYS), correction("late", -1, TODAY - HORIZON_DAYS - 1)
    await bench(sale(A, "1", 2, TODAY))
    outcomes, _ = await bench(late, edge)
    assert outcomes == [LATE, APPLIED]
    assert bench.units() == 1
    assert bench.parking.late_sales == {(A, "late"): LateSale(late, clock.now())}


async def test_a_late_correction_that_could_not_be_kept_aside_has_no_outcome(bench):
    await bench(sale(A, "1", 2, TODAY))
    bench.faults.plan("late", Fault.BEFORE)
    assert (await bench(correction("c", -1, TODAY - 99)))[0] == [None]
    assert (await bench(correction("c", -1, TODAY - 99)))[0] == [LATE]


async def test_the_order_within_a_batch_makes_nothing_late(bench):
    newer, older = sale(A, "1", 1, TODAY), sale(A, "2", 1, TODAY - 60)
    assert (await bench(newer, older))[0] == [APPLIED, APPLIED]


async def test_late_is_judged_by_the_products_own_newest_day(bench):
    await bench(sale(A, "1", 1, TODAY))
    assert (await bench(sale(B, "2", 1, TODAY - 300)))[0] == [APPLIED]


async def test_an_event_that_is_no_sale_is_never_late(bench):
    await bench(sale(A, "1", 1, TODAY))
    assert (await bench(StockChanged(A, "s", 0, 5)))[0] == [APPLIED]
    assert bench.store.at(A).stock.level == 5


@pytest.mark.parametrize("call", ["quarantine", "late"])
async def test_what_could_not_be_kept_aside_has_no_outcome(bench, call):
    await bench(sale(A, "1", 2))
    bench.faults.plan(call, Fault.AFTER)
    events = sale(A, "1", 3), sale(A, "old", 1, TODAY - 99), sale(A, "2", 1)
    outcomes, dirty = await bench(*events)
    assert outcomes == [None, None, APPLIED]
    assert dirty == {A}
    # It comes again, is kept aside once, and the counted one is recognised.
    outcomes, _ = await bench(*events)
    assert outcomes == [CONFLICT, LATE, DUPLICATE]
    assert (len(bench.parking.quarantined), len(bench.parking.late_sales)) == (1, 1)
    assert bench.units() == 3


async def test_batches_of_one_product_wait_for_each_other_and_lose_no_commit(bench):
    batches = [[sale(A, f"{n}-{i}") for i in range(3)] for n in range(10)]
    results = await asyncio.gather(*(bench(*batch) for batch in batches))
    assert all(outcomes == [APPLIED] * 3 for outcomes, _ in results)
    assert bench.units() == 30
    assert bench.metrics[Metric.COMMIT_RETRIES] == 0


async def test_workers_that_share_products_count_each_event_once(clock, metrics, faults):
    store, parking = InMemoryState(faults), InMemoryParking(faults)
    workers = [RecordSales(Products(store, 10, 10**9), parking, clock, metrics, Watermark()) for _ in range(3)]
    faults.plan("commit", None, Fault.AFTER, Fault.LOSE, Fault.BEFORE, None, Fault.FORGET, Fault.AFTER)
    events = [sale(key, f"{key}-{n}", n) for key in (A, B, C) for n in range(20)]
    # Every event is delivered to two workers.
    deliveries = [(w, events[at : at + 7]) for at in range(0, len(events), 7) for w in (at % 3, (at + 1) % 3)]
    outcomes = await asyncio.gather(*(workers[w](*incoming(*part)) for w, part in deliveries))
    assert not any(outcome is None for said, _ in outcomes for outcome in said)
    assert {key: store.at(key).units for key in (A, B, C)} == dict.fromkeys((A, B, C), sum(range(20)))
    assert {key: store.at(key).sales for key in (A, B, C)} == dict.fromkeys((A, B, C), 20)


async def test_more_of_one_product_than_a_commit_may_hold_goes_in_several(bench):
    events = [sale(A, f"e{n}") for n in range(EVENTS_PER_COMMIT_MAX + 10)]
    outcomes, dirty = await bench(*events, events[0], sale(B, "b"))
    assert outcomes == [APPLIED] * len(events) + [DUPLICATE, APPLIED]
    assert (bench.units(), bench.store.at(A).version, dirty) == (len(events), 2, {A, B})


async def test_first_change_is_what_a_worker_would_write(bench):
    await bench(sale(A, "e1"))
    assert bench.store.commits == [first_change(A)]
