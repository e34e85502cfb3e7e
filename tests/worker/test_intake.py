"""A message is acknowledged only when each of its lines is counted or kept aside."""

from __future__ import annotations

import json

import pytest
from fakes.agenda import InMemoryAgenda
from fakes.clock import NOW
from fakes.examples import A, B
from fakes.faults import Fault
from fakes.metrics import RecordedMetrics
from fakes.parking import InMemoryParking
from fakes.state import InMemoryState

from domain.events import ProductKey
from handlers.errors import InvalidEvent, Misconfigured, TransientFailure
from handlers.metrics import Metric
from handlers.products import Products
from handlers.record_sales import ATTEMPTS_MAX, RecordSales
from handlers.watermark import Watermark
from worker.intake import Batch, Intake
from worker.sources.source import Message


def line(event_id, product="A", quantity=1, **said):
    return {"event_id": event_id, "product_id": product, "quantity": quantity, "date": "2024-10-01", **said}


def message(name, *lines):
    body = lines[0] if len(lines) == 1 and isinstance(lines[0], str) else json.dumps(list(lines))
    return Message(name, f"receipt of {name}", body)


class Bodies:
    """Bodies as they are; those named here cannot be had."""

    def __init__(self) -> None:
        self.errors = {}

    async def of(self, body):
        if body in self.errors:
            raise self.errors[body]
        return body


class Bench:
    def __init__(self, clock, metrics, faults) -> None:
        self.store, self.parking = InMemoryState(faults), InMemoryParking(faults)
        self.agenda = InMemoryAgenda(faults, clock)
        self.bodies, self.faults, self.metrics = Bodies(), faults, metrics
        record = RecordSales(Products(self.store, 100, 10**9), self.parking, clock, metrics, Watermark())
        self.intake = Intake(self.bodies, record, self.agenda, self.parking, clock, metrics, {"product_id": "sku"})

    async def __call__(self, *messages) -> object:
        batch = Batch()
        for message in messages:
            await self.intake.add(batch, message)
        return await self.intake.settle(batch)


@pytest.fixture
def bench(clock, metrics, faults):
    return Bench(clock, metrics, faults)


def counted(metrics: RecordedMetrics):
    names = Metric.SALES_APPLIED, Metric.SALES_DUPLICATE, Metric.SALES_LATE, Metric.SALES_QUARANTINED
    assert metrics[Metric.SALES_RECEIVED] == sum(metrics[name] for name in names)
    return tuple(metrics[name] for name in names)


async def test_good_messages_are_counted_and_done(bench, metrics):
    messages = [message("m1", line("1"), line("2", "B", 5)), message("m2", line("3"))]
    settled = await bench(*messages)
    assert (settled.done, settled.handed_back, settled.dirty) == (messages, [], {A, B})
    assert (bench.store.at(A).units, bench.store.at(B).units) == (2, 5)
    assert counted(metrics) == (3, 0, 0, 0)
    assert metrics[Metric.MESSAGES] == 2


async def test_bad_lines_are_kept_with_reason_and_body_and_the_message_is_done(bench, metrics):
    good = message("m1", line("1"), line("2", quantity=1e30), "text")
    bad = message("m2", "not json")
    settled = await bench(good, bad)
    assert settled.done == [good, bad]
    kept = bench.parking.quarantined
    assert set(kept) == {"m1-1", "m1-2", "m2"}
    assert kept["m2"].body == "not json"
    assert json.loads(kept["m1-1"].body) == line("2", quantity=1e30)
    assert all(record.reason and record.received_at == NOW for record in kept.values())
    assert counted(metrics) == (1, 0, 0, 3)


async def test_a_message_whose_bad_line_could_not_be_kept_is_handed_back(bench, metrics):
    mixed, bad, good = message("m1", line("1"), "text"), message("m2", "not json"), message("m3", line("3"))
    bench.faults.plan("quarantine", Fault.BEFORE)
    settled = await bench(mixed, bad, good)
    assert (settled.done, settled.handed_back) == ([good], [mixed, bad])
    assert bench.store.at(A).units == 2
    # When it comes again its counted lines are known.
    settled = await bench(mixed, bad)
    assert settled.done == [mixed, bad]
    assert bench.store.at(A).units == 2
    assert counted(metrics) == (2, 1, 0, 2)


