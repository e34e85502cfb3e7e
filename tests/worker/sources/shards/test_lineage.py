"""A child waits for its parent, and nobody waits for what is gone."""

from __future__ import annotations

import pytest
from fakes.clock import NOW
from hypothesis import given
from hypothesis import strategies as st

from worker.sources.shards.lineage import (
    SHARD_END,
    TRIM_HORIZON,
    Lease,
    Shard,
    ShardKey,
    readable,
    settled_streams,
    unleased,
)

STREAM = "arn:stream/1"
PARENT, CHILD, GRANDCHILD = (ShardKey(STREAM, name) for name in ("parent", "child", "grandchild"))
LISTED = {CHILD: Shard(CHILD, PARENT), GRANDCHILD: Shard(GRANDCHILD, CHILD), PARENT: Shard(PARENT, None)}


def lease(key, checkpoint=TRIM_HORIZON, owner="", parent=""):
    return Lease(key, owner, 1, checkpoint, parent)


def leases(*all_of_them):
    return {each.key: each for each in all_of_them}


def keys(found):
    return [each.key for each in found]


def test_a_shard_without_a_lease_is_given_one_that_is_nobodys_and_begins_at_the_oldest_record():
    assert unleased(LISTED, leases(lease(CHILD), lease(GRANDCHILD)), NOW) == [
        Lease(PARENT, "", 0, TRIM_HORIZON, "", NOW),
    ]
    assert unleased(LISTED, leases(lease(PARENT), lease(GRANDCHILD)), NOW) == [
        Lease(CHILD, "", 0, TRIM_HORIZON, "parent", NOW),
    ]
    assert unleased(LISTED, leases(*map(lease, LISTED)), NOW) == []


def test_parents_are_given_theirs_before_their_children():
    """A child's lease that stands alone would not be waited for anything."""
    assert keys(unleased(LISTED, {}, NOW)) == [PARENT, CHILD, GRANDCHILD]


def test_a_parent_that_is_gone_is_remembered_and_given_no_lease():
    [made] = unleased({CHILD: LISTED[CHILD]}, {}, NOW)
    assert (made.key, made.parent) == (CHILD, "parent")


def test_shards_that_name_each_other_as_parents_are_no_endless_search():
    circle = {PARENT: Shard(PARENT, CHILD), CHILD: Shard(CHILD, PARENT)}
    assert set(keys(unleased(circle, {}, NOW))) == set(circle)


def test_shards_of_two_streams_with_one_id_are_two():
    old, new = ShardKey("arn:stream/1", "shard"), ShardKey("arn:stream/2", "shard")
    shards = {key: Shard(key, None) for key in (old, new)}
    assert keys(unleased(shards, leases(lease(old, SHARD_END)), NOW)) == [new]
    assert keys(readable(leases(lease(old, SHARD_END), lease(new)))) == [new]
    child = lease(ShardKey("arn:stream/2", "child"), parent="shard")
    assert keys(readable(leases(lease(old), child))) == [old, child.key]


@pytest.mark.parametrize(
    ("held", "found"),
    [
        pytest.param([lease(PARENT), lease(CHILD, parent="parent")], [PARENT], id="nobody has read the parent"),
        pytest.param(
            [lease(PARENT, "77", "another"), lease(CHILD, parent="parent")], [PARENT], id="somebody reads the parent"
        ),
        pytest.param([lease(PARENT, SHARD_END), lease(CHILD, parent="parent")], [CHILD], id="the parent is read"),
        pytest.param([lease(CHILD, parent="parent")], [CHILD], id="the parent was gone before anybody saw it"),
        pytest.param([lease(PARENT, SHARD_END), lease(CHILD, SHARD_END)], [], id="everything is read"),
        pytest.param(
            [lease(PARENT), lease(CHILD, parent="parent"), lease(GRANDCHILD, parent="child")],
            [PARENT],
            id="the parent itself waits",
        ),
        pytest.param([], [], id="nothing has a lease"),
    ],
)
def test_a_shard_is_read_when_its_parent_was_or_is_gone(held, found):
    assert keys(readable(leases(*held))) == found


def test_a_stream_is_settled_when_each_of_its_leases_is_at_its_end():
    other = ShardKey("arn:stream/2", "shard")
    held = leases(lease(PARENT, SHARD_END), lease(CHILD), lease(other, SHARD_END))
    assert settled_streams([STREAM, other.stream], held) == {other.stream}
    assert settled_streams([STREAM], leases(lease(PARENT, SHARD_END))) == {STREAM}
    assert settled_streams([], held) == set()


@st.composite
def streams(draw):
    """Shards, each perhaps with a parent among those before it, in any order, and which are not listed any more."""
    count = draw(st.integers(1, 8))
    names = [ShardKey(STREAM, str(n)) for n in range(count)]
    parents = [draw(st.sampled_from([None, ShardKey(STREAM, "long gone"), *names[:n]])) for n in range(count)]
    parent_of = dict(zip(names, parents, strict=True))
    listed = draw(st.permutations(names))[: draw(st.integers(1, count))]
    return {key: Shard(key, parent_of[key]) for key in listed}


@given(streams(), st.randoms(use_true_random=False))
def test_every_shard_is_read_once_and_none_before_its_parent(listed, chance):
    held, read = {}, []
    for made in unleased(listed, {}, NOW):
        held[made.key] = made
        # Somebody may look while the leases are made, one after the other.
        read_too_early = [key for key in keys(readable(held)) if listed[key].parent in set(listed) - set(held)]
        assert read_too_early == []
    while found := keys(readable(held)):
        key = chance.choice(found)
        held[key] = held[key]._replace(checkpoint=SHARD_END)
        read.append(key)
    assert (len(read), set(read)) == (len(listed), set(listed))
    for key in listed:
        parent = listed[key].parent
        assert parent not in read or read.index(parent) < read.index(key)
