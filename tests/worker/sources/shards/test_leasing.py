"""Rounds of looking and taking over leases in memory, where rivals are as fast as a test wants them to be."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from fakes.clock import FakeClock
from fakes.metrics import RecordedMetrics

from handlers.errors import TransientFailure
from worker.settings import Settings
from worker.sources.shards.discovery import Listing
from worker.sources.shards.leases import Look
from worker.sources.shards.leasing import Leasing
from worker.sources.shards.lineage import SHARD_END, TRIM_HORIZON, Lease, Shard, ShardKey
from worker.sources.shards.owned import UNREAD_MAX_MS, Owned

PARENT, CHILD = ShardKey("arn", "parent"), ShardKey("arn", "child")
SHARDS = {PARENT: Shard(PARENT, None), CHILD: Shard(CHILD, PARENT)}


@dataclass
class Table:
    """The leases table in memory. rival: leases that another worker makes while we look."""

    leases: dict = field(default_factory=dict)
    rival: dict = field(default_factory=dict)
    look: Look | None = None

    async def of(self, stream):
        return dict(self.leases)

    async def create(self, lease):
        self.leases |= self.rival
        return self.leases.setdefault(lease.key, lease) is lease

    async def replace(self, lease, owner, checkpoint, now):
        if self.leases[lease.key].version != lease.version:
            return None
        self.leases[lease.key] = lease._replace(owner=owner, checkpoint=checkpoint, version=lease.version + 1)
        return self.leases[lease.key]

    async def read(self, key):
        return self.leases.get(key)

    async def last_look(self, watched):
        return self.look

    async def looked(self, watched, look):
        self.look = look


@dataclass
class Shards:
    """What the stream has."""

    shards: dict

    async def listing(self, known):
        return Listing(frozenset({key.stream for key in self.shards}), self.shards)


def leasing(table, shards=SHARDS, alarms=None, clock=None):
    settings = Settings(stream_table="sales", lease_s=1, checkpoint_interval_s=0.1)
    told = alarms if alarms is not None else []
    return Leasing(
        table,
        Shards(dict(shards)),
        lambda lease, now_s: Owned.of(None, lease, now_s),
        lambda stream, since, why: told.append(why),
        settings,
        clock or FakeClock(),
        RecordedMetrics(),
    )


async def test_a_child_waits_for_its_parent():
    table = Table()
    ours = leasing(table)
    await ours.look_after()
    assert set(ours.owned) == {PARENT}


async def test_a_child_waits_for_a_parent_whose_lease_a_rival_was_faster_to_make():
    rival = Lease(PARENT, "rival", 1, TRIM_HORIZON)
    ours = leasing(Table(rival={PARENT: rival}))
    await ours.look_after()
    assert set(ours.owned) == set()


async def test_a_child_whose_parent_was_read_to_its_end_is_taken():
    ours = leasing(Table(leases={PARENT: Lease(PARENT, "rival", 9, SHARD_END)}))
    await ours.look_after()
    assert set(ours.owned) == {CHILD}


async def test_a_child_whose_parent_nobody_ever_saw_is_taken():
    ours = leasing(Table(), {CHILD: SHARDS[CHILD]})
    await ours.look_after()
    assert set(ours.owned) == {CHILD}


async def test_a_stream_that_is_gone_is_remembered_as_long_as_something_of_it_is_not_settled():
    table = Table(leases={PARENT: Lease(PARENT, "", 3, "7")}, look=Look(FakeClock().now() - 1, frozenset({"arn"})))
    gone = leasing(table, {})
    await gone.look_after()
    assert set(gone.owned) == {PARENT}
    assert table.look.streams == {"arn"}
    await table.replace(table.leases[PARENT], "", SHARD_END, 0)
    await leasing(table, {}).look_after()
    assert table.look.streams == set()


async def test_what_another_worker_took_is_let_go():
    table = Table()
    ours = leasing(table, {PARENT: SHARDS[PARENT]})
    await ours.look_after()
    table.leases[PARENT] = table.leases[PARENT]._replace(owner="thief", version=7)
    held = ours.owned[PARENT]
    held.progress.read("1")
    held.progress.settle("1")
    await ours.write_progress()
    assert PARENT not in ours.owned
    assert table.leases[PARENT] == Lease(PARENT, "thief", 7, TRIM_HORIZON, "", table.leases[PARENT].read_at)


async def test_what_was_held_before_a_shard_was_lost_and_taken_again_writes_nothing_any_more():
    table = Table()
    ours = leasing(table, {PARENT: SHARDS[PARENT]})
    await ours.look_after()
    before = ours.owned.pop(PARENT)  # lost, while a write of it was on its way
    table.leases[PARENT] = table.leases[PARENT]._replace(owner="thief", version=7, checkpoint="9")
    await table.replace(table.leases[PARENT], before.lease.owner, "9", 0)  # and taken again
    before.progress.read("5")
    before.settle("5")
    await ours._renew(before)
    assert table.leases[PARENT].checkpoint == "9"


async def test_a_day_in_which_nobody_looked_is_an_alarm_once():
    clock, alarms = FakeClock(), []
    table = Table(look=Look(clock.now() - UNREAD_MAX_MS - 1, frozenset({"arn"})))
    ours = leasing(table, alarms=alarms, clock=clock)
    await ours.look_after()
    assert len(alarms) == 1
    await leasing(table, alarms=alarms, clock=clock).look_after()
    assert len(alarms) == 1


async def test_that_somebody_looked_is_known_before_there_is_any_lease():
    class NoLeases(Table):
        async def create(self, lease):
            raise TransientFailure("throttled")

    table, clock = NoLeases(), FakeClock()
    with pytest.raises(TransientFailure):
        await leasing(table, clock=clock).look_after()
    assert table.look == Look(clock.now(), frozenset({"arn"}))


async def test_a_lease_says_until_when_its_shard_was_settled_not_only_read():
    table = Table()
    ours = leasing(table, {PARENT: SHARDS[PARENT]})
    await ours.look_after()
    held, made_at = ours.owned[PARENT], table.leases[PARENT].read_at
    held.read_at += 5_000
    held.progress.read("1")
    await ours._renew(held)
    assert table.leases[PARENT].read_at == made_at
    held.settle("1")
    await ours._renew(held)
    assert (table.leases[PARENT].read_at, table.leases[PARENT].checkpoint) == (made_at + 5_000, "1")


async def test_a_new_lease_is_no_younger_than_the_last_look():
    clock = FakeClock()
    before = clock.now() - UNREAD_MAX_MS + 1
    table = Table(look=Look(before, frozenset({"arn"})))
    await leasing(table, clock=clock).look_after()
    assert table.leases[CHILD].read_at == before
