"""What is parked, in a table that a person can read?

Counts by reason, the reasons freed of what is different in each line; with the times, and a sample of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from worker.replay.wanted import Parked

SAMPLE_CHARS = 160
SAMPLES_MAX = 3
_PARTICULAR = re.compile(r"'[^']*'|\"[^\"]*\"|\b\d[\d.,]*\b")


@dataclass(slots=True)
class Group:
    """What is parked in one place for one reason."""

    where: str
    reason: str
    count: int = 0
    oldest: int = 0
    newest: int = 0
    samples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Listing:
    """wanted counts what the filters let through; passed by what they did not; unseen dead letters nobody looked at."""

    groups: dict[tuple[str, str], Group] = field(default_factory=dict)
    wanted: int = 0
    passed_by: int = 0
    unseen: int = 0

    def add(self, parked: Parked) -> None:
        self.wanted += 1
        key = (parked.where, general(parked.reason))
        group = self.groups.setdefault(key, Group(*key, oldest=parked.at))
        group.count += 1
        group.oldest, group.newest = min(group.oldest, parked.at), max(group.newest, parked.at)
        if len(group.samples) < SAMPLES_MAX:
            group.samples.append(" ".join(parked.body.split())[:SAMPLE_CHARS])

    def summary(self) -> dict[str, Any]:
        groups = [
            {
                "where": group.where,
                "reason": group.reason,
                "count": group.count,
                "oldest": moment(group.oldest),
                "newest": moment(group.newest),
                "samples": group.samples,
            }
            for group in self.by_count()
        ]
        return {"parked": self.wanted, "passed_by": self.passed_by, "not_looked_at": self.unseen, "groups": groups}

    def by_count(self) -> list[Group]:
        return sorted(self.groups.values(), key=lambda group: (-group.count, group.where, group.reason))

    def lines(self) -> Iterator[str]:
        yield f"{self.wanted:,} parked" + (f", {self.passed_by:,} passed by" if self.passed_by else "")
        for group in self.by_count():
            yield ""
            yield f"  {group.count:>9,}  {group.where}: {group.reason}"
            yield f"{'':13}parked from {moment(group.oldest)} to {moment(group.newest)}"
            yield from (f"{'':13}{sample}" for sample in group.samples)
        if self.unseen:
            yield ""
            yield f"  and about {self.unseen:,} dead letters more, which were not looked at (--look N looks at more)"


def general(reason: str) -> str:
    """A reason without names and numbers of its own."""
    return _PARTICULAR.sub("…", " ".join(reason.split()))[:120]


def moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
