"""What was measured, and where is it kept?

A row sets one figure of ours beside one of a peer's, taken in the same minutes on the same machine; a ratio above 1
says that ours is better, whichever way the figure points. A run of some groups replaces the rows of those groups and
no others, and says of each group when and on what it was measured."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

RESULTS = Path(__file__).parent / "results" / "latest.json"
GROUPS = ("engine", "consumer", "whole", "serving", "growth")

Tell = Callable[[str], None]


class Row(NamedTuple):
    """One figure beside another. metric ends in its unit."""

    group: str
    peer: str
    metric: str
    ours: float
    theirs: float
    ratio: float


class Disagreement(Exception):
    """The two sides did not do the same work, or a result is wrong: the figures must not be used."""


def more_is_better(group: str, peer: str, metric: str, ours: Sequence[float], theirs: Sequence[float]) -> Row:
    """The medians of interleaved runs, for figures such as events a CPU-second."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    return Row(group, peer, metric, mine, other, mine / other)


def less_is_better(group: str, peer: str, metric: str, ours: Sequence[float], theirs: Sequence[float]) -> Row:
    """The medians of interleaved runs, for figures such as microseconds a message or megabytes."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    return Row(group, peer, metric, mine, other, other / mine)


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "system": platform.system(),
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def read(path: Path) -> dict[str, Any]:
    """What is kept there; an empty result where nothing is."""
    if not path.exists():
        return {"rows": [], "machine": {}, "runs": 0, "measured": {}}
    kept: dict[str, Any] = json.loads(path.read_text())
    return kept


def rows_of(kept: dict[str, Any]) -> list[Row]:
    return [Row(**row) for row in kept["rows"]]


def merge(kept: dict[str, Any], group: str, rows: Iterable[Row], runs: int, quick: bool) -> dict[str, Any]:
    """The result with the rows of one group replaced. quick marks figures of a short trial, not to be quoted."""
    others = [row for row in kept["rows"] if row["group"] != group]
    ours = [row._asdict() for row in rows]
    on = machine()
    return {
        # Sorted by group alone, which is stable: within a group the order in which it lists its rows stays.
        "rows": sorted([*others, *ours], key=lambda row: GROUPS.index(row["group"])),
        "machine": on,
        "runs": runs,
        "measured": {**kept.get("measured", {}), group: {**on, "runs": runs, "quick": quick}},
    }


def write(kept: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n")