async def test_a_message_with_an_unsettled_line_is_handed_back_whole(bench, metrics):
    bench.faults.plan("commit", *[Fault.LOSE] * ATTEMPTS_MAX)
    messages = [message("m1", line("1"), line("2", "B")), message("m2", "not json")]
    settled = await bench(*messages)
    assert (settled.done, settled.handed_back, settled.dirty) == (messages[1:], messages[:1], set())
    assert counted(metrics) == (0, 0, 0, 1)
    assert (await bench(messages[0])).done == [messages[0]]
    assert counted(metrics) == (2, 0, 0, 1)


async def test_a_conflicting_line_that_could_not_be_kept_is_handed_back(bench, metrics):
    await bench(message("m1", line("1")))
    bench.faults.plan("quarantine", Fault.AFTER)
    other = message("m2", line("1", quantity=7), line("2"))
    assert (await bench(other)).handed_back == [other]
    assert (await bench(other)).done == [other]
    assert [record.record_id for record in bench.parking.quarantined.values()] == ["m2-0"]
    assert bench.store.at(A).units == 2


async def test_every_kind_of_outcome_is_counted_once(bench, metrics):
    await bench(message("m1", line("1")))
    await bench(message("m2", line("1"), line("1", quantity=9), line("2", date="2024-01-01"), line("3"), "text"))
    assert counted(metrics) == (2, 1, 1, 2)


async def test_events_that_are_no_sales_are_not_counted_as_sales(bench, metrics):
    stock = {"type": "stock_changed", "product_id": "A", "event_id": "s", "occurred_at": "2024-10-01", "level": 4}
    settled = await bench(message("m1", stock, stock))
    assert (len(settled.done), settled.dirty) == (1, {A})
    assert metrics[Metric.OTHER_APPLIED] == 1
    assert counted(metrics) == (0, 0, 0, 0)


async def test_the_products_stand_on_the_agenda_before_they_are_committed(bench):
    """Whoever is killed between the two must not leave an order undone."""
    await bench(message("m1", line("1")))
    said = [call for call in bench.faults.calls if call in ("add", "commit")]
    assert said == ["add", "commit"]
    assert await bench.agenda.due(2**50, 10) == [A]


async def test_of_a_batch_that_fails_all_products_stay_on_the_agenda(bench):
    bench.faults.plan("commit", Fault.MISCONFIGURED)
    with pytest.raises(Misconfigured):
        await bench(message("m1", line("1")))
    assert await bench.agenda.due(2**50, 10) == [A], "some of it may be durable all the same"


def record(name, event_id, **images):
    """A record of the stream of a table that says sku for product_id."""
    said = {
        which: {"sku": {"S": "A"}, "date": {"S": f"{day}#e1"}, "quantity": {"N": str(quantity)}}
        for which, (day, quantity) in images.items()
    }
    return json.dumps({"eventID": event_id, "eventName": name, "dynamodb": said})


async def test_a_sale_and_its_corrections_come_by_the_stream_of_a_table(bench, metrics):
    six, four = ("2024-10-01", 6), ("2024-10-01", 4)
    settled = await bench(
        message("m1", record("INSERT", "x1", NewImage=six)),
        message("m2", record("MODIFY", "x2", OldImage=six, NewImage=four)),
        message("m3", record("MODIFY", "x2", OldImage=six, NewImage=four)),
    )
    assert (len(settled.done), settled.dirty) == (3, {A})
    assert (bench.store.at(A).sales, bench.store.at(A).units) == (1, 4)
    assert counted(metrics) == (1, 0, 0, 0)
    assert metrics[Metric.OTHER_APPLIED] == 1, "a correction is no sale"
    await bench(message("m4", record("REMOVE", "x3", OldImage=four)))
    assert (bench.store.at(A).sales, bench.store.at(A).units) == (0, 0)


