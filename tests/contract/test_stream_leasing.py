"""The contract of a table's stream as a source when its table of leases fails: that costs time, and nothing else."""

from __future__ import annotations

from functools import partial

import pytest
from contract_streams import A_LOOK_S, LEASE_S, Worker, names, number
from structlog.testing import capture_logs
from targets import trouble
from targets.base import soon

from handlers.errors import TransientFailure
from handlers.metrics import Metric
from worker.sources.shards import leasing
from worker.sources.shards.lineage import TRIM_HORIZON

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.no_fake,
    pytest.mark.usefixtures("no_waiting"),
]
PORT = "StreamSource"
THROTTLED = trouble.error("ProvisionedThroughputExceededException")


@pytest.mark.parametrize("fault", [trouble.lost_answer, trouble.lost_request], ids=["answer lost", "request lost"])
async def test_who_does_not_know_whether_he_took_a_shard_has_it_at_the_next_look(workers, till, world, fault):
    one, other = workers
    await till.sell("a")
    # The first write makes the lease, the second says who has looked, the third takes it.
    world.trouble.plan("put_item", trouble.passes, trouble.passes, fault)
    with pytest.raises(TransientFailure):
        await one.tend()
    [message] = await one.received(1)
    await one.settled([message])
    assert (await till.lease()).checkpoint == number(message)
    assert one.metrics[Metric.LEASES_LOST] == 0
    assert await other.nothing()


@pytest.mark.parametrize("fault", [trouble.lost_answer, trouble.lost_request], ids=["answer lost", "request lost"])
async def test_who_does_not_know_whether_a_checkpoint_was_written_writes_on(workers, till, world, fault):
    one, _ = workers
    await till.sell("a", "b")
    a, b = await one.received(2)
    world.trouble.plan("put_item", fault)
    await one.settled([a])
    await one.settled([b])
    assert (await till.lease()).checkpoint == number(b)
    assert one.metrics[Metric.LEASES_LOST] == 0


async def test_who_does_not_know_whether_he_renewed_can_still_hand_over(workers, till, world, hurry):
    one, other = workers
    await till.sell("a")
    [a] = await one.received(1)
    world.trouble.plan("put_item", trouble.lost_answer)
    hurry(A_LOOK_S)
    await one.settled([a])
    await one.source.hand_over()
    assert (await till.lease())[2:] == ("", number(a))
    assert await other.nothing()
    assert other.metrics[Metric.LEASES_TAKEN] == 1


async def test_a_shard_that_could_not_be_handed_over_runs_out_by_itself(workers, till, world, hurry):
    one, other = workers
    await till.sell("a")
    await one.received(1)
    await other.tend()
    world.trouble.plan("put_item", THROTTLED)
    await one.source.hand_over()
    assert await other.nothing()
    hurry(LEASE_S + 1)
    assert names(await other.received(1)) == ["a"]


async def test_a_table_of_leases_that_is_throttled_costs_only_time(world, till, monkeypatch):
    """keep() goes on, what was taken is read, and what was settled is written down in the end."""
    monkeypatch.setattr(leasing, "DISCOVER_AGAIN_S", 0.02)
    worker = Worker(world, checkpoint_interval_s=0.02, lease_s=LEASE_S)
    await till.sell("a")
    leases_are(world, THROTTLED)
    with capture_logs() as logs:
        async with worker.kept():
            await soon(partial(said, logs, "shards.not_tended"), True)
            leases_are(world, trouble.passes)
            [a] = await received(worker)
            leases_are(world, THROTTLED)
            await worker.source.acknowledge([a])
            await soon(partial(said, logs, "lease.not_written"), True)
            await till.sell("b")
            [b] = await received(worker)
            await worker.source.acknowledge([b])
            leases_are(world, trouble.passes)
            await soon(till.checkpoint, number(b))
    assert (await till.lease()).checkpoint == number(b)
    assert worker.metrics[Metric.LEASES_LOST] == 0


async def test_a_lease_that_somebody_deleted_is_made_anew_and_all_comes_again(workers, till, world, hurry):
    one, _ = workers
    await till.sell("a", "b")
    await one.settled(await one.received(2))
    lease = await till.lease()
    key = {"pk": {"S": lease.stream}, "sk": {"S": lease.shard_id}}
    await world.straight.dynamodb.batch_write_item(
        RequestItems={world.settings.leases_table: [{"DeleteRequest": {"Key": key}}]}
    )
    hurry(A_LOOK_S)
    assert names(await one.received(2)) == ["a", "b"]
    assert (await till.lease()).checkpoint == TRIM_HORIZON


async def said(logs, event):
    return event in {entry["event"] for entry in logs}


def leases_are(world, fault):
    """From now on each call to the table of leases meets this."""
    for operation in ("put_item", "get_item", "query"):
        world.trouble.always(operation, fault)


async def received(worker):
    """The next record, while somebody else tends."""

    async def news():
        found.extend(await worker.source.receive(0))
        return len(found)

    found = []
    await soon(news, 1)
    return found
