"""What does a worker hold of a shard that it reads?

Its lease, its position, the records that are not settled yet, and those that come again because they could not be. One
read at a time; none while too much is unsettled; a shard without news, or with failures, is read ever less often."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from sys import getsizeof
from typing import Any

from worker.sources.shards.lineage import TRIM_HORIZON, Lease, ShardKey
from worker.sources.shards.position import Page, Position
from worker.sources.shards.progress import Progress
from worker.sources.source import Message

UNSETTLED_MAX = 10_000
UNREAD_MAX_MS = 23 * 3_600_000  # records are kept for 24 hours; an hour is left for clocks that differ
AGAIN_MAX = 1_000
AGAIN_MAX_S = 300
IDLE_FIRST_S = 0.1
FAILED_FIRST_S = 0.5
FAILED_MAX_S = 30.0
ATTEMPTS_MAX = 10  # with the waits between them about a quarter of an hour
ATTEMPTS_FULL_MAX = 2
ATTEMPTS_ALONE_MAX = 80  # about six hours, of the day that a stream keeps its records


def again_after_s(receives: int) -> float:
    """How long a message that could not be settled waits for its next attempt: longer each time."""
    return float(min(AGAIN_MAX_S, 2**receives))


@dataclass(slots=True)
class Owned:
    """Times are those of the event loop. due_at: when it is to be read next. renewed_at: when its lease was last known
    to be ours. again: messages that come again, and when. failed_at: of each of those, how many of the shard's records
    were settled when it first failed. read_at is the wall clock's (ms): when it was last read."""

    lease: Lease
    position: Position
    progress: Progress
    renewed_at: float
    due_at: float = 0.0
    idle_s: float = IDLE_FIRST_S
    failures: int = 0
    reading: bool = False
    at_end: bool = False
    read_at: int = 0
    settled: int = 0
    again: list[tuple[float, Message, str]] = field(default_factory=list)
    again_bytes: int = 0
    failed_at: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, streams: Any, lease: Lease, now_s: float) -> Owned:
        """A shard whose lease was just taken, from where it was settled."""
        position = Position(streams, lease.key, lease.checkpoint)
        return cls(lease, position, Progress(lease.checkpoint), now_s, read_at=lease.read_at)

    @property
    def key(self) -> ShardKey:
        return self.lease.key

    @property
    def finished(self) -> bool:
        """Whether everything in it is settled, for good."""
        return self.at_end and not self.progress and not self.again

    @property
    def full(self) -> bool:
        """Whether so much lies beyond the checkpoint that nothing more may be read."""
        return len(self.progress) >= UNSETTLED_MAX or len(self.again) >= AGAIN_MAX

    @property
    def busy(self) -> bool:
        """Whether its last read brought something."""
        return self.idle_s == IDLE_FIRST_S

    def to_write(self, checkpoint: str) -> Lease:
        """Its lease with the time until which the shard was not only read, but settled too, as far as it is known."""
        settled = not self.progress or checkpoint != self.lease.checkpoint
        return self.lease._replace(read_at=self.read_at) if settled else self.lease

    def may_be_read(self, lease_s: float, now_s: float) -> bool:
        """Whether it is its turn, there may be something to read, there is room for it, and it is surely ours."""
        barred = self.reading or self.at_end or self.full
        return self.due_at <= now_s and not barred and now_s - self.renewed_at < lease_s

    def unread_too_long(self, now: int) -> bool:
        """Whether records may have been trimmed before the first one of this shard was read. Beyond the first, the
        stream itself says so."""
        return self.position.after == TRIM_HORIZON and now - self.read_at > UNREAD_MAX_MS

    def took(self, page: Page, idle_max_s: float, now_s: float, now: int) -> None:
        """Takes note of a read at now (ms): when to read again, and what is to be settled."""
        self.read_at, self.failures, self.at_end = now, 0, page.at_end
        for record in page.records:
            self.progress.read(record["dynamodb"]["SequenceNumber"])
        self.idle_s = IDLE_FIRST_S if page.records else min(idle_max_s, 2 * self.idle_s)
        self.due_at = now_s if page.records else now_s + self.idle_s

    def failed(self, now_s: float) -> None:
        """Takes note of a read that failed: the next one waits, longer each time, and not in step with others."""
        self.due_at = now_s + min(FAILED_MAX_S, FAILED_FIRST_S * 2**self.failures) * random.uniform(0.5, 1)
        self.failures = min(self.failures + 1, 16)

    def settle(self, number: str) -> None:
        """One record is settled."""
        self.settled += 1
        self.pass_over(number)

    def pass_over(self, number: str) -> None:
        """One record is done with, settled or kept aside; the latter is no sign that anything could be settled."""
        self.failed_at.pop(number, None)
        self.progress.settle(number)

    def hopeless(self, message: Message, number: str) -> bool:
        """Whether a record that could not be settled must make way. While nothing else can be settled either, it is not
        the record's fault, and the stream keeps it for a day."""
        alone = self.failed_at.setdefault(number, self.settled) == self.settled
        limit = ATTEMPTS_ALONE_MAX if alone else ATTEMPTS_FULL_MAX if self.full else ATTEMPTS_MAX
        return message.receives >= limit

    def comes_again(self, at_s: float, message: Message, number: str) -> None:
        """A message that could not be settled is to be tried once more, and when."""
        self.again.append((at_s, message, number))
        self.again_bytes += getsizeof(message.body)

    def due_again(self, now_s: float, limit: int) -> list[tuple[Message, str]]:
        """The messages whose time has come, each with its sequence number; they are no longer waiting. It has come as
        soon as they keep everything else from being read."""
        due = [waiting for waiting in self.again if waiting[0] <= now_s or self._is_in_the_way(waiting)][:limit]
        if due:
            taken = {id(waiting) for waiting in due}
            self.again = [waiting for waiting in self.again if id(waiting) not in taken]
            self.again_bytes -= sum(getsizeof(message.body) for _, message, _ in due)
        return [(message, number) for _, message, number in due]

    def _is_in_the_way(self, waiting: tuple[float, Message, str]) -> bool:
        number = waiting[2]
        return self.full and self.failed_at.get(number, self.settled) < self.settled
