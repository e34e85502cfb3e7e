"""A DynamoDB Streams in memory that keeps every promise of the real one and no other.

Listings come in pages and lag behind: a new shard, and that one is closed, shows late. A read may bring less than is
there, also nothing. An iterator is good for 15 minutes. What points before the oldest record is refused, and a shard
or a stream of which nothing is left is not known any more. A new stream of the table has another ARN; the old one stays
readable for a day."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple, Self

from simulation.expressions import Item
from simulation.network import Network, Said, ServiceError
from simulation.shards import VIEW, Record, Shard, Stream

LIMIT_MAX = 1_000
SHARDS_A_PAGE = 100
ITERATOR_MS = 15 * 60_000
READERS_MAX = 2  # of one shard, within a second
SHORT = 0.1  # of all reads bring less than there is, even in fair weather
OFF_S = (0.0, 2.0, 15.0)


class _Iterator(NamedTuple):
    """Behind which record of a shard the next read begins. issued_at: ms of the true time."""

    arn: str
    shard_id: str
    after: int
    issued_at: int

    def __str__(self) -> str:
        return "|".join(map(str, self))

    @classmethod
    def of(cls, text: str) -> Self:
        arn, shard_id, after, issued_at = text.split("|")
        return cls(arn, shard_id, int(after), int(issued_at))


class Streams:
    """The streams of one table, and the API to read them. now: the true time in ms. giving is told of each read that
    brings records, before it is answered."""

    def __init__(self, network: Network, table: str, shards: int, now: Callable[[], int]) -> None:
        self._network = network
        self._table = table
        self._shards = shards
        self._now = now
        self._readers: dict[Shard, deque[tuple[float, str]]] = {}
        self._pages: dict[tuple[str, str, str], list[Shard]] = {}
        self.giving: Callable[[Stream, Shard, list[Record]], None] = lambda stream, shard, records: None
        self.streams: list[Stream] = []
        self.counts: Counter[str] = Counter()
        self._enable()

    @property
    def enabled(self) -> bool:
        return self.streams[-1].disabled_at is None

    def happen(self, kind: str) -> None:
        """Lets shards "split", "roll" or "merge", or the table "renew" its stream, if that can be now."""
        if not self.enabled:
            return
        if kind == "renew":
            self.streams[-1].disable()
            self._network.loop.call_later(self._network.chance.choice(OFF_S), self._enable)
        elif not getattr(self.streams[-1], kind)():
            return
        self.counts[kind] += 1

    def _enable(self) -> None:
        count = len(self.streams)
        label = f"2024-10-04T10:00:{count:02d}.000"
        self.streams.append(Stream(self._network, self._now, self._table, label, self._shards, listed=not count))

    def specification(self) -> Said:
        """What DescribeTable says of it."""
        latest = self.streams[-1]
        said: Said = {"LatestStreamArn": latest.arn, "LatestStreamLabel": latest.label}
        if self.enabled:
            said["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": VIEW}
        return said

    def write(self, key: Item, old: Item | None, new: Item | None, identity: Said | None = None) -> Record | None:
        """The record of a change, None if nothing has changed."""
        if old == new:
            return None
        self.counts["written"] += 1
        return self.streams[-1].write(key, old, new, identity)

    def list_streams(self, said: Said, caller: str) -> Said:
        arns = [stream.arn for stream in self.streams if not stream.gone(self._now())]
        if said.get("TableName", self._table) != self._table:
            return {"Streams": []}
        start = said.get("ExclusiveStartStreamArn")
        if start is not None:
            arns = [arn for arn in arns if arn > start]
        page = arns[: min(said.get("Limit", 100), self._page())]
        streams = [{"StreamArn": s.arn, "TableName": self._table, "StreamLabel": s.label} for s in self.streams]
        answer: Said = {"Streams": [stream for stream in streams if stream["StreamArn"] in page]}
        return {**answer, "LastEvaluatedStreamArn": page[-1]} if len(page) < len(arns) else answer

    def describe_stream(self, said: Said, caller: str) -> Said:
        stream = self._stream(said["StreamArn"])
        start = said.get("ExclusiveStartShardId")
        listed = self._listed(stream) if start is None else self._after(stream, start, caller)
        size = min(said.get("Limit", SHARDS_A_PAGE), self._page())
        description: Said = {
            "StreamArn": stream.arn,
            "StreamLabel": stream.label,
            "StreamStatus": "ENABLED" if stream.disabled_at is None else "DISABLED",
            "StreamViewType": VIEW,
            "TableName": self._table,
            "Shards": [self._described(shard) for shard in listed[:size]],
        }
        if len(listed) > size:
            last = description["LastEvaluatedShardId"] = listed[size - 1].shard_id
            self._pages[caller, stream.arn, last] = listed[size:]
        return {"StreamDescription": description}

    def _listed(self, stream: Stream) -> list[Shard]:
        """What the listing knows by now, in no telling order."""
        now, now_s = self._now(), self._network.loop.time()
        return sorted((s for s in stream.shards if s.listed_at <= now_s and not s.gone(now)), key=_place)

    def _after(self, stream: Stream, start: str, caller: str) -> list[Shard]:
        """The next pages are of the same moment as the first: together they tell of every shard there was."""
        rest = self._pages.get((caller, stream.arn, start))
        return rest if rest is not None else [s for s in self._listed(stream) if _place(s) > start[-8:]]

    def _described(self, shard: Shard) -> Said:
        numbers = {"StartingSequenceNumber": str(shard.first)}
        if shard.closed_at is not None and shard.end_listed_at <= self._network.loop.time():
            numbers["EndingSequenceNumber"] = str(shard.last)
        said: Said = {"ShardId": shard.shard_id, "SequenceNumberRange": numbers}
        return said if shard.parent is None else {**said, "ParentShardId": shard.parent.shard_id}

    def get_shard_iterator(self, said: Said, caller: str) -> Said:
        stream, shard = self._shard(said["StreamArn"], said["ShardId"])
        kind, now = said["ShardIteratorType"], self._now()
        oldest = shard.trimmed_to(now)
        if kind == "TRIM_HORIZON":
            after = oldest
        elif kind == "AFTER_SEQUENCE_NUMBER":
            after = self._known(shard, said["SequenceNumber"])
            # Whether it is refused now or when it is used, and when nothing is missing yet, is nowhere promised.
            if (after < oldest or after == oldest > shard.first) and self._draw() < 0.5:
                self._refuse_trimmed()
        else:
            raise NotImplementedError(f"the simulated stream does not know: {kind}")
        return {"ShardIterator": str(_Iterator(stream.arn, shard.shard_id, after, now))}

    def _known(self, shard: Shard, number: str) -> int:
        known = int(number)
        if not shard.first <= known <= shard.last:
            raise ServiceError("ValidationException", f"no sequence number of {shard.shard_id}")
        return known

    def get_records(self, said: Said, caller: str) -> Said:
        at, limit, now = _Iterator.of(said["ShardIterator"]), said.get("Limit", LIMIT_MAX), self._now()
        if not 1 <= limit <= LIMIT_MAX:
            raise ServiceError("ValidationException", f"Limit: {limit}")
        if now - at.issued_at > ITERATOR_MS:
            self.counts["expired"] += 1
            raise ServiceError("ExpiredIteratorException")
        stream, shard = self._shard(at.arn, at.shard_id)
        self._crowd(shard, caller)
        if at.after < shard.trimmed_to(now):
            self._refuse_trimmed()
        records = shard.after(at.after)
        given = records[: self._given(min(limit, len(records)))]
        if given:
            self.giving(stream, shard, given)
            self.counts["read"] += len(given)
        answer: Said = {"Records": [dict(record.said) for record in given]}
        at_end = shard.closed_at is not None and len(given) == len(records)
        if at_end and self._draw() < 0.7:
            return answer
        after = given[-1].number if given else at.after
        return {**answer, "NextShardIterator": str(at._replace(after=after, issued_at=now))}

    def _given(self, count: int) -> int:
        short = self._draw() < SHORT + self._network.weather.partial
        return self._network.chance.randrange(count + 1) if short else count

    def _crowd(self, shard: Shard, caller: str) -> None:
        """More than two readers of a shard may be throttled."""
        now_s = self._network.loop.time()
        readers = self._readers.setdefault(shard, deque())
        readers.append((now_s, caller))
        while readers[0][0] < now_s - 1:
            readers.popleft()
        if len({name for _, name in readers}) > READERS_MAX:
            self.counts["crowded"] += 1
            if self._draw() < 0.5:
                raise ServiceError("LimitExceededException", "too many readers")

    def _refuse_trimmed(self) -> None:
        self.counts["trims"] += 1
        raise ServiceError("TrimmedDataAccessException", "past the oldest record")

    def _stream(self, arn: str) -> Stream:
        for stream in self.streams:
            if stream.arn == arn and not stream.gone(self._now()):
                return stream
        raise ServiceError("ResourceNotFoundException", f"no stream {arn}")

    def _shard(self, arn: str, shard_id: str) -> tuple[Stream, Shard]:
        stream = self._stream(arn)
        for shard in stream.shards:
            if shard.shard_id == shard_id and not shard.gone(self._now()):
                return stream, shard
        self.counts["gone"] += 1
        raise ServiceError("ResourceNotFoundException", f"no shard {shard_id}")

    def _page(self) -> int:
        unlucky = self._draw() < self._network.weather.partial
        return self._network.chance.choice((1, 2, 5)) if unlucky else SHARDS_A_PAGE

    def _draw(self) -> float:
        return self._network.chance.random()


def _place(shard: Shard) -> str:
    return shard.shard_id[-8:]
