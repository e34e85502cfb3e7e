"""The contract of a table's stream as a source when the stream ends: each is read to its end, and the next one found.
A table without the right one is refused."""

from __future__ import annotations

import pytest
from contract_streams import Worker, names, number, said_of
from structlog.testing import capture_logs

from handlers.errors import Misconfigured
from handlers.metrics import Metric
from worker.sources.shards.discovery import VIEW, require_readable_stream
from worker.sources.shards.lineage import SHARD_END

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.no_fake]
PORT = "StreamSource"


async def test_a_table_with_a_new_stream_is_read_to_the_end_of_the_old_one(worker, till, hurry):
    await till.sell("old")
    [old] = await worker.received(1)
    await till.renew_stream()
    await till.sell("new")
    hurry(worker.settings.discover_interval_s)
    [new] = await worker.received(1)
    assert (names([new]), said_of(new)["eventSourceARN"] != said_of(old)["eventSourceARN"]) == (["new"], True)
    await worker.settled([old, new])
    await worker.ended(1)
    checkpoints = {lease.stream: lease.checkpoint for lease in await till.leases()}
    assert checkpoints == {said_of(old)["eventSourceARN"]: SHARD_END, said_of(new)["eventSourceARN"]: number(new)}


async def test_when_a_shard_has_ended_it_is_looked_for_others_at_once(world, till):
    worker = Worker(world, discover_interval_s=600)
    await till.sell("old")
    await worker.source.acknowledge(await worker.received(1))
    await till.renew_stream()
    await till.sell("new")
    assert names(await worker.received(1)) == ["new"]


async def test_a_stream_that_is_ended_is_read_to_its_end_and_then_there_is_nothing(worker, till, world):
    await till.sell("a", "b")
    a, b = await worker.received(2)
    await world.end_stream()
    await worker.settled([a])
    # Its end is reached; that is not its end as long as something in it is unsettled.
    assert await worker.source.receive(1) == []
    await worker.tend()
    assert (await till.lease()).checkpoint == number(a)
    await worker.settled([b])
    await worker.ended(1)
    assert (await till.lease()).checkpoint == SHARD_END
    assert await worker.nothing()
    assert await Worker(world).nothing()
    assert worker.metrics[Metric.STREAM_TRIMMED] == 0


async def test_a_stream_must_carry_what_an_item_was_and_is_and_one_may_come_later(world):
    dynamodb = world.clients.dynamodb
    with capture_logs() as said:
        await require_readable_stream(dynamodb, world.settings.stream_table)
        assert said == []
        await require_readable_stream(dynamodb, await world.table_with(None))
    assert [(line["event"], line["remedy"]) for line in said] == [("stream.missing", f"enable a stream with {VIEW}")]
    for view in ("KEYS_ONLY", "NEW_IMAGE"):
        with pytest.raises(Misconfigured, match=f"carries {view}"):
            await require_readable_stream(dynamodb, await world.table_with(view))
    with pytest.raises(Misconfigured):
        await require_readable_stream(dynamodb, "no-such-table")
