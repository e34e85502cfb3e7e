"""Which shards may be read, and which leases are still to be made?

A child is read only when its parent was read to its end. Leases are made for parents first and name their parent, so
that nobody has to trust a listing of his own: a child whose parent has no lease has one that was gone before anybody
looked, and waits for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

TRIM_HORIZON = "TRIM_HORIZON"
SHARD_END = "SHARD_END"


class ShardKey(NamedTuple):
    """A shard of a stream. Shards of two streams may have one id, so that the stream is a part of the name."""

    stream: str
    shard_id: str


class Shard(NamedTuple):
    """A shard as DescribeStream lists it."""

    key: ShardKey
    parent: ShardKey | None


class Lease(NamedTuple):
    """Who reads a shard, and how far it is settled. owner is empty if nobody does. version counts the writes of the
    lease: each one is conditional on the one before. checkpoint: everything at or below it is settled. parent: the id
    of the shard that must be read before, if any. read_at: when it was last read with success, or made (ms)."""

    key: ShardKey
    owner: str
    version: int
    checkpoint: str
    parent: str = ""
    read_at: int = 0

    @property
    def ended(self) -> bool:
        return self.checkpoint == SHARD_END


def unleased(shards: Mapping[ShardKey, Shard], leases: Mapping[ShardKey, Lease], read_at: int) -> list[Lease]:
    """A lease to make for each shard that has none, parents first: nobody's, from the oldest record there is. read_at
    (ms): a time at which it held no record yet, as far as that is known."""
    missing = [shard for key, shard in shards.items() if key not in leases]
    return [
        Lease(shard.key, "", 0, TRIM_HORIZON, shard.parent.shard_id if shard.parent else "", read_at)
        for shard in sorted(missing, key=lambda shard: _generation(shard, shards))
    ]


def _generation(shard: Shard, shards: Mapping[ShardKey, Shard]) -> int:
    """How many of its ancestors are listed."""
    generation, parent = 0, shard.parent
    while parent is not None and parent in shards and generation < len(shards):
        generation, parent = generation + 1, shards[parent].parent
    return generation


def readable(leases: Mapping[ShardKey, Lease]) -> list[Lease]:
    """The leases of shards that are not at their end and do not wait for a parent."""
    return [lease for lease in leases.values() if not lease.ended and not _waits(lease, leases)]


def _waits(lease: Lease, leases: Mapping[ShardKey, Lease]) -> bool:
    parent = leases.get(ShardKey(lease.key.stream, lease.parent))
    return parent is not None and not parent.ended


def settled_streams(streams: Iterable[str], leases: Mapping[ShardKey, Lease]) -> set[str]:
    """The streams of which nothing is left to read."""
    unsettled = {lease.key.stream for lease in leases.values() if not lease.ended}
    return set(streams) - unsettled
