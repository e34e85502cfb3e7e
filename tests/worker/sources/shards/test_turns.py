"""A shard with news is read every other time, and the rest of the time whichever waits longest."""

from __future__ import annotations

import pytest
from fakes.clock import FakeClock
from fakes.metrics import RecordedMetrics
from fakes.parking import InMemoryParking

from worker.settings import Settings
from worker.sources import dynamodb_streams
from worker.sources.dynamodb_streams import DynamoStreamSource
from worker.sources.shards.lineage import Lease, ShardKey
from worker.sources.shards.owned import Owned
from worker.sources.shards.position import Page
from worker.sources.source import Message

NOW_S = 1_000.0


@pytest.fixture
def source():
    settings = Settings(stream_table="retail-sales-history")
    return DynamoStreamSource(None, None, InMemoryParking(), FakeClock(), RecordedMetrics(), settings)


def shard(source, name, waits_s=0.0, *, busy=False):
    """A shard of ours whose turn came so many seconds ago, and that had something to say the last time, or not."""
    owned = Owned.of(None, Lease(ShardKey("arn:stream/1", name), "me", 1, "0"), NOW_S)
    if not busy:
        owned.took(Page([]), 1.0, NOW_S, 0)
    owned.due_at = NOW_S - waits_s
    source._leasing.owned[owned.key] = owned
    return owned


def turns(source, count):
    found = [source._next(NOW_S) for _ in range(count)]
    return [owned.key.shard_id if owned is not None else None for owned in found]


def test_a_shard_with_news_comes_every_other_time(source):
    for n in range(5):
        shard(source, f"idle {n}", waits_s=5 - n)
    shard(source, "busy", busy=True)
    assert turns(source, 4) == ["busy", "idle 0", "busy", "idle 0"]


def test_of_several_the_one_that_waits_longest_comes(source):
    shard(source, "later", waits_s=1, busy=True)
    shard(source, "sooner", waits_s=2, busy=True)
    shard(source, "idle", waits_s=9)
    assert turns(source, 2) == ["sooner", "idle"]


def test_without_news_anywhere_it_is_each_ones_turn(source):
    shard(source, "a", waits_s=2)
    shard(source, "b", waits_s=1)
    assert turns(source, 2) == ["a", "a"]


def test_whose_turn_has_not_come_yet_is_not_read(source):
    shard(source, "a", waits_s=-0.1, busy=True)
    assert turns(source, 2) == [None, None]


def test_nothing_is_read_while_too_much_waits_to_come_again(source, monkeypatch):
    monkeypatch.setattr(dynamodb_streams, "AGAIN_BYTES_MAX", 1_000)
    shard(source, "a", busy=True)
    shard(source, "b").comes_again(NOW_S + 9, Message("m", "", "x" * 2_000), "1")
    assert turns(source, 2) == [None, None]
