"""The contract of the table of leases: of two who write a lease one wins, and a late write changes nothing."""

from __future__ import annotations

import asyncio

import pytest
from fakes.clock import NOW
from targets import trouble

from handlers.errors import Misconfigured, Overloaded, TransientFailure
from worker.sources.shards.leases import ENDED_KEPT_S, LeaseTable, Look
from worker.sources.shards.lineage import SHARD_END, TRIM_HORIZON, Lease, ShardKey

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.no_fake,
    pytest.mark.usefixtures("no_waiting"),
]
PORT = "Leases"
STREAM = "arn:aws:dynamodb:eu-central-1:123456789012:table/retail-sales-history/stream/2024-10-04T10:00:00.000"
KEY = ShardKey(STREAM, "shardId-00000001727949600000-0a1b2c3d")
NEW = Lease(KEY, "", 0, TRIM_HORIZON)
NUMBER = "4421584500000000017450439091"


@pytest.fixture
def table(world):
    return LeaseTable(world.clients.dynamodb, world.settings.leases_table)


@pytest.fixture
def item_of(world):
    """The item of a shard, which nothing of ours has read."""

    async def read(key):
        [item] = [item for item in await world.items(world.settings.leases_table) if item["sk"] == {"S": key.shard_id}]
        return item

    return read


async def test_a_lease_is_made_once(table):
    assert await table.create(NEW)
    taken = await table.replace(NEW, "a", NUMBER, NOW)
    assert not await table.create(NEW)
    assert await table.read(KEY) == taken == Lease(KEY, "a", 1, NUMBER)


async def test_of_two_who_make_it_at_once_one_does(table):
    made = await asyncio.gather(*(table.create(NEW) for _ in range(5)))
    assert sorted(made) == [False, False, False, False, True]


async def test_what_is_not_there_is_none(table):
    assert await table.read(KEY) is None
    assert await table.of(STREAM) == {}


async def test_it_is_written_from_the_version_that_was_read_and_from_no_other(table):
    await table.create(NEW)
    first = await table.replace(NEW, "a", TRIM_HORIZON, NOW)
    second = await table.replace(first, "a", NUMBER, NOW)
    assert (first.version, second) == (1, Lease(KEY, "a", 2, NUMBER))
    for stale in (NEW, first, second._replace(version=3)):
        assert await table.replace(stale, "b", "1", NOW) is None
    assert await table.read(KEY) == second


async def test_of_rivals_who_read_the_same_one_wins(table):
    await table.create(NEW)
    names = [f"rival {n}" for n in range(6)]
    written = await asyncio.gather(*(table.replace(NEW, name, TRIM_HORIZON, NOW) for name in names))
    [won] = [lease for lease in written if lease is not None]
    assert await table.read(KEY) == won == Lease(KEY, won.owner, 1, TRIM_HORIZON)


async def test_what_was_never_made_cannot_be_written(table):
    assert await table.replace(NEW, "a", TRIM_HORIZON, NOW) is None
    assert await table.read(KEY) is None


async def test_a_write_whose_answer_was_lost_stands_and_is_not_written_again(table, world):
    await table.create(NEW)
    world.trouble.plan("put_item", trouble.lost_answer)
    with pytest.raises(TransientFailure):
        await table.replace(NEW, "a", NUMBER, NOW)
    assert await table.replace(NEW, "a", NUMBER, NOW) is None
    assert await table.read(KEY) == Lease(KEY, "a", 1, NUMBER)


async def test_a_write_that_comes_late_changes_nothing(table, world):
    """Its sender has given it up meanwhile and written again."""
    held_up = asyncio.Event()

    async def late(passed, said):
        await held_up.wait()
        return await passed(**said)

    await table.create(NEW)
    world.trouble.plan("put_item", late)
    slow = asyncio.create_task(table.replace(NEW, "a", "1", NOW))
    await asyncio.sleep(0)
    written = await table.replace(NEW, "a", "2", NOW)
    held_up.set()
    assert await slow is None
    assert await table.read(KEY) == written == Lease(KEY, "a", 1, "2")


