"""Was this event counted already?

Each product keeps the ids of what it counted: the newest in a short tail that rides in the product's own header, the
older ones in numbered segments that are written once and never changed. The header says which numbers are alive, and
every change of it is fenced by its version, so header and segments always agree. An id is forgotten only with its
whole segment, when every event of it would be late anyway and the horizon has passed on the wall clock too.

An entry is 16 bytes of BLAKE2b of the event id and 4 bytes of its payload: two ids of one product collide with a
chance below 1e-24 even at ten million ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b

ID_BYTES = 16
PAYLOAD_BYTES = 4
ENTRY_BYTES = ID_BYTES + PAYLOAD_BYTES
TAIL_ENTRIES = 32
SEGMENT_ENTRIES_MAX = 8_192  # 160 KB, well under the 400 KB of an item
DROPPED_PER_COMMIT_MAX = 8


def id_digest(event_id: str) -> bytes:
    """The 16 bytes an event id is remembered by."""
    return blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=ID_BYTES).digest()


def payload_digest(payload: tuple[object, ...]) -> bytes:
    """The 4 bytes that tell a re-sent event from another one under the same id."""
    return blake2b(repr(payload).encode("utf-8", "surrogatepass"), digest_size=PAYLOAD_BYTES).digest()


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed run of entries. newest_day is the latest event day in it, written_on the wall-clock day of writing."""

    number: int
    entries: bytes
    newest_day: int
    written_on: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ids of one product. Segments first..next_number-1 are alive and all present in `segments`."""

    tail: bytes = b""
    tail_newest_day: int = -1
    first: int = 0
    next_number: int = 0
    segments: tuple[Segment, ...] = ()

    def payload_of(self, digest: bytes) -> bytes | None:
        """The payload digest an id was counted with, None if it was not counted."""
        found = _find(self.tail, digest)
        if found is not None:
            return found
        for segment in reversed(self.segments):
            found = _find(segment.entries, digest)
            if found is not None:
                return found
        return None

    def entries(self) -> dict[bytes, bytes]:
        """Every id digest with the payload digest it was counted with."""
        whole = b"".join((*(segment.entries for segment in self.segments), self.tail))
        return {
            whole[at : at + ID_BYTES]: whole[at + ID_BYTES : at + ENTRY_BYTES]
            for at in range(0, len(whole), ENTRY_BYTES)
        }

    def append(self, entries: bytes, newest_day: int, today: int) -> tuple[Ledger, tuple[Segment, ...]]:
        """Remembers more entries; returns the new ledger and the segments that must be written with it."""
        tail = self.tail + entries
        tail_newest_day = max(self.tail_newest_day, newest_day)
        if len(tail) <= TAIL_ENTRIES * ENTRY_BYTES:
            return replace(self, tail=tail, tail_newest_day=tail_newest_day), ()
        size = SEGMENT_ENTRIES_MAX * ENTRY_BYTES
        written = tuple(
            Segment(self.next_number + i, tail[at : at + size], tail_newest_day, today)
            for i, at in enumerate(range(0, len(tail), size))
        )
        ledger = Ledger(b"", -1, self.first, self.next_number + len(written), self.segments + written)
        return ledger, written

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
        return replace(self, first=dropped[-1] + 1, segments=kept), tuple(dropped)


def _find(entries: bytes, digest: bytes) -> bytes | None:
    at = entries.find(digest)
    while at != -1:
        if at % ENTRY_BYTES == 0:
            return entries[at + ID_BYTES : at + ENTRY_BYTES]
        at = entries.find(digest, at + 1)
    return None
