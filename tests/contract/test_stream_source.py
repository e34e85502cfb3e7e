"""The contract of a table's stream as a source: what was written comes in order until it is settled, and no further is
ever said to be settled than everything is.

There is no fake: what matters is what the stream and the table of leases do. A worker is driven step by step, and where
time must pass the loop's clock is put forward."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from contract_streams import Worker, names, number, said_of
from fakes.faults import Fault

from handlers.metrics import Metric
from worker.sources import dynamodb_streams
from worker.sources.shards import owned
from worker.sources.shards.lineage import TRIM_HORIZON
from worker.sources.shards.owned import AGAIN_MAX_S, ATTEMPTS_ALONE_MAX, ATTEMPTS_MAX

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.no_fake]
PORT = "StreamSource"


async def test_a_stream_without_news_gives_nothing_and_a_stop_need_not_wait_for_it(worker):
    await worker.tend()
    assert await worker.source.receive(0) == []
    started = time.monotonic()
    assert await worker.source.receive(20) == []
    assert 0.5 < time.monotonic() - started < 5


async def test_a_receive_that_may_not_wait_lets_others_run_all_the_same(worker):
    ran = asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    assert await worker.source.receive(0) == []
    assert ran.is_set()


async def test_a_receive_ends_with_the_first_news(worker, till):
    await till.sell("a")
    await worker.tend()
    assert names(await worker.source.receive(20)) == ["a"]


async def test_what_happens_to_a_table_comes_in_order_as_pipes_would_send_it(worker, till):
    await till.sell("a", "b", price={"N": "1.5"})
    await till.sell("a", price={"N": "2"}, tags={"SS": ["x"]}, raw={"B": b"\x00\xff"})
    await till.cancel("b")
    messages = await worker.received(4)
    said = [said_of(message) for message in messages]
    stream = (await till.lease()).stream
    assert [(s["eventName"], name) for s, name in zip(said, names(messages), strict=True)] == [
        ("INSERT", "a"),
        ("INSERT", "b"),
        ("MODIFY", "a"),
        ("REMOVE", "b"),
    ]
    assert {(s["eventSource"], s["eventSourceARN"]) for s in said} == {("aws:dynamodb", stream)}
    assert said[2]["dynamodb"]["OldImage"] == said[0]["dynamodb"]["NewImage"]
    assert said[2]["dynamodb"]["NewImage"]["raw"] == {"B": "AP8="}
    assert said[3]["dynamodb"]["OldImage"] == said[1]["dynamodb"]["NewImage"]
    assert isinstance(said[0]["dynamodb"]["ApproximateCreationDateTime"], int)


async def test_a_message_is_known_by_its_event_and_its_source(worker, till):
    await till.sell("a", "b")
    messages = await worker.received(2)
    assert [message.message_id for message in messages] == [said_of(message)["eventID"] for message in messages]
    assert {(message.source, message.receives) for message in messages} == {("stream", 1)}
    assert len({message.receipt for message in messages}) == 2


async def test_many_records_come_in_several_reads_and_each_once(worker, till):
    sold = [f"a{n:02}" for n in range(25)]
    await till.sell(*sold)
    worker.source.receive_max = 10
    batches = []
    for _ in range(25):
        await worker.tend()
        batches.append(await worker.source.receive(1))
        if sum(map(len, batches)) >= 25:
            break
    assert [name for batch in batches for name in names(batch)] == sold
    assert max(map(len, batches)) <= 10
    assert await worker.nothing()
    assert worker.metrics[Metric.STREAM_RECORDS] == 25
    lags = worker.metrics.observed[Metric.STREAM_LAG]
    assert (len(lags), min(lags) >= 0) == (len([batch for batch in batches if batch]), True)


async def test_before_anything_is_settled_the_checkpoint_is_the_oldest_record(worker, till):
    await till.sell("a")
    await worker.received(1)
    await worker.tend()
    assert (await till.lease()).checkpoint == TRIM_HORIZON


async def test_what_is_acknowledged_is_written_down_and_a_new_worker_goes_on_after_it(worker, till, world):
    await till.sell("a", "b", "c")
    a, b, c = await worker.received(3)
    await worker.settled([a, b])
    assert (await till.lease()).checkpoint == number(b)
    await worker.settled([c])
    assert (await till.lease()).checkpoint == number(c)
    await worker.source.hand_over()
    await till.sell("d")
    assert names(await Worker(world).received(1)) == ["d"]


async def test_what_is_handed_over_is_as_far_as_it_was_settled(worker, till, world):
    await till.sell("a", "b", "c")
    a, b, _ = await worker.received(3)
    await worker.source.acknowledge([b, a])
    await worker.source.hand_over()
    assert (await till.lease())[2:] == ("", number(b))
    assert names(await Worker(world).received(1)) == ["c"]


async def test_what_was_not_acknowledged_comes_to_the_next_worker_as_it_was(worker, till, world):
    await till.sell("a", "b")
    first = await worker.received(2)
    await worker.source.hand_over()
    again = await Worker(world).received(2)
    assert [(m.message_id, json.loads(m.body)) for m in again] == [(m.message_id, json.loads(m.body)) for m in first]


async def test_a_gap_holds_the_checkpoint_back_until_it_is_closed(worker, till):
    await till.sell("a", "b", "c", "d")
    a, b, c, d = await worker.received(4)
    await worker.settled([d, a, c])
    assert (await till.lease()).checkpoint == number(a)
    await worker.settled([b])
    assert (await till.lease()).checkpoint == number(d)


async def test_what_is_acknowledged_twice_raises_nothing_and_moves_nothing(worker, till):
    await till.sell("a", "b")
    a, _ = await worker.received(2)
    await worker.settled([a])
    await worker.settled([a])
    await worker.settled([])
    assert (await till.lease()).checkpoint == number(a)


async def test_what_is_handed_back_comes_again_later_every_time(worker, till, hurry):
    await till.sell("a")
    [message] = await worker.received(1)
    for receives, wait_s in ((1, 2), (2, 4), (3, 8), (9, AGAIN_MAX_S)):
        await worker.source.hand_back([message._replace(receives=receives)])
        hurry(wait_s - 1)
        assert await worker.source.receive(0) == []
        hurry(1.1)
        [again] = await worker.source.receive(0)
        assert again == message._replace(receipt=again.receipt, receives=receives + 1)
        assert again.receipt != message.receipt
        message = again
    await worker.settled([message])
    assert (await till.lease()).checkpoint == number(message)


async def test_others_are_read_while_one_waits_and_it_holds_the_checkpoint_back(worker, till, hurry):
    await till.sell("a", "b")
    a, b = await worker.received(2)
    await worker.source.hand_back([a])
    await worker.settled([b])
    await till.sell("c")
    [c] = await worker.received(1)
    await worker.settled([c])
    assert (names([c]), (await till.lease()).checkpoint) == (["c"], TRIM_HORIZON)
    hurry(3)
    await worker.settled(await worker.received(1))
    assert (await till.lease()).checkpoint == number(c)


async def test_while_too_many_bytes_come_again_nothing_else_is_read(worker, till, monkeypatch, hurry):
    monkeypatch.setattr(dynamodb_streams, "AGAIN_BYTES_MAX", 100)
    await till.sell("a")
    await worker.source.hand_back(await worker.received(1))
    await till.sell("b")
    assert await worker.source.receive(0) == []
    hurry(3)
    assert names(await worker.received(1)) == ["a"]
    assert names(await worker.received(1)) == ["b"]


async def test_what_can_never_be_settled_is_quarantined_and_holds_nothing_up(worker, till, monkeypatch):
    monkeypatch.setattr(owned, "AGAIN_MAX_S", 0)
    await till.sell("poison", "b")
    poison, b = await worker.received(2)
    await worker.source.hand_back([poison])
    await worker.settled([b])
    [poison] = await worker.received(1)
    for receives in range(2, ATTEMPTS_MAX):
        assert (poison.receives, worker.parking.quarantined) == (receives, {})
        await worker.source.hand_back([poison])
        [poison] = await worker.received(1)
    await worker.source.hand_back([poison])
    [record] = worker.parking.quarantined.values()
    assert (record.record_id, record.body) == (poison.message_id, poison.body)
    assert "10 attempts" in record.reason
    assert worker.metrics[Metric.STREAM_BURIED] == 1
    assert await worker.nothing()
    assert (await till.lease()).checkpoint == number(b)


async def test_while_nothing_at_all_can_be_settled_nothing_is_quarantined(worker, till, monkeypatch):
    monkeypatch.setattr(owned, "AGAIN_MAX_S", 0)
    await till.sell("a", "b")
    messages = await worker.received(2)
    for _ in range(ATTEMPTS_MAX + 5):
        await worker.source.hand_back(messages)
        messages = await worker.received(2)
    assert worker.parking.quarantined == {}
    await worker.settled(messages)
    assert (await till.lease()).checkpoint == number(messages[1])


async def test_that_one_was_quarantined_is_no_sign_that_another_could_be_settled(worker, till, monkeypatch):
    """Or an outage that has lasted for hours would sweep everything into quarantine."""
    monkeypatch.setattr(owned, "AGAIN_MAX_S", 0)
    await till.sell("a", "b")
    await worker.source.hand_back(await worker.received(2))
    a, b = await worker.received(2)
    await worker.source.hand_back([a._replace(receives=ATTEMPTS_ALONE_MAX)])
    await worker.source.hand_back([b._replace(receives=ATTEMPTS_ALONE_MAX - 1)])
    assert [record.body for record in worker.parking.quarantined.values()] == [a.body]
    assert names(await worker.received(1)) == ["b"]


async def test_a_record_in_the_way_of_all_others_makes_way_at_once(worker, till, monkeypatch):
    monkeypatch.setattr(owned, "UNSETTLED_MAX", 3)
    await till.sell("poison", "b", "c")
    poison, *others = await worker.received(3)
    await worker.source.hand_back([poison])
    await worker.settled(others)
    await till.sell("d")
    # Its time would come later; but nothing more may be read before.
    [poison] = await worker.source.receive(0)
    await worker.source.hand_back([poison])
    assert [record.body for record in worker.parking.quarantined.values()] == [poison.body]
    assert names(await worker.received(1)) == ["d"]


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER, Fault.MISCONFIGURED])
async def test_what_cannot_be_quarantined_either_is_kept(worker, till, monkeypatch, fault):
    monkeypatch.setattr(owned, "AGAIN_MAX_S", 0)
    worker.parking.faults.plan("quarantine", fault, fault)
    await till.sell("poison")
    [poison] = await worker.received(1)
    for receives in (ATTEMPTS_ALONE_MAX, ATTEMPTS_ALONE_MAX + 1):
        await worker.source.hand_back([poison._replace(receives=receives)])
        [poison] = await worker.received(1)
        assert (await till.lease()).checkpoint == TRIM_HORIZON
    await worker.source.hand_back([poison])
    assert [record.body for record in worker.parking.quarantined.values()] == [poison.body]
    await worker.tend()
    assert (await till.lease()).checkpoint == number(poison)