async def test_a_stream_has_its_own_leases_and_no_others(table):
    other = ShardKey(f"{STREAM}-other", KEY.shard_id)
    for key in (KEY, other):
        await table.create(NEW._replace(key=key))
    await table.replace(NEW, "a", NUMBER, NOW)
    assert await table.of(STREAM) == {KEY: Lease(KEY, "a", 1, NUMBER)}
    assert await table.of(other.stream) == {other: Lease(other, "", 0, TRIM_HORIZON)}


async def test_many_leases_come_in_pages_and_all_of_them(table, world):
    keys = [ShardKey(STREAM, f"shardId-{n:020}") for n in range(23)]
    for key in keys:
        await table.create(NEW._replace(key=key))
    world.trouble.always("query", trouble.pages_of(5))
    world.trouble.plan("query", trouble.error("ProvisionedThroughputExceededException"))
    assert await table.of(STREAM) == {key: NEW._replace(key=key) for key in keys}
    assert len(world.trouble.said("query")) == 6


@pytest.mark.parametrize("shard_id", ["s", "shardId-1#2 ü🛒", " ", "x" * 1_024])
async def test_ids_and_checkpoints_are_verbatim(table, shard_id):
    lease = Lease(ShardKey(f"{STREAM} #ü", shard_id), "wörker #1", 0, "0" * 40)
    await table.create(lease)
    assert await table.read(lease.key) == lease
    assert await table.of(lease.key.stream) == {lease.key: lease}


async def test_what_a_lease_says_of_its_parent_and_its_last_read_stays_with_it(table):
    lease = Lease(KEY, "", 0, TRIM_HORIZON, "shardId-of-the-parent", NOW)
    await table.create(lease)
    taken = await table.replace(lease._replace(read_at=NOW + 1), "a", NUMBER, NOW)
    assert taken == await table.read(KEY) == lease._replace(owner="a", version=1, checkpoint=NUMBER, read_at=NOW + 1)


async def test_a_look_is_kept_for_its_table_and_is_no_lease(table):
    assert await table.last_look("sales") is None
    for look in (Look(NOW, frozenset({STREAM})), Look(NOW + 1, frozenset({STREAM, f"{STREAM}-2"}))):
        await table.looked("sales", look)
        assert await table.last_look("sales") == look
    assert await table.last_look("other") is None
    assert await table.of(STREAM) == {}


async def test_only_the_lease_of_a_shard_at_its_end_grows_old(table, item_of):
    await table.create(NEW)
    first = await table.replace(NEW, "a", NUMBER, NOW)
    assert "expires_at" not in await item_of(KEY)
    await table.replace(first, "a", SHARD_END, NOW)
    assert (await item_of(KEY))["expires_at"] == {"N": str(NOW // 1000 + ENDED_KEPT_S)}


async def test_a_lease_is_read_as_it_is_now_and_not_as_it_was(table, world):
    """A stale one would make a living worker seem dead."""
    await table.read(KEY)
    await table.of(STREAM)
    assert [said["ConsistentRead"] for name in ("get_item", "query") for said in world.trouble.said(name)] == [True] * 2


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (trouble.error("ProvisionedThroughputExceededException"), Overloaded),
        (trouble.error("InternalServerError", 500), TransientFailure),
        (trouble.lost_request, TransientFailure),
        (trouble.error("AccessDeniedException"), Misconfigured),
    ],
)
async def test_a_failure_has_one_of_our_names_and_changes_nothing(table, world, fault, raised):
    await table.create(NEW)
    for operation in ("put_item", "get_item"):
        world.trouble.plan(operation, fault)
    with pytest.raises(raised):
        await table.replace(NEW, "a", NUMBER, NOW)
    with pytest.raises(raised):
        await table.read(KEY)
    assert await table.read(KEY) == NEW