async def test_a_late_correction_is_kept_aside_and_its_message_done(bench, metrics):
    await bench(message("m1", line("1")))
    late = message("m2", record("REMOVE", "x1", OldImage=("2024-06-01", 6)))
    assert (await bench(late)).done == [late]
    assert list(bench.parking.late_sales) == [(A, "x1")]
    assert counted(metrics) == (1, 0, 0, 0)
    assert metrics[Metric.OTHER_APPLIED] == 0


async def test_a_message_that_changes_nothing_is_settled_like_any_other(bench, metrics):
    six = ("2024-10-01", 6)
    idle = message("m1", record("MODIFY", "x1", OldImage=six, NewImage=six))
    bad = message("m2", record("MODIFY", "x2", NewImage=six))
    settled = await bench(idle, bad)
    assert (settled.done, settled.handed_back, settled.dirty) == ([idle, bad], [], set())
    assert bench.parking.quarantined["m2"].body == bad.body
    assert counted(metrics) == (0, 0, 0, 1)
    assert (await bench(idle)).done == [idle]
    assert metrics[Metric.MESSAGES] == 3


async def test_the_lag_is_not_that_of_a_correction_which_bears_its_sales_time(bench, metrics):
    await bench(message("m1", record("REMOVE", "x1", OldImage=("2024-09-01", 6))))
    assert metrics.observed[Metric.EVENT_LAG] == []


async def test_a_body_that_is_not_to_be_had_is_quarantined_as_its_pointer(bench):
    gone = message("m1", "pointer")
    bench.bodies.errors["pointer"] = InvalidEvent("the body does not exist")
    assert (await bench(gone, message("m2", line("1")))).done[0] == gone
    [record] = bench.parking.quarantined.values()
    assert (record.record_id, record.reason, record.body) == ("m1", "the body does not exist", "pointer")


@pytest.mark.parametrize("error", [TransientFailure("S3 is away"), Misconfigured("AccessDenied")])
async def test_a_body_that_is_not_to_be_had_now_is_handed_back_and_the_others_go_on(bench, error):
    bench.bodies.errors["pointer"] = error
    away, good = message("m1", "pointer"), message("m2", line("1"))
    settled = await bench(away, good)
    assert (settled.done, settled.handed_back) == ([good], [away])


async def test_a_bucket_that_is_missing_holds_back_only_the_messages_that_need_it(bench, metrics):
    bench.faults.plan("quarantine", Fault.MISCONFIGURED)
    settled = await bench(message("good", line("1")), message("bad", line("2", quantity="many")))
    assert [m.message_id for m in settled.done] == ["good"]
    assert [m.message_id for m in settled.handed_back] == ["bad"]
    assert counted(metrics) == (1, 0, 0, 0)


async def test_a_product_that_is_refused_holds_back_only_its_own_messages(bench, metrics):
    bench.store.refused.add(ProductKey("NEWER"))
    settled = await bench(message("newer", line("1", "NEWER")), message("other", line("2")))
    assert [m.message_id for m in settled.done] == ["other"]
    assert [m.message_id for m in settled.handed_back] == ["newer"]
    assert counted(metrics) == (1, 0, 0, 0)


async def test_counts_are_written_before_anybody_can_acknowledge(bench, metrics):
    await bench(message("m1", line("1")))
    assert metrics.flushes == 1


async def test_a_misconfiguration_acknowledges_nothing(bench, metrics):
    bench.faults.plan("commit", Fault.MISCONFIGURED)
    with pytest.raises(Misconfigured):
        await bench(message("m1", line("1")))
    assert metrics.flushes == 0


async def test_the_lag_is_that_of_the_newest_event(bench, metrics):
    await bench(message("m1", line("1", date="2024-10-03"), line("2", date="2024-09-01")))
    assert metrics.observed[Metric.EVENT_LAG] == [NOW - 1_727_913_600_000]
    assert metrics.observed[Metric.BATCH_SALES] == [2]


async def test_an_empty_batch_is_settled(bench):
    settled = await bench()
    assert (settled.done, settled.handed_back, settled.dirty) == ([], [], set())
