"""Is what a checkpoint says true, and was nothing of a stream lost without a word?

Judged at the instant a lease is written: every record up to its checkpoint is counted, late or kept aside, or was
trimmed before anybody read it, and somebody was told. No checkpoint goes back, but to start anew after a trim. Nobody
is given a child's records before its parent is read to its end, or gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import inf

from domain.events import MS_PER_DAY
from simulation.checks import Violation
from simulation.expressions import Item
from simulation.network import Said
from simulation.shards import Record, Shard, Stream
from simulation.streams import Streams
from simulation.tables import Key, Table, Write

TRIM_HORIZON, SHARD_END = -1, inf
NOTHING_TRIMMED_MS = MS_PER_DAY * 9 // 10


class Checkpoints:
    """settled: whether the worker has done with a record. now: the true time in ms. counts: leases taken and stolen."""

    def __init__(
        self, streams: Streams, leases: Table, settled: Callable[[Record], bool], now: Callable[[], int]
    ) -> None:
        self._streams = streams
        self._leases = leases
        self._settled = settled
        self._now = now
        self._opened_at = now()
        self._checked: Counter[Shard] = Counter()
        self._ended: set[Shard] = set()
        self._alarm_at = -1
        self._begun_at = -1
        self.counts: Counter[str] = Counter()

    def heard(self, event: str, said: Said) -> None:
        """Something that a worker logs."""
        if event == "stream.trimmed":
            self._alarm_at = self._now()
            self.counts["alarms"] += 1
            self.counts["false_alarms"] += self._now() - self._opened_at < NOTHING_TRIMMED_MS

    def decided(self, writes: list[Write]) -> None:
        """Some writes to any table."""
        for table, key, item in writes:
            # Others say when somebody looked, or who reads a partition of the queue.
            if table == self._leases.name and not key[0].startswith(("T#", "Q#")):
                self._written(key, self._leases.items.get(key), item)

    def _written(self, key: Key, before: Item | None, item: Item | None) -> None:
        shard = self._shard_of(key)
        self._begun_at = self._now() if self._begun_at < 0 else self._begun_at
        if item is None:
            if not shard.gone(self._now()):
                raise Violation(f"the lease of {shard.shard_id} was deleted, and the shard is there")
            return
        self._count_owners(_owner(before), _owner(item))
        was, stands = _place(before), _place(item)
        if stands < was and not (stands == TRIM_HORIZON and was <= shard.trimmed_to(self._now())):
            raise Violation(f"the checkpoint of {shard.shard_id} went back from {was} to {stands}")
        if stands == SHARD_END and shard.closed_at is None:
            raise Violation(f"{shard.shard_id} is said to be at its end, and is open")
        self._check(key, shard, stands)
        if stands == SHARD_END:
            self._ended.add(shard)

    def _count_owners(self, before: str, owner: str) -> None:
        taken = bool(owner) and owner != before
        self.counts["leases_taken"] += taken
        self.counts["leases_stolen"] += taken and bool(before)

    def _check(self, key: Key, shard: Shard, upto: float) -> None:
        """Looks at what has not been looked at yet: what was settled once stays so."""
        while self._checked[shard] < len(shard.records):
            record = shard.records[self._checked[shard]]
            if record.number > upto:
                return
            if not self._settled(record) and not self._told_of(shard, record):
                raise Violation(f"{key[1]} is settled up to {upto}, and its record {record.number} is nowhere")
            self._checked[shard] += 1

    def _told_of(self, shard: Shard, record: Record) -> bool:
        """Whether a record was trimmed, and an alarm raised since it was written: whoever hears it reads the whole
        table as it is then, as does whoever begins to read a stream. Its first lease is as good as an alarm."""
        return shard.trimmed_at(record) <= self._now() and record.written_at <= max(self._alarm_at, self._begun_at)

    def giving(self, stream: Stream, shard: Shard, records: list[Record]) -> None:
        """Somebody is about to read these."""
        parent = shard.parent
        if parent is not None and parent not in self._ended and not parent.gone(self._now()):
            raise Violation(f"{shard.shard_id} was read before its parent {parent.shard_id} was read to its end")

    def unfinished(self) -> dict[str, int]:
        """What is still to be done, by its name."""
        now, count = self._now(), Counter[str]()
        for key, shard in self._shards():
            stands = _place(self._leases.items.get(key))
            waiting = shard.after(max(stands, shard.trimmed_to(now))) if stands != SHARD_END else []
            count["records beyond their checkpoint"] += len(waiting)
            count["shards not at their end"] += (
                shard.closed_at is not None and stands != SHARD_END and not shard.gone(now)
            )
            count["records lost without an alarm"] += sum(
                shard.trimmed_at(record) <= now and not self._told_of(shard, record)
                for record in self._unsettled(shard, self._checked[shard])
            )
        return count

    def lost(self) -> list[Record]:
        """In the end: what was trimmed before it was settled. Everything else must be settled."""
        if self.counts["false_alarms"]:
            raise Violation("an alarm was raised, and nothing can have been trimmed")
        lost = []
        for key, shard in self._shards():
            for record in self._unsettled(shard):
                if not self._told_of(shard, record):
                    raise Violation(f"lost: record {record.number} of {key[1]}: {record.said}")
                lost.append(record)
        return lost

    def _unsettled(self, shard: Shard, first: int = 0) -> list[Record]:
        return [record for record in shard.records[first:] if not self._settled(record)]

    def _shards(self) -> list[tuple[Key, Shard]]:
        return [((stream.arn, s.shard_id), s) for stream in self._streams.streams for s in stream.shards]

    def _shard_of(self, key: Key) -> Shard:
        for known, shard in self._shards():
            if known == key:
                return shard
        raise Violation(f"a lease of no shard: {key}")


def _owner(lease: Item | None) -> str:
    return lease["owner"]["S"] if lease is not None else ""


def _place(lease: Item | None) -> float:
    """How far a lease says that its shard is settled; a lease that is not there says nothing."""
    said = lease["checkpoint"]["S"] if lease is not None else "TRIM_HORIZON"
    return {"TRIM_HORIZON": TRIM_HORIZON, "SHARD_END": SHARD_END}.get(said) or int(said)
