"""The contract of a table's stream as a source when records are lost: that is told, and it goes on.

Records that were trimmed and shards that are gone are planned, and the day in which nobody reads is the clock's: no
stand-in has them on demand."""

from __future__ import annotations

import pytest
from contract_streams import Worker, names, number
from structlog.testing import capture_logs
from targets import trouble

from handlers.metrics import Metric
from worker.sources.shards.lineage import SHARD_END, TRIM_HORIZON
from worker.sources.shards.owned import FAILED_FIRST_S

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.no_fake]
PORT = "StreamSource"
EXPIRED = trouble.error("ExpiredIteratorException")
TRIMMED = trouble.error("TrimmedDataAccessException")
GONE = trouble.error("ResourceNotFoundException")


@pytest.fixture
def logs():
    with capture_logs() as entries:
        yield entries


def alarms(logs):
    return [entry for entry in logs if entry["event"] == "stream.trimmed"]


@pytest.mark.parametrize("operation", ["get_records", "get_shard_iterator"])
async def test_records_that_were_trimmed_are_an_alarm_and_it_goes_on_with_the_oldest_there_is(
    worker, till, world, logs, operation
):
    """Here nothing is really trimmed, so that what was read comes again."""
    await till.sell("a", "b")
    a, _ = await worker.received(2)
    await worker.settled([a])
    world.trouble.plan("get_records", *([EXPIRED] if operation == "get_shard_iterator" else []))
    world.trouble.plan(operation, TRIMMED)
    again = await worker.received(2)
    assert names(again) == ["a", "b"]
    [alarm] = alarms(logs)
    table = world.settings.stream_table
    lease = await till.lease()
    assert alarm["rebuild"] == f"restock rebuild --from-table {table} --missing-only"
    assert (alarm["log_level"], alarm["stream"], alarm["shard"]) == ("error", lease.stream, lease.shard_id)
    assert (alarm["checkpoint"], worker.metrics[Metric.STREAM_TRIMMED]) == (number(a), 1)
    assert worker.metrics.flushes == 1
    await worker.tend()
    assert await till.checkpoint() == TRIM_HORIZON
    await worker.settled(again)
    assert await till.checkpoint() == number(again[1])


async def test_a_worker_that_comes_back_after_a_trim_is_not_stuck(worker, till, world, logs):
    await till.sell("a")
    await worker.settled(await worker.received(1))
    await worker.source.hand_over()
    await till.sell("b")
    world.trouble.plan("get_shard_iterator", TRIMMED)
    other = Worker(world)
    assert names(await other.received(2)) == ["a", "b"]
    assert (len(alarms(logs)), other.metrics[Metric.STREAM_TRIMMED]) == (1, 1)


@pytest.mark.parametrize("operation", ["get_records", "get_shard_iterator"])
async def test_a_shard_that_is_listed_is_not_given_up_for_one_answer(worker, till, world, hurry, logs, operation):
    await till.sell("a")
    await worker.tend()
    world.trouble.plan(operation, GONE)
    assert await worker.source.receive(0) == []
    hurry(FAILED_FIRST_S)
    assert names(await worker.received(1)) == ["a"]
    assert alarms(logs) == []


@pytest.mark.parametrize("operation", ["get_records", "get_shard_iterator"])
async def test_a_shard_that_is_gone_is_an_alarm_and_at_its_end(worker, till, world, hurry, logs, operation):
    await till.sell("a")
    [a] = await worker.received(1)
    await worker.settled([a])
    world.trouble.plan("get_records", *([EXPIRED] if operation == "get_shard_iterator" else []))
    world.trouble.always(operation, GONE)
    world.trouble.always("describe_stream", GONE)
    hurry(worker.settings.discover_interval_s)
    await worker.ended(1)
    [alarm] = alarms(logs)
    assert f"gone, with whatever came after {number(a)}" in alarm["lost"]
    assert worker.metrics[Metric.STREAM_TRIMMED] == 1
    # Nobody waits for it any more.
    assert await Worker(world).nothing()


async def test_what_was_read_of_a_shard_that_is_gone_is_still_settled(worker, till, world, hurry):
    """It is here, and nowhere else any more."""
    await till.sell("a", "b")
    a, b = await worker.received(2)
    await worker.source.hand_back([a])
    world.trouble.always("get_records", GONE)
    world.trouble.always("describe_stream", GONE)
    hurry(worker.settings.discover_interval_s)
    await worker.tend()
    [again] = await worker.received(1)
    await worker.source.hand_back([again])
    assert await worker.source.receive(1) == []
    await worker.tend()
    assert await till.checkpoint() != SHARD_END
    hurry(5)
    [again] = await worker.received(1)
    assert names([again]) == ["a"]
    await worker.settled([again])
    assert await till.checkpoint() == number(a)
    await worker.settled([b])
    assert await till.checkpoint() == SHARD_END


async def test_a_day_in_which_nobody_looked_is_an_alarm_and_then_all_goes_on(worker, till, world, logs):
    await till.sell("a")
    await worker.settled(await worker.received(1))
    await worker.source.hand_over()
    late = Worker(world)
    late.clock.advance(25 * 3_600)
    await till.sell("b")
    assert names(await late.received(1)) == ["b"]
    [alarm] = alarms(logs)
    assert alarm["stream"] == (await till.lease()).stream
    assert "nobody looked for shards" in alarm["lost"]


async def test_a_shard_that_was_not_read_for_a_day_is_an_alarm_although_it_was_looked_at(worker, till, hurry, logs):
    await worker.tend()
    for _ in range(25):
        worker.clock.advance(3_600)
        hurry(worker.settings.discover_interval_s - 1)
        await worker.tend()
    await till.sell("a")
    messages = await worker.received(1)
    [alarm] = alarms(logs)
    assert alarm["shard"] == (await till.lease()).shard_id
    assert "the shard was not read" in alarm["lost"]
    await worker.settled(messages)
    assert await till.checkpoint() == number(messages[0])


async def test_a_table_that_has_no_stream_any_more_is_no_alarm(worker, till, world, hurry, logs):
    """Everything was read, and there is nothing to look for."""
    await till.sell("a")
    await worker.settled(await worker.received(1))
    await world.end_stream()
    await worker.ended(1)
    world.trouble.always("describe_stream", GONE)
    for _ in range(30):
        worker.clock.advance(3_600)
        hurry(worker.settings.discover_interval_s)
        await worker.tend()
    assert alarms(logs) == []
