"""Does the judge object to each thing that a checkpoint may say wrongly, and to nothing else?"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from domain.events import MS_PER_DAY
from simulation.checkpoints import Checkpoints
from simulation.checks import Violation
from simulation.stream_bench import Bench
from simulation.table import Table

ALARM = ("stream.trimmed", {})


class Court(Bench):
    """A stream, the table of leases, and the judge; settled are the records that the worker has done with."""

    def __init__(self, shards=1) -> None:
        super().__init__(shards)
        self.settled = set()
        self.leases = Table("leases", ("pk", "sk"))
        self.judge = Checkpoints(self.streams, self.leases, lambda record: record.event_id in self.settled, self.now)

    def settle(self, *records):
        self.settled |= {record.event_id for record in records}

    def says(self, shard, checkpoint, owner="w1"):
        """A lease is written."""
        key = (self.stream.arn, shard.shard_id)
        item = {"checkpoint": {"S": str(checkpoint)}, "owner": {"S": owner}}
        self.judge.decided([("leases", key, item)])
        self.leases.show(key, item)

    def gone(self, shard):
        self.judge.decided([("leases", (self.stream.arn, shard.shard_id), None)])


@pytest.fixture
def court():
    """Three records, of which the first is settled."""
    court = Court()
    court.write("P1", 3)
    court.shard = court.stream.shards[0]
    court.settle(court.shard.records[0])
    return court


def test_what_is_settled_may_be_checkpointed(court):
    first, *others = court.shard.records
    court.says(court.shard, "TRIM_HORIZON")
    court.says(court.shard, first.number)
    court.settle(*others)
    court.streams.happen("roll")
    court.says(court.shard, "SHARD_END", owner="w2")
    assert court.judge.lost() == []
    assert not any(court.judge.unfinished().values())
    assert court.judge.counts == {"leases_taken": 2, "leases_stolen": 1}


def test_a_checkpoint_over_an_unsettled_record_is_wrong(court):
    court.settle(court.shard.records[2])
    with pytest.raises(Violation, match="is nowhere"):
        court.says(court.shard, court.shard.records[2].number)


def test_the_end_of_an_open_shard_is_wrong(court):
    court.settle(*court.shard.records)
    with pytest.raises(Violation, match="is open"):
        court.says(court.shard, "SHARD_END")


def test_a_checkpoint_does_not_go_back(court):
    court.says(court.shard, court.shard.records[0].number)
    with pytest.raises(Violation, match="went back"):
        court.says(court.shard, "TRIM_HORIZON")


def test_after_a_trim_a_checkpoint_may_begin_anew(court):
    court.says(court.shard, court.shard.records[0].number)
    court.leapt += 2 * MS_PER_DAY
    court.says(court.shard, "TRIM_HORIZON")


def test_the_lease_of_a_shard_that_is_there_is_not_deleted(court):
    with pytest.raises(Violation, match="was deleted"):
        court.gone(court.shard)
    court.streams.happen("roll")
    court.leapt += 2 * MS_PER_DAY
    court.gone(court.shard)


def test_a_child_is_read_after_its_parent_or_when_that_is_gone(court):
    court.settle(*court.shard.records)
    court.streams.happen("roll")
    child, given = court.stream.shards[1], [SimpleNamespace()]
    with pytest.raises(Violation, match="before its parent"):
        court.judge.giving(court.stream, child, given)
    court.says(court.shard, "SHARD_END")
    court.judge.giving(court.stream, child, given)


def test_nothing_is_lost_without_an_alarm(court):
    court.says(court.shard, court.shard.records[0].number)
    court.settle(*court.shard.records)
    court.leapt += 1
    court.write("P1", 2)
    assert court.judge.unfinished()["records beyond their checkpoint"] == 4
    court.leapt += 2 * MS_PER_DAY
    assert court.judge.unfinished()["records lost without an alarm"] == 2
    with pytest.raises(Violation, match="lost"):
        court.judge.lost()
    court.judge.heard(*ALARM)
    assert court.judge.lost() == court.shard.records[3:]


def test_an_alarm_speaks_of_nothing_that_was_written_later(court):
    court.says(court.shard, "TRIM_HORIZON")
    court.leapt += 2 * MS_PER_DAY
    court.judge.heard(*ALARM)
    court.leapt += 1
    court.write("P1")
    court.leapt += 2 * MS_PER_DAY
    with pytest.raises(Violation, match="lost"):
        court.judge.lost()


def test_what_went_before_anybody_read_is_no_loss(court):
    court.leapt += 2 * MS_PER_DAY
    court.says(court.shard, "TRIM_HORIZON")
    assert court.judge.lost() == court.shard.records[1:]


def test_an_alarm_on_the_first_day_is_false(court):
    court.settle(*court.shard.records)
    court.judge.heard(*ALARM)
    with pytest.raises(Violation, match="nothing can have been trimmed"):
        court.judge.lost()
