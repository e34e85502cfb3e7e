"""Whose turn is it to read a shard?

Every worker takes its share: the shards that can be read, divided by the workers that live. What is free is taken
first; only if nothing is, one shard is stolen from whoever has at least two more than we have. A lease is dead when its
version has not moved for a while on the observer's own clock, so that no two clocks are ever compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from worker.sources.shards.lineage import Lease, ShardKey


class Watch:
    """Since when has each lease stood at its version? Times are seconds of the observer's own clock."""

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._seen: dict[ShardKey, tuple[int, float]] = {}

    def look(self, leases: Mapping[ShardKey, Lease], now_s: float) -> None:
        """Takes note of how the leases stand now."""
        before = self._seen
        self._seen = {
            key: before[key] if key in before and before[key][0] == lease.version else (lease.version, now_s)
            for key, lease in leases.items()
        }

    def free(self, lease: Lease, now_s: float) -> bool:
        """Whether nobody owns it, or its owner seems to be dead."""
        seen = self._seen.get(lease.key)
        return not lease.owner or (seen is not None and now_s - seen[1] >= self._lease_s)


def to_take(me: str, leases: Sequence[Lease], free: Sequence[Lease]) -> list[Lease]:
    """The leases to take over now. leases are those of all readable shards; free, those of them that nobody holds."""
    unheld = {lease.key for lease in free}
    held = Counter(lease.owner for lease in leases if lease.key not in unheld)
    held.setdefault(me, 0)
    share = -(-len(leases) // len(held))
    wanted = share - held[me]
    if wanted <= 0:
        return []
    if free:
        return list(free[:wanted])
    richest = max(sorted(held), key=lambda owner: held[owner])
    if held[richest] < held[me] + 2:
        return []
    return [next(lease for lease in leases if lease.owner == richest)]
