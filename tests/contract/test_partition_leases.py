"""The contract of several workers at one parted queue: each partition has one reader, and finds another soon when that
one leaves or dies. Nothing but time hangs on it: what was received is settled, whoever owns its partition by then.

A lease lives on the loop's clock, which is put forward."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from contract_partitions import A_LOOK_S, LEASE_S, PARTITIONS, Parted, Worker, balanced, bodies
from targets import trouble

from handlers.metrics import Metric
from worker.sources.shards.leases import LeaseTable

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.no_fake,
    pytest.mark.usefixtures("no_waiting"),
]
PORT = "PartitionedSqsSource"


@pytest_asyncio.fixture(loop_scope="session")
async def parted(kind, world):
    return Parted(world, [await world.queue() for _ in range(PARTITIONS)])


async def test_one_worker_takes_half_at_once_and_the_rest_at_its_second_look(parted):
    worker = Worker(parted)
    await worker.tend()
    assert len(worker.ours) == PARTITIONS / 2
    await worker.tend()
    assert len(worker.ours) == PARTITIONS


async def test_two_that_start_together_have_half_each_and_rob_nobody(parted):
    one, other = Worker(parted), Worker(parted)
    assert await balanced(one, other) == [4, 4]
    assert sorted((await parted.owners()).values()) == [4, 4]
    assert one.metrics[Metric.LEASES_LOST] == other.metrics[Metric.LEASES_LOST] == 0


async def test_who_comes_later_is_given_a_share(parted):
    one, other, third = (Worker(parted) for _ in range(3))
    await one.owning_all()
    assert await balanced(one, other) == [4, 4]
    assert await balanced(one, other, third) == [2, 3, 3]
    assert await balanced(one, other, third) == [2, 3, 3]
    # Nothing moves any more once the shares are fair.
    taken = sum(worker.metrics[Metric.LEASES_TAKEN] for worker in (one, other, third))
    assert taken == PARTITIONS + 4 + 2


async def test_one_more_worker_than_there_are_partitions_waits_for_one(parted):
    parted.urls = parted.urls[:2]
    one, other, spare = (Worker(parted) for _ in range(3))
    assert await balanced(one, other, spare) == [0, 1, 1]
    assert await spare.nothing()
    leaving = one if one.ours else other
    await leaving.source.hand_over()
    await spare.tend()
    assert len(spare.ours) == 1


async def test_what_a_worker_gives_up_is_taken_at_the_next_look(parted):
    one, other = Worker(parted), Worker(parted)
    await balanced(one, other)
    await one.source.hand_over()
    assert (await parted.owners())[""] == 4
    await other.tend()
    assert len(other.ours) == PARTITIONS
    await one.tend()
    assert one.ours == set()


async def test_the_partitions_of_a_dead_worker_are_taken_when_its_leases_have_run_out_and_not_before(parted, hurry):
    dead, other = Worker(parted), Worker(parted)
    await balanced(dead, other)
    theirs = dead.ours
    waited_s = 0.0
    while len(other.ours) < PARTITIONS:
        assert not other.ours & theirs
        hurry(A_LOOK_S)
        waited_s += A_LOOK_S
        await other.tend()
    assert LEASE_S <= waited_s < LEASE_S + 10


async def test_a_living_worker_keeps_its_own_for_ever(parted, hurry):
    one, other = Worker(parted), Worker(parted)
    await balanced(one, other)
    theirs = one.ours, other.ours
    for _ in range(25):
        hurry(A_LOOK_S)
        await one.tend()
        await other.tend()
    assert (one.ours, other.ours) == theirs
    assert one.metrics[Metric.LEASES_LOST] == other.metrics[Metric.LEASES_LOST] == 0


async def test_leases_are_renewed_every_third_of_their_time_and_not_more_often(parted, hurry, world):
    worker = await Worker(parted).owning_all()
    before = len(world.trouble.said("put_item"))
    for _ in range(10):
        hurry(LEASE_S / 10)
        await worker.tend()
    assert len(world.trouble.said("put_item")) - before <= 3 * PARTITIONS


async def test_who_could_not_renew_in_time_stops_receiving_by_himself(parted, hurry):
    worker = await Worker(parted).owning_all()
    await parted.send(3, "a")
    hurry(LEASE_S + 1)
    assert worker.ours == set()
    assert await worker.nothing()
    await worker.leases.renew()
    assert bodies(await worker.received(1)) == ["a"]


async def test_what_is_in_flight_when_its_partition_is_lost_is_settled_as_ever(parted, hurry):
    zombie, other = await Worker(parted).owning_all(), Worker(parted)
    await parted.send(0, "a", "b", "c")
    a, b, c = await zombie.received(3)
    await other.tend()
    hurry(LEASE_S + 1)
    await other.tend()
    assert other.ours == set(range(PARTITIONS))
    await parted.send(0, "d")
    await zombie.leases.renew()
    assert zombie.metrics[Metric.LEASES_LOST] == PARTITIONS
    assert await zombie.nothing()
    await zombie.source.acknowledge([a, b])
    await zombie.source.hand_over()
    # What it had is not lost, and what came later is another's.
    assert bodies(await other.received(2)) == sorted([c.body, "d"])
    assert await parted.owner(0) != ""


async def test_who_is_robbed_receives_nothing_more_from_the_next_look_on(parted, world):
    worker = await Worker(parted).owning_all()
    table = LeaseTable(world.straight.dynamodb, world.settings.leases_table)
    leases = await table.of(f"Q#{worker.settings.queue_name}")
    [lease] = [lease for lease in leases.values() if lease.key.shard_id == "5"]
    assert await table.replace(lease, "a thief", lease.checkpoint, 0)
    await worker.tend()
    assert worker.ours == set(range(PARTITIONS)) - {5}
    await parted.send(5, "theirs")
    assert await worker.nothing()


async def test_a_renewal_whose_answer_was_lost_loses_nothing(parted, hurry, world):
    worker = await Worker(parted).owning_all()
    for _ in range(4):
        hurry(LEASE_S / 3)
        world.trouble.plan("put_item", *[trouble.lost_answer] * PARTITIONS)
        await worker.leases.renew()
        await worker.leases.renew()
    assert len(worker.ours) == PARTITIONS
    assert worker.metrics[Metric.LEASES_LOST] == 0


async def test_a_lease_that_was_taken_without_an_answer_is_ours_at_the_next_look(parted, world):
    worker = Worker(parted)
    world.trouble.plan("put_item", *[trouble.passes] * PARTITIONS, trouble.lost_answer)
    with pytest.raises(Exception, match="ReadTimeout"):
        await worker.tend()
    assert worker.ours == set()
    await worker.owning_all()
    assert list(await parted.owners()) != [""]
    assert len(await parted.owners()) == 1


async def test_what_is_being_taken_while_all_is_given_up_is_given_back(parted, world):
    worker = Worker(parted)
    taken, told = asyncio.Event(), asyncio.Event()

    async def late(passed, said):
        answer = await passed(**said)
        taken.set()
        await told.wait()
        return answer

    world.trouble.plan("put_item", *[trouble.passes] * PARTITIONS, late)
    tending = asyncio.create_task(worker.tend())
    await taken.wait()
    await worker.source.hand_over()
    told.set()
    await tending
    assert list(await parted.owners()) == [""]


async def test_partitions_beyond_the_number_that_was_set_are_left_to_others(parted):
    many = await Worker(parted).owning_all()
    parted.urls = parted.urls[:2]
    few = Worker(parted)
    for _ in range(3):
        await few.tend()
        await many.tend()
    assert len(few.ours) == 1
    assert few.ours < {0, 1}
    assert len(many.ours) == PARTITIONS - 1
