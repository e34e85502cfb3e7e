"""The contract of several workers at one stream: each shard has one reader, it is found again when that one dies, and
whoever has lost a shard moves its checkpoint no more.

A lease lives on the loop's clock, which is put forward."""

from __future__ import annotations

import asyncio

import pytest
from contract_streams import A_LOOK_S, LEASE_S, names, number
from fakes.clock import NOW
from targets.trouble import passes

from handlers.metrics import Metric
from worker.sources.shards.leases import LeaseTable

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.no_fake]
PORT = "StreamSource"


async def test_of_two_workers_one_reads_the_only_shard(workers, till, hurry):
    one, other = workers
    await till.sell("a")
    await one.received(1)
    owner = (await till.lease()).owner
    for at in range(6):
        hurry(A_LOOK_S)
        await till.sell(f"b{at}")
        await one.received(1)
        assert await other.nothing()
    assert (await till.lease()).owner == owner
    assert (one.metrics[Metric.LEASES_LOST], other.metrics[Metric.LEASES_TAKEN]) == (0, 0)


async def test_the_shard_of_a_dead_worker_is_taken_when_its_lease_has_run_out_and_not_before(workers, till, hurry):
    dead, other = workers
    await till.sell("a", "b")
    a, _ = await dead.received(2)
    await dead.settled([a])
    assert await other.nothing()
    for _ in range(2):
        hurry(A_LOOK_S)
        assert await other.nothing()
    hurry(A_LOOK_S)
    assert names(await other.received(1)) == ["b"]


async def test_what_was_handed_over_is_taken_at_the_next_look(workers, till, hurry):
    one, other = workers
    await till.sell("a")
    await one.received(1)
    assert await other.nothing()
    await one.source.hand_over()
    hurry(A_LOOK_S)
    assert names(await other.received(1)) == ["a"]


async def test_who_has_handed_over_takes_nothing_any_more(workers, till, hurry):
    one, _ = workers
    await till.sell("a")
    await one.received(1)
    await one.source.hand_over()
    for _ in range(3):
        hurry(A_LOOK_S)
        assert await one.nothing()
    assert (await till.lease()).owner == ""


async def test_what_is_being_taken_while_all_is_handed_over_is_given_back(workers, till, world):
    one, _ = workers
    taken, told = asyncio.Event(), asyncio.Event()

    async def late(passed, said):
        answer = await passed(**said)
        taken.set()
        await told.wait()
        return answer

    await till.sell("a")
    # The first write makes the lease, the second says who has looked, the third takes it.
    world.trouble.plan("put_item", passes, passes, late)
    tending = asyncio.create_task(one.tend())
    await taken.wait()
    await one.source.hand_over()
    told.set()
    await tending
    assert (await till.lease()).owner == ""


async def test_who_was_away_too_long_moves_no_checkpoint_and_gives_up_nothing_of_anothers(workers, till, hurry):
    zombie, other = workers
    await till.sell("a", "b", "c")
    a, b, c = await zombie.received(3)
    await other.tend()
    hurry(LEASE_S + 1)
    held = await other.received(3)
    await other.settled(held[:2])
    taken = await till.lease()
    assert taken.checkpoint == number(b)
    for done in ([a], [b, c]):
        await zombie.settled(done)
        assert await till.lease() == taken
    assert zombie.metrics[Metric.LEASES_LOST] == 1
    await zombie.source.hand_over()
    assert await till.lease() == taken
    assert await zombie.nothing()


async def test_a_checkpoint_never_goes_back_to_where_a_zombie_stood(workers, till, hurry):
    zombie, other = workers
    await till.sell("a", "b")
    a, b = await zombie.received(2)
    await other.tend()
    hurry(LEASE_S + 1)
    await other.settled(await other.received(2))
    await other.source.hand_over()
    # It has not noticed anything; the shard is nobody's by now.
    await zombie.source.acknowledge([a])
    await zombie.source.hand_over()
    assert (await till.lease())[2:] == ("", number(b))


async def test_who_could_not_renew_in_time_stops_reading_by_himself(workers, till, hurry):
    one, _ = workers
    await till.sell("a")
    await one.received(1)
    hurry(LEASE_S + 1)
    await till.sell("b")
    assert await one.source.receive(0) == []
    assert names(await one.received(1)) == ["b"]


async def test_who_was_robbed_sees_it_at_the_next_look_at_the_latest(workers, till, world, hurry):
    one, _ = workers
    await till.sell("a")
    messages = await one.received(1)
    hurry(LEASE_S / 5)
    await one.settled(messages)
    table = LeaseTable(world.straight.dynamodb, world.settings.leases_table)
    [lease] = (await table.of((await till.lease()).stream)).values()
    assert await table.replace(lease, "a thief", lease.checkpoint, NOW)
    # It has just been renewed, and nothing more was settled: there is nothing to write.
    hurry(LEASE_S / 5)
    await one.tend()
    assert one.metrics[Metric.LEASES_LOST] == 1
    await till.sell("b")
    assert await one.source.receive(0) == []


async def test_what_comes_again_goes_with_the_shard(workers, till, hurry):
    zombie, other = workers
    await till.sell("a")
    [message] = await zombie.received(1)
    await other.tend()
    hurry(LEASE_S + 1)
    await other.settled(await other.received(1))
    checkpoint = (await till.lease()).checkpoint
    await zombie.tend()
    await zombie.source.hand_back([message])
    hurry(3)
    assert await zombie.nothing()
    assert (await till.lease()).checkpoint == checkpoint


async def test_who_comes_later_is_given_a_share_and_nothing_is_lost(workers, till, hurry):
    one, other = workers
    await till.sell("old")
    await one.tend()
    await till.renew_stream()
    await till.sell("new")
    hurry(one.settings.discover_interval_s)
    while len(await till.leases()) < 2:
        await one.tend()
        hurry(A_LOOK_S)
    await one.tend()
    assert len({lease.owner for lease in await till.leases()}) == 1
    await other.tend()
    assert len({lease.owner for lease in await till.leases()}) == 2
    hurry(A_LOOK_S)
    await one.tend()
    assert one.metrics[Metric.LEASES_LOST] == 1
    assert sorted(names([*await one.received(1), *await other.received(1)])) == ["new", "old"]
