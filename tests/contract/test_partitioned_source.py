"""The contract of a parted queue with one worker: whatever partition a message comes from, it is that worker's until
it is settled there, and an idle partition makes no other one wait."""

from __future__ import annotations

import asyncio
import time

import pytest
import pytest_asyncio
from contract_partitions import Parted, Worker, bodies, settled_down
from targets import trouble

from handlers.errors import Misconfigured, TransientFailure
from worker.sources.sqs import BATCH_MAX

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.no_fake,
    pytest.mark.usefixtures("no_waiting"),
]
PORT = "PartitionedSqsSource"
FEW = 3
SHORT_S = 1
OVER_S = SHORT_S + 0.3


@pytest_asyncio.fixture(loop_scope="session")
async def parted(kind, world):
    return Parted(world, [await world.queue() for _ in range(FEW)])


@pytest_asyncio.fixture(loop_scope="session")
async def worker(parted):
    return await Worker(parted).owning_all()


@pytest_asyncio.fixture(loop_scope="session")
async def hasty(parted):
    """What it receives becomes visible again after a second."""
    return await Worker(parted, visibility_timeout_s=SHORT_S).owning_all()


async def test_who_owns_no_partition_receives_nothing(parted):
    await parted.send(0, "a")
    assert await Worker(parted).nothing()


async def test_messages_of_all_partitions_come_as_they_were_sent(parted, worker):
    sent = {0: ["a", "Grüße 🛒"], 1: ["b" * 100_000], 2: [f"c{n}" for n in range(10)]}
    for partition, said in sent.items():
        await parted.send(partition, *said)
    messages = await worker.received(13)
    assert bodies(messages) == sorted(body for said in sent.values() for body in said)
    assert len({message.receipt for message in messages}) == 13
    assert {(message.receives, message.source) for message in messages} == {(1, "sqs")}


async def test_a_receive_brings_ten_of_one_partition_at_most(parted, worker):
    for partition in range(FEW):
        await parted.send(partition, *(f"{partition}-{n}" for n in range(10)))
    seen = 0
    while seen < 10 * FEW:
        batch = await worker.source.receive(1)
        assert len(batch) <= BATCH_MAX
        assert len({message.body[0] for message in batch}) <= 1
        seen += len(batch)


async def test_what_is_acknowledged_is_gone_from_its_partition_and_the_rest_comes_again(parted, hasty):
    for partition in range(FEW):
        await parted.send(partition, f"done {partition}", f"left {partition}")
    messages = await hasty.received(2 * FEW)
    await hasty.source.acknowledge([message for message in messages if message.body.startswith("done")])
    await asyncio.sleep(OVER_S)
    again = await hasty.received(FEW)
    assert bodies(again) == [f"left {partition}" for partition in range(FEW)]
    assert {message.receives for message in again} == {2}
    await hasty.source.acknowledge(again)
    await asyncio.sleep(OVER_S)
    assert await hasty.nothing()


async def test_what_is_handed_back_comes_later_each_to_its_partition(parted, hasty, world):
    for partition in range(FEW):
        await parted.send(partition, f"{partition}")
    messages = await hasty.received(FEW)
    await hasty.source.hand_back(messages)
    said = world.trouble.said("change_message_visibility_batch")
    assert sorted(call["QueueUrl"] for call in said) == sorted(parted.urls)
    assert {entry["VisibilityTimeout"] for call in said for entry in call["Entries"]} == {2}
    assert await hasty.nothing()
    assert bodies(await hasty.received(FEW)) == ["0", "1", "2"]


async def test_what_is_handed_over_is_there_at_once_and_for_another(parted, worker):
    for partition in range(FEW):
        await parted.send(partition, f"{partition}")
    done, *left = await worker.received(FEW)
    await worker.source.acknowledge([done])
    await worker.source.hand_over()
    other = await Worker(parted).owning_all()
    assert bodies(await other.received(FEW - 1)) == bodies(left)


async def test_what_is_kept_stays_ours_whatever_its_partition(parted, hasty):
    for partition in range(FEW):
        await parted.send(partition, f"{partition}")
    messages = await hasty.received(FEW)
    keeping = asyncio.create_task(hasty.source.keep())
    await asyncio.sleep(2 * OVER_S)
    assert await hasty.nothing()
    assert not keeping.done()
    await settled_down(keeping)
    await hasty.source.acknowledge(messages)


async def test_what_is_settled_twice_or_not_at_all_raises_nothing(parted, worker):
    await parted.send(1, "a")
    messages = await worker.received(1)
    for _ in range(2):
        await worker.source.acknowledge(messages)
        await worker.source.hand_back([])
        await worker.source.acknowledge([])
    assert await worker.nothing()


async def test_a_long_poll_of_an_idle_partition_makes_no_other_one_wait(parted, worker):
    polls = [asyncio.create_task(worker.source.receive(10)) for _ in range(FEW)]
    await asyncio.sleep(0.3)
    assert not any(poll.done() for poll in polls)
    started = time.monotonic()
    await parted.send(2, "a")
    (done,), waiting = await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
    assert bodies(done.result()) == ["a"]
    assert time.monotonic() - started < 3
    await settled_down(*waiting)


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (trouble.error("ServiceUnavailable", 503), TransientFailure),
        (trouble.lost_answer, TransientFailure),
        (trouble.error("AccessDenied", 403), Misconfigured),
    ],
)
async def test_a_receive_that_fails_has_one_of_our_names_and_the_other_partitions_go_on(parted, worker, fault, raised):
    world = parted.world
    for partition in range(FEW):
        await parted.send(partition, f"{partition}")
    world.trouble.always("receive_message", trouble.only_where(fault, QueueUrl=parted.urls[1]))
    messages, failures = [], 0
    for _ in range(4 * FEW):
        try:
            messages += await worker.source.receive(0)
        except raised:
            failures += 1
    assert bodies(messages) == ["0", "2"]
    # The one that fails is left alone for a while, not asked at every turn.
    assert failures == 1
