"""What is the work, and how is it shown that two programs did the same?

Per micro-batch of messages: decode and validate each, count an event id once, and give the full feature row of every
product that the batch changed, as of the day after the newest day seen so far. Whoever does it hands each batch's
rows to a `Tally`, outside the clock; two tallies agree when every outcome was counted alike and each batch's sums over
its rows are equal within a billionth. Standard library only: each peer reads this in its own environment."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

BATCH = 1_000
WINDOW_DAYS = 56
HORIZON_DAYS = 35  # an event older than its product's newest day by more is late
MS_PER_DAY = 86_400_000
FUTURE_MS = 600_000
QUANTITY_MAX, PRICE_MAX, CHARS_MAX = 10**8, 10**9, 256
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OUTCOMES = ("applied", "duplicate", "late", "conflict", "rejected")
FEATURES = (
    *("lag_7", "lag_30", "rolling_7", "rolling_30", "rolling_56", "ewma", "std_30", "same_weekday_mean"),
    *("nonzero_share", "days_since_last_sale", "price_ratio", "promotion_share"),
    *("day_of_week", "month", "quarter", "is_weekend"),
)
TOLERANCE = 1e-9

Batch = tuple[int, list[str]]
Rows = Iterable[tuple[str, Sequence[float]]]


def micro_batches(path: Path, size: int = BATCH) -> Iterator[Batch]:
    """Each micro-batch as the time it is worked at (ms) and its message bodies; one batch is in memory at a time.

    The file's first line says how the clock goes: at which time each message arrives."""
    with path.open(encoding="utf-8") as file:
        clock = json.loads(file.readline())
        taken = 0
        while lines := [line.rstrip("\n") for line in islice(file, size)]:
            taken += len(lines)
            yield arrival_ms(clock, taken), lines


def arrival_ms(clock: dict[str, int], messages: int) -> int:
    """When the last of so many messages arrives."""
    return clock["start_ms"] + clock["days"] * MS_PER_DAY * messages // clock["events"]


class Tally:
    """What a run came to: the CPU it took, its outcomes, and a checksum of its feature rows."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.events = 0
        self.outcomes = dict.fromkeys(OUTCOMES, 0)
        self.checksums: list[list[float]] = []

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Everything a side does for its result stands under the clock: CPU of all threads of this process."""
        started = time.process_time()
        yield
        self.cpu_s += time.process_time() - started

    def count(self, outcome: str, events: int = 1) -> None:
        self.outcomes[outcome] += events

    def close_batch(self, events: int, counts: Sequence[int], rows: Rows) -> None:
        """Takes what a batch came to: counts are of the first four outcomes, what is in none of them was rejected."""
        self.events += events
        for outcome, counted in zip(OUTCOMES, (*counts, events - sum(counts)), strict=True):
            self.outcomes[outcome] += counted
        self.add(rows)

    def add(self, rows: Rows) -> None:
        """Takes the rows of the next batch: a sum a feature, and how many. Each row weighs by its place among those
        sorted by product, so that no two can change places; a checksum a batch, so that one wrong row shows."""
        sums = [0.0] * (len(FEATURES) + 1)
        for place, (_, row) in enumerate(sorted(rows, key=lambda row: row[0])):
            weight = 1.0 + place % 101 / 101
            for column, value in enumerate(row):
                sums[column] += weight * value
            sums[-1] += 1.0
        self.checksums.append(sums)

    def said(self) -> dict[str, Any]:
        """The one JSON object a side prints."""
        return {
            "cpu_s": self.cpu_s,
            "events": self.events,
            "outcomes": self.outcomes,
            "checksum": self.checksums,
            "peak_mb": peak_mb(),
        }


def peak_mb() -> float:
    """The most this process ever held, in MB of a million bytes, from /proc: getrusage counts its parent in."""
    lines = Path("/proc/self/status").read_text().splitlines()
    peak_kb = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return peak_kb * 1024 / 1e6


def difference(ours: dict[str, Any], theirs: dict[str, Any]) -> str | None:
    """What two sides disagree on, None if nothing."""
    for name in ("events", "outcomes"):
        if ours[name] != theirs[name]:
            return f"{name}: ours {ours[name]}, theirs {theirs[name]}"
    mine, other = _checksums(ours), _checksums(theirs)
    if len(mine) != len(other):
        return f"batches: ours {len(mine)}, theirs {len(other)}"
    for number, (a, b) in enumerate(zip(mine, other, strict=True), 1):
        for name, x, y in zip((*FEATURES, "rows"), a, b, strict=True):
            if not abs(x - y) <= TOLERANCE * max(1.0, abs(x)):
                return f"{name} in batch {number}: ours {x!r}, theirs {y!r}"
    return None


def _checksums(said: dict[str, Any]) -> list[list[float]]:
    checksums: list[list[float]] = said["checksum"]
    return checksums


def calendar(as_of: int) -> tuple[int, int, int, int]:
    """The last four features: day_of_week (Monday is 0), month, quarter, is_weekend."""
    weekday = (as_of + 3) % 7
    month = datetime.fromtimestamp(as_of * 86_400, UTC).month
    return weekday, month, (month + 2) // 3, int(weekday >= 5)


def main(work: Callable[[Iterator[Batch], Tally], None]) -> int:
    """Runs one side on a file of events and prints what it came to."""
    parser = argparse.ArgumentParser()
    parser.add_argument("events", type=Path)
    parser.add_argument("--batch", type=int, default=BATCH)
    chosen = parser.parse_args()
    tally = Tally()
    work(micro_batches(chosen.events, chosen.batch), tally)
    sys.stdout.write(json.dumps(tally.said()) + "\n")
    sys.stdout.flush()
    # Some peers leave threads behind that never end.
    os._exit(0)
