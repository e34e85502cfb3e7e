"""One read at a time, none while too much is unsettled, and ever fewer where there is no news, or no success."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes.clock import NOW

from worker.sources.shards import owned as owned_shards
from worker.sources.shards.lineage import TRIM_HORIZON, Lease, ShardKey
from worker.sources.shards.owned import (
    AGAIN_MAX_S,
    ATTEMPTS_ALONE_MAX,
    ATTEMPTS_FULL_MAX,
    ATTEMPTS_MAX,
    FAILED_FIRST_S,
    FAILED_MAX_S,
    IDLE_FIRST_S,
    Owned,
    again_after_s,
)
from worker.sources.shards.position import Page
from worker.sources.source import Message

KEY = ShardKey("arn:stream/1", "shard")
LEASE_S, NOW_S, IDLE_MAX_S = 30.0, 1_000.0, 1.0
HOUR_MS = 3_600_000


@pytest.fixture
def shard():
    return Owned.of(None, Lease(KEY, "me", 3, "0"), NOW_S)


def took(shard, page):
    shard.took(page, IDLE_MAX_S, NOW_S, NOW)


def page(*numbers, **said):
    return Page([{"dynamodb": {"SequenceNumber": number}} for number in numbers], **said)


def message(name, body="body"):
    return Message(name, f"receipt of {name}", body, source="stream")


@pytest.mark.parametrize("checkpoint", [TRIM_HORIZON, "77"])
def test_it_begins_where_the_lease_says(checkpoint):
    shard = Owned.of(None, Lease(KEY, "me", 3, checkpoint), NOW_S)
    assert (shard.key, shard.position.after, shard.progress.safe) == (KEY, checkpoint, checkpoint)


def test_it_may_be_read_as_long_as_the_lease_is_surely_ours(shard):
    assert shard.may_be_read(LEASE_S, NOW_S)
    assert shard.may_be_read(LEASE_S, NOW_S + LEASE_S - 0.1)
    assert not shard.may_be_read(LEASE_S, NOW_S + LEASE_S)
    shard.renewed_at = NOW_S + 10
    assert shard.may_be_read(LEASE_S, NOW_S + LEASE_S)


@pytest.mark.parametrize("busy", [{"reading": True}, {"at_end": True}])
def test_it_is_not_read_while_it_is_read_or_when_it_is_at_its_end(shard, busy):
    assert not replace(shard, **busy).may_be_read(LEASE_S, NOW_S)


def test_it_is_not_read_while_too_much_of_it_is_unsettled(shard, monkeypatch):
    monkeypatch.setattr(owned_shards, "UNSETTLED_MAX", 3)
    took(shard, page("1", "2", "3"))
    assert not shard.may_be_read(LEASE_S, NOW_S)
    shard.progress.settle("2")
    assert not shard.may_be_read(LEASE_S, NOW_S)
    shard.progress.settle("1")
    assert shard.may_be_read(LEASE_S, NOW_S)


def test_it_is_not_read_while_too_much_of_it_comes_again(shard, monkeypatch):
    monkeypatch.setattr(owned_shards, "AGAIN_MAX", 2)
    for name in "ab":
        assert shard.may_be_read(LEASE_S, NOW_S)
        shard.comes_again(NOW_S, message(name), name)
    assert not shard.may_be_read(LEASE_S, NOW_S)
    shard.due_again(NOW_S, 1)
    assert shard.may_be_read(LEASE_S, NOW_S)


def test_news_are_followed_by_the_next_read_at_once_and_none_by_ever_later_ones(shard):
    waits = []
    for _ in range(6):
        took(shard, page())
        waits.append(shard.due_at - NOW_S)
    assert waits == pytest.approx([0.2, 0.4, 0.8, IDLE_MAX_S, IDLE_MAX_S, IDLE_MAX_S])
    took(shard, page("1"))
    assert (shard.due_at, shard.idle_s) == (NOW_S, IDLE_FIRST_S)
    took(shard, page())
    assert shard.due_at - NOW_S == pytest.approx(0.2)


def test_it_is_finished_when_it_is_at_its_end_and_all_of_it_is_settled(shard):
    took(shard, page("1"))
    assert not shard.finished
    took(shard, page("2", at_end=True))
    shard.progress.settle("2")
    assert not shard.finished
    shard.progress.settle("1")
    assert shard.finished


def test_a_shard_that_nobody_read_for_a_day_may_have_lost_its_first_records(shard):
    """Beyond the first one the stream itself says so."""
    shard = Owned.of(None, Lease(KEY, "me", 3, TRIM_HORIZON, read_at=NOW), NOW_S)
    assert not shard.unread_too_long(NOW + 22 * HOUR_MS)
    assert shard.unread_too_long(NOW + 24 * HOUR_MS)
    begun = Owned.of(None, Lease(KEY, "me", 3, "77", read_at=NOW), NOW_S)
    assert not begun.unread_too_long(NOW + 24 * HOUR_MS)
    shard.took(page(), IDLE_MAX_S, NOW_S, NOW + 20 * HOUR_MS)
    assert not shard.unread_too_long(NOW + 42 * HOUR_MS)
    assert shard.unread_too_long(NOW + 44 * HOUR_MS)


def test_after_a_failure_the_next_read_waits_ever_longer_and_not_in_step_with_others(shard):
    waits = []
    for _ in range(40):
        shard.failed(NOW_S)
        waits.append(shard.due_at - NOW_S)
    longest = [min(FAILED_MAX_S, FAILED_FIRST_S * 2**n) for n in range(40)]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert len(set(waits)) == 40
    assert not shard.may_be_read(LEASE_S, NOW_S)
    assert shard.may_be_read(LEASE_S * 2, NOW_S + FAILED_MAX_S)
    took(shard, page())
    shard.failed(NOW_S)
    assert shard.due_at - NOW_S <= FAILED_FIRST_S


def test_it_is_busy_as_long_as_its_reads_bring_something(shard):
    took(shard, page("1"))
    assert shard.busy
    took(shard, page())
    assert not shard.busy
    took(shard, page("2"))
    assert shard.busy


def test_what_waits_is_not_at_its_end_although_its_records_are_all_forgotten(shard):
    """As after a trim, when it counts anew."""
    shard.comes_again(NOW_S, message("a"), "1")
    took(shard, page(at_end=True))
    assert not shard.finished
    shard.due_again(NOW_S, 1)
    assert shard.finished


@pytest.mark.parametrize(("receives", "wait_s"), [(1, 2), (2, 4), (8, 256), (9, AGAIN_MAX_S), (80, AGAIN_MAX_S)])
def test_what_was_tried_often_waits_long_and_none_for_ever(receives, wait_s):
    assert again_after_s(receives) == wait_s


def test_what_comes_again_comes_when_its_time_has_come_and_once(shard):
    later, sooner = message("later"), message("sooner")
    shard.comes_again(NOW_S + 8, later, "1")
    shard.comes_again(NOW_S + 2, sooner, "2")
    assert shard.due_again(NOW_S + 1.9, 10) == []
    assert shard.due_again(NOW_S + 2, 10) == [(sooner, "2")]
    assert shard.due_again(NOW_S + 2, 10) == []
    assert shard.due_again(NOW_S + 8, 10) == [(later, "1")]


def test_no_more_comes_again_at_a_time_than_there_is_room_for(shard):
    for name in "abcde":
        shard.comes_again(NOW_S, message(name), name)
    batches = [[number for _, number in shard.due_again(NOW_S, 2)] for _ in range(4)]
    assert batches == [["a", "b"], ["c", "d"], ["e"], []]


def test_two_messages_that_are_alike_both_come_again(shard):
    for number in "12":
        shard.comes_again(NOW_S, message("twin"), number)
    assert shard.due_again(NOW_S, 1) == [(message("twin"), "1")]
    assert shard.due_again(NOW_S, 1) == [(message("twin"), "2")]


def test_the_bytes_of_what_waits_are_known_and_in_the_end_none_are_left(shard):
    shard.comes_again(NOW_S, message("small", "x"), "1")
    small = shard.again_bytes
    shard.comes_again(NOW_S + 1, message("large", "x" * 1_000), "2")
    assert shard.again_bytes == 2 * small + 999
    shard.due_again(NOW_S, 10)
    assert shard.again_bytes == small + 999
    shard.due_again(NOW_S + 1, 10)
    assert shard.again_bytes == 0


def refused(shard, number, receives):
    """Whether a record that was tried so often and could not be settled makes way."""
    return shard.hopeless(message(number)._replace(receives=receives), number)


def test_a_record_makes_way_after_some_attempts_if_others_were_settled_meanwhile(shard):
    took(shard, page("poison", "1", "2"))
    shard.settle("1")
    assert not refused(shard, "poison", 1)
    shard.settle("2")
    assert not refused(shard, "poison", ATTEMPTS_MAX - 1)
    assert refused(shard, "poison", ATTEMPTS_MAX)


def test_while_nothing_else_is_settled_either_it_is_tried_much_longer(shard):
    took(shard, page("a", "b"))
    for number in "ab":
        assert not refused(shard, number, 1)
    assert not refused(shard, "a", ATTEMPTS_ALONE_MAX - 1)
    assert refused(shard, "a", ATTEMPTS_ALONE_MAX)
    # Settled at last, a shows that it is b's own fault.
    shard.settle("a")
    assert refused(shard, "b", ATTEMPTS_MAX)


def test_what_keeps_all_others_from_being_read_is_tried_at_once_and_makes_way_soon(shard, monkeypatch):
    monkeypatch.setattr(owned_shards, "UNSETTLED_MAX", 2)
    took(shard, page("poison", "1"))
    assert not refused(shard, "poison", 1)
    shard.comes_again(NOW_S + 2, message("poison"), "poison")
    # Full, but nothing was settled since: waiting may help.
    assert shard.due_again(NOW_S, 10) == []
    shard.settle("1")
    assert shard.due_again(NOW_S, 10) == [(message("poison"), "poison")]
    assert refused(shard, "poison", ATTEMPTS_FULL_MAX)
    assert not shard.may_be_read(LEASE_S, NOW_S)
    shard.settle("poison")
    assert shard.may_be_read(LEASE_S, NOW_S)


def test_of_what_is_settled_no_failure_is_remembered(shard):
    took(shard, page("1", "2"))
    refused(shard, "1", 1)
    shard.settle("1")
    assert shard.failed_at == {}
    assert shard.progress.safe == "1"
