"""The contract of the queue: a message is its receiver's until it is acknowledged, handed on, or its time is over.

There is no fake: the source is small, and what matters is what the queue does. Times are whole seconds, as SQS counts
them, so that a few of these tests wait."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from targets import trouble

from handlers.errors import Misconfigured, TransientFailure
from worker.sources.sqs import BATCH_MAX, SqsSource

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.no_fake,
    pytest.mark.usefixtures("no_waiting"),
]
PORT = "SqsSource"
LONG_S, SHORT_S = 60, 1
OVER_S = SHORT_S + 0.3


class Line:
    """A queue with its senders, and as many workers as a test needs."""

    def __init__(self, kind, world, url) -> None:
        self.kind, self.world, self.url = kind, world, url

    def worker(self, visibility_timeout_s=LONG_S) -> SqsSource:
        return SqsSource(self.world.clients.sqs, self.url, visibility_timeout_s)

    async def send(self, *bodies, group=None):
        for at in range(0, len(bodies), BATCH_MAX):
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[at : at + BATCH_MAX])]
            if group is not None:
                for entry in entries:
                    entry |= {"MessageGroupId": group, "MessageDeduplicationId": f"{group} {entry['MessageBody']}"}
            await self.world.straight.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)


@pytest_asyncio.fixture(loop_scope="session")
async def line(kind, world):
    return Line(kind, world, await world.queue())


@pytest_asyncio.fixture(loop_scope="session")
async def fifo(kind, world):
    return Line(kind, world, await world.queue(fifo=True))


async def received(source, count):
    """This many messages, in the order in which they came."""
    messages = []
    async with asyncio.timeout(10):
        while len(messages) < count:
            messages += await source.receive(1)
    assert len(messages) == count
    return messages


@asynccontextmanager
async def kept_visible(source):
    """Renews what the source owns, as the worker does, for as long as the block."""
    keeping = asyncio.create_task(source.keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def bodies(messages):
    return sorted(message.body for message in messages)


async def test_an_empty_queue_gives_nothing(line):
    assert await line.worker().receive(0) == []


@pytest.mark.parametrize(
    "body", ['{"product_id": "Grüße 🛒"}', " \n\t", "x" * 1_000_000], ids=["text", "blank", "1 MB"]
)
async def test_a_message_is_as_it_was_sent(line, body):
    await line.send(body)
    [message] = await received(line.worker(), 1)
    assert (message.body, message.receives) == (body, 1)


async def test_a_receive_brings_ten_at_most_and_in_the_end_all_come_once(line):
    sent = [f"m{n:02}" for n in range(25)]
    await line.send(*sent)
    source, batches = line.worker(), []
    while sum(map(len, batches)) < 25:
        batches.append(await source.receive(1))
    assert max(map(len, batches)) <= BATCH_MAX
    assert bodies(message for batch in batches for message in batch) == sent
    assert await source.receive(0) == []


async def test_what_one_has_received_no_other_gets(line):
    await line.send("a", "b", "c")
    await received(line.worker(), 3)
    assert await line.worker().receive(0) == []


async def test_what_was_not_acknowledged_in_time_comes_again_and_what_was_does_not(line):
    await line.send(*"abcdefghijkl")
    source = line.worker(SHORT_S)
    first = await received(source, 12)
    # Some deletions fail at first, and the queue says so message by message.
    line.world.trouble.plan("delete_message_batch", trouble.entries_failed(2), trouble.entries_failed(0))
    done = [message for message in first if message.body in "abcde"]
    await source.acknowledge(done)
    await asyncio.sleep(OVER_S)
    again = await received(line.worker(), 7)
    assert bodies(again) == list("fghijkl")
    assert {message.receives for message in again} == {2}
    assert not {message.receipt for message in again} & {message.receipt for message in first}
    assert {m.message_id for m in again} == {m.message_id for m in first if m.body in "fghijkl"}


async def test_what_is_kept_visible_stays_ours_and_what_is_done_does_not_come_back(line):
    await line.send("ours", "done")
    source, other = line.worker(SHORT_S), line.worker()
    messages = await received(source, 2)
    await source.acknowledge([message for message in messages if message.body == "done"])
    async with kept_visible(source):
        await asyncio.sleep(OVER_S)
        assert await other.receive(0) == []
    await source.hand_over()
    assert bodies(await received(other, 1)) == ["ours"]


async def test_what_is_handed_back_comes_later_and_to_anybody(line):
    await line.send("a", "b")
    source, other = line.worker(SHORT_S), line.worker()
    messages = await received(source, 2)
    started = time.monotonic()
    await source.hand_back(messages)
    assert await other.receive(0) == []
    async with kept_visible(source):
        assert bodies(await received(other, 2)) == ["a", "b"]
    # The first time it waits two seconds; SQS counts whole ones.
    assert 1 < time.monotonic() - started < 5


async def test_every_time_it_comes_back_it_waits_longer(line):
    await line.send("a")
    source = line.worker()
    [message] = await received(source, 1)
    for receives in (1, 3, 8, 30):
        await source.hand_back([message._replace(receives=receives)])
    said = line.world.trouble.said("change_message_visibility_batch")
    assert [entry["VisibilityTimeout"] for call in said for entry in call["Entries"]] == [2, 8, 256, 300]


async def test_what_is_handed_over_is_there_at_once(line):
    sent = [f"m{n:02}" for n in range(12)]
    await line.send(*sent)
    source = line.worker()
    done, *left = await received(source, 12)
    await source.acknowledge([done])
    await source.hand_over()
    started = time.monotonic()
    assert bodies(await received(line.worker(), 11)) == bodies(left)
    assert time.monotonic() - started < 2


async def test_a_stale_receipt_raises_nothing_and_is_not_insisted_on(line):
    await line.send("a")
    slow, quick = line.worker(SHORT_S), line.worker()
    stale = await received(slow, 1)
    await asyncio.sleep(OVER_S)
    held = await received(quick, 1)
    await slow.acknowledge(stale)
    await slow.hand_back(stale)
    await slow.hand_over()
    assert len(line.world.trouble.said("delete_message_batch")) == 1
    await quick.acknowledge(held)
    assert await line.worker().receive(0) == []


async def test_what_is_acknowledged_twice_raises_nothing(line):
    await line.send("a")
    source = line.worker()
    messages = await received(source, 1)
    await source.acknowledge(messages)
    await source.acknowledge(messages)
    await source.acknowledge([])
    assert await source.receive(0) == []


@pytest.mark.parametrize("fault", [trouble.entries_failed(0), trouble.lost_request], ids=["failed", "lost"])
async def test_what_cannot_be_deleted_raises_nothing_and_comes_again(line, fault):
    await line.send("a")
    source = line.worker(SHORT_S)
    messages = await received(source, 1)
    line.world.trouble.always("delete_message_batch", fault)
    await source.acknowledge(messages)
    assert len(line.world.trouble.said("delete_message_batch")) == 5
    async with kept_visible(source):
        assert bodies(await received(line.worker(), 1)) == ["a"]


async def test_what_could_not_be_handed_on_only_loses_time(line):
    await line.send("a", "b")
    source = line.worker(SHORT_S)
    a, _ = await received(source, 2)
    line.world.trouble.always("change_message_visibility_batch", trouble.error("InternalError", 500))
    await source.hand_back([a])
    await source.hand_over()
    assert bodies(await received(line.worker(), 2)) == ["a", "b"]


async def test_a_long_poll_ends_with_the_first_message_and_not_before_its_time(line):
    source, started = line.worker(), time.monotonic()
    assert await source.receive(1) == []
    assert time.monotonic() - started >= 0.9
    started = time.monotonic()
    poll = asyncio.create_task(source.receive(10))
    await asyncio.sleep(0.3)
    assert not poll.done()
    await line.send("a")
    assert bodies(await poll) == ["a"]
    assert time.monotonic() - started < 5


async def test_a_group_is_given_in_order_to_one_at_a_time(fifo):
    first, second = fifo.worker(), fifo.worker()
    await fifo.send(*(f"g{n:02}" for n in range(12)), group="g")
    held = await received(first, 10)
    assert [message.body for message in held] == [f"g{n:02}" for n in range(10)]
    assert await second.receive(0) == []
    await fifo.send("h0", group="h")
    assert bodies(await received(second, 1)) == ["h0"]
    await first.acknowledge(held)
    assert [message.body for message in await received(second, 2)] == ["g10", "g11"]


async def test_a_group_that_is_handed_over_keeps_its_order(fifo):
    source = fifo.worker()
    await fifo.send("g0", "g1", "g2", group="g")
    first, *_ = await received(source, 3)
    await source.acknowledge([first])
    await source.hand_over()
    assert [message.body for message in await received(fifo.worker(), 2)] == ["g1", "g2"]


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (trouble.error("ServiceUnavailable", 503), TransientFailure),
        (trouble.error("RequestThrottled", 403), TransientFailure),
        (trouble.lost_answer, TransientFailure),
        (trouble.error("AccessDenied", 403), Misconfigured),
    ],
)
async def test_a_receive_that_fails_has_one_of_our_names(line, fault, raised):
    line.world.trouble.plan("receive_message", fault)
    with pytest.raises(raised):
        await line.worker().receive(0)


async def test_a_queue_that_does_not_exist_is_a_misconfiguration(line):
    line.url += "-gone"
    with pytest.raises(Misconfigured):
        await line.worker().receive(0)
