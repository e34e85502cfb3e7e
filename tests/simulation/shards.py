"""Which records does a table's stream hold, in which shards, and for how long?

Records are strictly ordered within a shard, and a child holds only what was written after its parents were closed. A
record is kept for a day; how much longer is the service's own affair. A closed shard goes with its last record."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple
from zlib import crc32

from domain.events import MS_PER_DAY
from simulation.expressions import Item, size_of
from simulation.network import Network, Said

VIEW = "NEW_AND_OLD_IMAGES"
HASHES = 2**32
OPEN_MAX = 8
NUMBERS_FROM = 10**21 - 500  # they soon have one digit more: as text they do not compare


class Record(NamedTuple):
    """said: as GetRecords tells it. written_at: ms of the true time."""

    number: int
    written_at: int
    said: Said

    @property
    def event_id(self) -> str:
        return str(self.said["eventID"])


@dataclass(slots=True, eq=False)
class Shard:
    """The changes of keys whose hashes lie in a range. parent: the one that it names, of two perhaps. kept_ms: how long
    it keeps a record. listed_at, end_listed_at: from when on (s) DescribeStream shows it, and that it is closed."""

    shard_id: str
    parent: Shard | None
    hashes: range
    first: int
    kept_ms: int
    listed_at: float
    records: list[Record] = field(default_factory=list)
    closed_at: int | None = None
    end_listed_at: float = 0.0

    @property
    def last(self) -> int:
        """The number of its last record, or the one it began with."""
        return self.records[-1].number if self.records else self.first

    def trimmed(self, now: int) -> int:
        """How many of its records are gone by now."""
        return bisect_right(self.records, now - self.kept_ms, key=attrgetter("written_at"))

    def trimmed_to(self, now: int) -> int:
        """The number of the last record that is gone; the one it began with, if none is."""
        count = self.trimmed(now)
        return self.records[count - 1].number if count else self.first

    def trimmed_at(self, record: Record) -> int:
        """When the record goes, or has gone."""
        return record.written_at + self.kept_ms

    def gone(self, now: int) -> bool:
        """Whether it is closed and nothing of it is left."""
        return self.closed_at is not None and now - self.closed_at >= self.kept_ms

    def after(self, number: int) -> list[Record]:
        """Its records behind this number."""
        return self.records[bisect_right(self.records, number, key=attrgetter("number")) :]


class Stream:
    """One stream of a table, from being enabled until a day after it was disabled. shards are all it ever had, parents
    before their children. Two streams use the same ids and numbers: only the ARN tells them apart."""

    def __init__(
        self, network: Network, now: Callable[[], int], table: str, label: str, shards: int, listed: bool
    ) -> None:
        self._network = network
        self._now = now
        self._number = NUMBERS_FROM
        self.label = label
        self.arn = f"arn:aws:dynamodb:eu-central-1:000000000000:table/{table}/stream/{label}"
        self.shards: list[Shard] = []
        self.disabled_at: int | None = None
        edges = [HASHES * k // shards for k in range(shards + 1)]
        for first, end in pairwise(edges):
            self._open(None, range(first, end), 0.0 if listed else self._lag())

    @property
    def open(self) -> list[Shard]:
        return sorted((s for s in self.shards if s.closed_at is None), key=lambda shard: shard.hashes.start)

    def gone(self, now: int) -> bool:
        """Whether nothing is left of it, not even its name."""
        return self.disabled_at is not None and all(shard.gone(now) for shard in self.shards)

    def disable(self) -> None:
        self.disabled_at = self._now()
        for shard in self.open:
            self._close(shard)

    def write(self, key: Item, old: Item | None, new: Item | None, identity: Said | None) -> Record:
        """One more record. Items with one hash key go to one shard."""
        (hash_key, *_) = key.values()
        hashed = crc32(hash_key["S"].encode())
        shard = next(shard for shard in self.open if hashed in shard.hashes)
        number = self._next_number()
        said: Said = {
            "eventID": f"{self._network.chance.getrandbits(128):032x}",
            "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-central-1",
            "dynamodb": _change(number, self._now(), key, {"OldImage": old, "NewImage": new}),
        }
        if identity is not None:
            said["userIdentity"] = identity
        shard.records.append(Record(number, self._now(), said))
        return shard.records[-1]

    def split(self) -> bool:
        """Two shards go on where there was one; False if there are enough."""
        if len(self.open) >= OPEN_MAX:
            return False
        shard = self._network.chance.choice(self.open)
        middle = (shard.hashes.start + shard.hashes.stop) // 2
        self._close(shard)
        self._open(shard, range(shard.hashes.start, middle), self._lag())
        self._open(shard, range(middle, shard.hashes.stop), self._lag())
        return True

    def roll(self) -> bool:
        """A new shard goes on where there was one, as happens every few hours."""
        shard = self._network.chance.choice(self.open)
        self._close(shard)
        self._open(shard, shard.hashes, self._lag())
        return True

    def merge(self) -> bool:
        """One shard goes on where there were two, and names one of them; False if there is only one."""
        neighbours = list(pairwise(self.open))
        if not neighbours:
            return False
        both = self._network.chance.choice(neighbours)
        for shard in both:
            self._close(shard)
        self._open(self._network.chance.choice(both), range(both[0].hashes.start, both[1].hashes.stop), self._lag())
        return True

    def _open(self, parent: Shard | None, hashes: range, lag_s: float) -> None:
        count = len(self.shards) + 1
        shard_id = f"shardId-{count:020d}-{crc32(str(count).encode()):08x}"
        # Nothing says that a record goes at the very moment at which it is a day old.
        kept_ms = MS_PER_DAY + self._network.chance.choice((0, 0, 5_000, 30_000))
        listed_at = max(self._network.loop.time() + lag_s, parent.listed_at if parent is not None else 0.0)
        self.shards.append(Shard(shard_id, parent, hashes, self._next_number(), kept_ms, listed_at))

    def _close(self, shard: Shard) -> None:
        shard.closed_at = self._now()
        shard.end_listed_at = self._network.loop.time() + self._lag()

    def _lag(self) -> float:
        return self._network.chance.choice((0.0, 0.5, 5.0, 12.0))

    def _next_number(self) -> int:
        self._number += self._network.chance.randint(1, 40)
        return self._number


def _change(number: int, now: int, key: Item, images: dict[str, Item | None]) -> Said:
    told = {name: image for name, image in images.items() if image is not None}
    return {
        "ApproximateCreationDateTime": datetime.fromtimestamp(now // 1000, UTC),
        "Keys": key,
        "SequenceNumber": str(number),
        "SizeBytes": sum(map(size_of, (key, *told.values()))),
        "StreamViewType": VIEW,
        **told,
    }
