"""What did a run ask of AWS, and what did it ask it for?

Sums of what metered workers reported, and the few numbers that they go with: sales, batches, products committed and
decided. Read back from a summary.json, refused with the reason if it cannot be one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from worker.aws.capacity import DECIDED, SOLD

SECTION = "aws_usage"
COUNTED = ("calls", "units", "items", "item_units", "item_bytes", "reads")
DRIVERS = ("sales", "batches", "assessments")
COUNT_MAX = 10**18


class NoUsage(ValueError):
    """A file that tells of no metered run; the message says what is missing."""


class Counts(dict[str, float]):
    """Sums by name; what was never counted is zero."""

    def __missing__(self, name: str) -> float:
        return 0

    def add(self, counts: Mapping[str, float], sign: int = 1) -> Counts:
        """Adds each of them, or takes it off; returns itself."""
        for name, count in counts.items():
            self[name] += sign * count
        return self

    def rounded(self) -> dict[str, float]:
        return {name: int(n) if n == int(n) else round(n, 3) for name, n in sorted(self.items()) if n}


@dataclass(slots=True)
class Usage:
    """calls by service.operation, units by name, writes by kind of item with their units and bytes, read units by
    table; batches are micro-batches, assessments are batches of decisions. metrics are the names that CloudWatch
    bills. emulated: no AWS answered."""

    calls: Counts = field(default_factory=Counts)
    units: Counts = field(default_factory=Counts)
    items: Counts = field(default_factory=Counts)
    item_units: Counts = field(default_factory=Counts)
    item_bytes: Counts = field(default_factory=Counts)
    reads: Counts = field(default_factory=Counts)
    metrics: set[str] = field(default_factory=set)
    sales: int = 0
    batches: int = 0
    assessments: int = 0
    emulated: bool = False

    def add(self, reported: Mapping[str, Any]) -> None:
        """Takes in what a worker counted since it reported last."""
        for name in COUNTED:
            counts: Counts = getattr(self, name)
            counts.add(reported.get(name, {}))
        self.metrics.update(reported.get("metrics", ()))

    def copy(self) -> Usage:
        """As it is now."""
        return self.since(Usage())

    def since(self, before: Usage) -> Usage:
        """A copy without what an earlier copy holds. The metrics are all of them: they are billed by the month."""
        now = Usage(metrics=set(self.metrics), emulated=self.emulated)
        for name in COUNTED:
            counts: Counts = getattr(now, name)
            counts.add(getattr(self, name)).add(getattr(before, name), -1)
        for name in DRIVERS:
            setattr(now, name, getattr(self, name) - getattr(before, name))
        return now

    @property
    def product_commits(self) -> float:
        """States committed for sales; those that were redone after a lost race are among them, for they are billed."""
        return self.items[SOLD]

    @property
    def decisions(self) -> float:
        """States committed for a decision."""
        return self.items[DECIDED]

    def as_json(self) -> dict[str, Any]:
        """All of it, and calls and units per 1,000 sales."""
        counted = {name: getattr(self, name).rounded() for name in COUNTED}
        drivers = {name: getattr(self, name) for name in DRIVERS}
        return {
            **drivers,
            "product_commits": int(self.product_commits),
            "decisions": int(self.decisions),
            **counted,
            "metrics": sorted(self.metrics),
            "per_1000_sales": {
                name: {key: round(n / self.sales * 1000, 4) for key, n in counted[name].items()} if self.sales else {}
                for name in ("calls", "units")
            },
        }


def usage_of(said: Any, aws: object) -> Usage:
    """Usage from its JSON; aws is what was said to have answered. NoUsage if that is not what it is."""
    usage = Usage(emulated="emulator" in str(aws))
    try:
        for name in COUNTED:
            counts: Counts = getattr(usage, name)
            counts.add({str(key): _count(n) for key, n in said[name].items()})
        for name in DRIVERS:
            setattr(usage, name, int(_count(said[name])))
        usage.metrics.update(str(name) for name in said["metrics"])
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise NoUsage(f"not the counts of a metered run ({type(exc).__name__}: {exc})") from exc
    if usage.sales < 1 or usage.batches < 1 or usage.product_commits < 1:
        raise NoUsage("the run has counted no sales")
    if unseen := usage.units["unseen_calls"]:
        raise NoUsage(f"{unseen:,} calls were made whose requests were not seen")
    return usage


def _count(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < COUNT_MAX:
        raise ValueError(f"{value!r} is no count")
    return value


def read_summary(path: Path) -> Usage:
    """The usage in a summary.json of `restock local --report`; NoUsage with the reason if there is none."""
    try:
        said = json.loads(path.read_text())
    except OSError as exc:
        raise NoUsage(f"{path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise NoUsage(f"{path}: no JSON") from exc
    if not isinstance(said, dict) or SECTION not in said:
        raise NoUsage(f"{path}: no {SECTION} in it; make the run with RESTOCK_METER_CALLS=true")
    try:
        return usage_of(said[SECTION], said.get("aws"))
    except NoUsage as exc:
        raise NoUsage(f"{path}: {exc}") from exc
