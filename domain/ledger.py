"""Was this event counted already?

Each product keeps the ids of what it counted: the newest in a short tail that rides in the product's own header, the
older ones in numbered segments that are written once and never changed. The header says which numbers are alive, and
every change of it is fenced by its version, so header and segments always agree. An id is forgotten only with its
whole segment, when every event of it would be late anyway and the horizon has passed on the wall clock too.

An entry is 16 bytes of BLAKE2b of the event id and 4 bytes of its payload: two ids of one product collide with a
chance below 1e-24 even at ten million ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from domain.events import Event, SaleRecorded
from domain.id_filter import Ids
from domain.sales import SaleColumns

ID_BYTES = 16
PAYLOAD_BYTES = 4
ENTRY_BYTES = ID_BYTES + PAYLOAD_BYTES
TAIL_ENTRIES = 16
SEGMENT_ENTRIES_MAX = 8_192  # 160 KB, well under the 400 KB of an item
DROPPED_PER_COMMIT_MAX = 8
NEWEST_SEGMENTS = 4

_BLANK = blake2b(digest_size=ID_BYTES)
_SALE = Struct(">qqq?")
_SALE_COLUMNS = np.dtype([("at", ">i8"), ("quantity", ">i8"), ("revenue", ">i8"), ("promotion", "?")])
_BYTES = np.dtype((np.void, _SALE.size))
_ENTRY = np.dtype([("id", np.uint64, 2), ("check", ">u4")])
_CONTINUED = 1  # a sale without a category must not look like one with an empty name


def id_digest(event_id: str) -> bytes:
    """The 16 bytes an event id is remembered by."""
    return blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=ID_BYTES).digest()


def payload_digest(event: Event) -> bytes:
    """The 4 bytes that tell a re-sent event from another one under the same id."""
    return entry_of(event)[ID_BYTES:]


def entry_of(event: Event) -> bytes:
    """What is remembered of an event: the digest of its id, and that of its payload."""
    if type(event) is not SaleRecorded:
        payload = repr(event[2:]).encode("utf-8", "surrogatepass")
        return id_digest(event[1]) + blake2b(payload, digest_size=PAYLOAD_BYTES).digest()
    _, event_id, occurred_at, quantity, revenue_minor, promotion, category = event
    check = crc32(_SALE.pack(occurred_at, quantity, revenue_minor, promotion))
    if category is not None:
        check = crc32(category.encode("utf-8", "surrogatepass"), check + _CONTINUED)
    digest = blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=ID_BYTES).digest()
    return digest + check.to_bytes(PAYLOAD_BYTES)


def entries_of(sales: SaleColumns) -> NDArray[np.void]:
    """What entry_of says of each sale: (n,), ENTRY_BYTES each."""
    digests = []
    for event_id in _coded(sales.event_id):
        # A copy costs a third less than a new one, which has twelve parameters to look at.
        digest = _BLANK.copy()
        digest.update(event_id)
        digests.append(digest.digest())
    entries = np.empty(len(digests), dtype=_ENTRY)
    entries["id"] = np.frombuffer(b"".join(digests), dtype=np.uint64).reshape(-1, 2)
    entries["check"] = _checks_of(sales)
    return entries


def ids_in(entries: NDArray[np.void] | bytes) -> Ids:
    """The ids of entries."""
    return np.ascontiguousarray(np.frombuffer(entries, dtype=_ENTRY)["id"])


def _checks_of(sales: SaleColumns) -> list[int]:
    packed = np.empty(len(sales.event_id), dtype=_SALE_COLUMNS)
    packed["at"], packed["quantity"], packed["revenue"] = sales.occurred_at, sales.quantity, sales.revenue_minor
    packed["promotion"] = sales.promotion
    checks: Iterable[int] = map(crc32, packed.view(_BYTES).tolist())  # type: ignore[arg-type]  # it has no fields
    said = {*sales.category}
    names = {name: name.encode("utf-8", "surrogatepass") for name in said if name is not None}
    if None in said:
        pairs = zip(checks, sales.category, strict=True)
        return [check if name is None else crc32(names[name], check + _CONTINUED) for check, name in pairs]
    return [*map(crc32, map(names.__getitem__, sales.category), map(_CONTINUED.__add__, checks))]  # type: ignore[arg-type]


def _coded(texts: Sequence[str]) -> list[bytes]:
    try:
        return [*map(str.encode, texts)]
    except UnicodeEncodeError:  # half a surrogate pair
        return [text.encode("utf-8", "surrogatepass") for text in texts]


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed run of entries. newest_day is the latest event day in it, written_on the wall-clock day of writing."""

    number: int
    entries: bytes
    newest_day: int
    written_on: int


