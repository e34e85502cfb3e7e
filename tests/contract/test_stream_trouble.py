"""The contract of a table's stream as a source when calls fail: nothing is lost, nothing is repeated, and one failure
does not keep the rest from going on."""

from __future__ import annotations

import pytest
from contract_streams import names, number, said_of
from targets import trouble

from handlers.errors import Overloaded, TransientFailure
from handlers.metrics import Metric
from worker.sources.shards.leasing import DISCOVER_AGAIN_S
from worker.sources.shards.lineage import TRIM_HORIZON
from worker.sources.shards.owned import FAILED_FIRST_S

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.no_fake]
PORT = "StreamSource"
EXPIRED = trouble.error("ExpiredIteratorException")
GONE = trouble.error("ResourceNotFoundException")
REFUSED = trouble.error("AccessDeniedException")
THROTTLES = [trouble.error("LimitExceededException"), trouble.error("ThrottlingException")]


def iterators(world):
    """Where each iterator that was asked for begins."""
    said = world.trouble.said("get_shard_iterator")
    return [each.get("SequenceNumber", each["ShardIteratorType"]) for each in said]


async def test_an_iterator_that_has_run_out_is_renewed_and_nothing_is_lost_or_repeated(worker, till, world):
    await till.sell("a", "b")
    _, b = await worker.received(2)
    await till.sell("c")
    world.trouble.plan("get_records", EXPIRED)
    assert names(await worker.received(1)) == ["c"]
    assert iterators(world) == [TRIM_HORIZON, number(b)]
    assert worker.metrics[Metric.STREAM_TRIMMED] == 0


async def test_an_iterator_that_runs_out_before_its_first_read_begins_where_it_began(worker, till, world):
    await till.sell("a")
    world.trouble.plan("get_records", EXPIRED, EXPIRED)
    assert names(await worker.received(1)) == ["a"]
    assert iterators(world) == [TRIM_HORIZON] * 3


@pytest.mark.parametrize("operation", ["get_records", "get_shard_iterator"])
@pytest.mark.parametrize("fault", THROTTLES, ids=["limit", "throttled"])
async def test_a_shard_that_is_throttled_waits_a_little(worker, till, world, hurry, operation, fault):
    await till.sell("a")
    await worker.tend()
    world.trouble.plan(operation, fault)
    assert await worker.source.receive(0) == []
    asked = len(world.trouble.said(operation))
    assert await worker.source.receive(0) == []
    assert len(world.trouble.said(operation)) == asked
    hurry(FAILED_FIRST_S)
    assert names(await worker.received(1)) == ["a"]


@pytest.mark.parametrize("operation", ["get_records", "get_shard_iterator"])
@pytest.mark.parametrize(
    "fault",
    [trouble.lost_answer, trouble.lost_request, trouble.error("InternalServerError", 500), REFUSED],
    ids=["answer lost", "request lost", "server error", "refused"],
)
async def test_a_read_that_fails_is_done_again(worker, till, world, hurry, operation, fault):
    await till.sell("a", "b")
    await worker.tend()
    world.trouble.plan(operation, fault)
    assert await worker.source.receive(0) == []
    hurry(FAILED_FIRST_S)
    messages = await worker.received(2)
    assert names(messages) == ["a", "b"]
    await worker.settled(messages)
    assert await worker.nothing()
    assert await till.checkpoint() == number(messages[1])


async def test_a_shard_that_is_refused_does_not_keep_the_others_from_being_read(worker, till, world, hurry):
    await till.sell("old")
    [old] = await worker.received(1)
    await till.renew_stream()
    await till.sell("new")
    hurry(worker.settings.discover_interval_s)
    await worker.received(1)
    world.trouble.plan("get_records", EXPIRED, EXPIRED)
    world.trouble.always("get_shard_iterator", trouble.only_where(REFUSED, StreamArn=said_of(old)["eventSourceARN"]))
    await till.sell("newer")
    await worker.tend()
    found = await worker.source.receive(1) or await worker.source.receive(1)
    assert names(found) == ["newer"]


@pytest.mark.parametrize("operation", ["list_streams", "describe_stream"])
@pytest.mark.parametrize("fault", [*THROTTLES, trouble.lost_request], ids=["limit", "throttled", "lost"])
async def test_shards_that_cannot_be_listed_are_looked_for_again(worker, till, world, hurry, operation, fault):
    await till.sell("a")
    world.trouble.plan(operation, fault)
    with pytest.raises(TransientFailure):
        await worker.tend()
    await worker.tend()
    assert len(world.trouble.said(operation)) == 1
    hurry(DISCOVER_AGAIN_S)
    assert names(await worker.received(1)) == ["a"]


async def test_while_no_shards_can_be_listed_those_that_are_ours_are_read_and_written_down(worker, till, world, hurry):
    await till.sell("a")
    await worker.settled(await worker.received(1))
    world.trouble.always("describe_stream", trouble.error("LimitExceededException"))
    await till.sell("b")
    hurry(worker.settings.discover_interval_s / 2)
    [b] = await worker.received(1)
    await worker.source.acknowledge([b])
    hurry(worker.settings.discover_interval_s / 2 + 1)
    with pytest.raises(Overloaded):
        await worker.tend()
    assert await till.checkpoint() == number(b)


async def test_a_stream_that_is_not_there_any_more_keeps_nobody_from_reading_the_others(worker, till, world, hurry):
    await till.sell("old")
    [old] = await worker.received(1)
    await worker.settled([old])
    await till.renew_stream()
    await till.sell("new")
    hurry(worker.settings.discover_interval_s)
    world.trouble.always("describe_stream", trouble.only_where(GONE, StreamArn=said_of(old)["eventSourceARN"]))
    assert names(await worker.received(1)) == ["new"]