class Ledger(NamedTuple):
    """The ids of one product. Segments first..next_number-1 are alive, and all are in `segments`."""

    tail: bytes = b""
    tail_newest_day: int = -1
    first: int = 0
    next_number: int = 0
    segments: tuple[Segment, ...] = ()

    @property
    def size(self) -> int:
        """How many ids are remembered."""
        return (len(self.tail) + sum([len(segment.entries) for segment in self.segments])) // ENTRY_BYTES

    def payload_of(self, digest: bytes) -> bytes | None:
        """The payload digest an id was counted with, None if it was not counted."""
        found = payload_in(self.tail, digest)
        if found is not None:
            return found
        return self._among(self.segments, digest)

    def newest_payload_of(self, digest: bytes) -> bytes | None:
        """As payload_of, of what was counted last: None says nothing of what was counted before."""
        found = payload_in(self.tail, digest)
        return found if found is not None else self._among(self.segments[-NEWEST_SEGMENTS:], digest)

    def _among(self, segments: tuple[Segment, ...], digest: bytes) -> bytes | None:
        for segment in reversed(segments):
            found = payload_in(segment.entries, digest)
            if found is not None:
                return found
        return None

    def joined(self) -> bytes:
        """Every entry."""
        return b"".join((self.tail, *(segment.entries for segment in self.segments)))

    def digests(self) -> set[bytes]:
        """Every id that is remembered."""
        return digests_of(self.joined())

    def append(self, entries: bytes, newest_day: int, today: int) -> tuple[Ledger, tuple[Segment, ...]]:
        """Remembers more entries; returns the new ledger and the segments that must be written with it."""
        tail = self.tail + entries
        tail_newest_day = max(self.tail_newest_day, newest_day)
        if len(tail) <= TAIL_ENTRIES * ENTRY_BYTES:
            return Ledger(tail, tail_newest_day, self.first, self.next_number, self.segments), ()
        size = SEGMENT_ENTRIES_MAX * ENTRY_BYTES
        written = tuple(
            Segment(self.next_number + i, tail[at : at + size], tail_newest_day, today)
            for i, at in enumerate(range(0, len(tail), size))
        )
        return Ledger(b"", -1, self.first, self.next_number + len(written), self.segments + written), written

    def forget(self, late_before: int, written_before: int) -> tuple[Ledger, tuple[int, ...]]:
        """Drops the oldest segments whose every event is late by now; returns the numbers to delete."""
        dropped: list[int] = []
        for segment in self.segments[:DROPPED_PER_COMMIT_MAX]:
            if segment.newest_day >= late_before or segment.written_on >= written_before:
                break
            dropped.append(segment.number)
        if not dropped:
            return self, ()
        kept = self.segments[len(dropped) :]
        return self._replace(first=dropped[-1] + 1, segments=kept), tuple(dropped)


NO_IDS = Ledger()


def digests_of(entries: bytes) -> set[bytes]:
    """The ids in a run of entries."""
    return {entries[at : at + ID_BYTES] for at in range(0, len(entries), ENTRY_BYTES)}


def payload_in(entries: bytes, digest: bytes) -> bytes | None:
    """The payload digest that stands with an id in a run of entries, None if the id does not."""
    at = entries.find(digest)
    while at != -1:
        if at % ENTRY_BYTES == 0:
            return entries[at + ID_BYTES : at + ENTRY_BYTES]
        at = entries.find(digest, at + 1)
    return None
