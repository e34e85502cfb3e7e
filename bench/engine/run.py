"""How many sales does a CPU-second turn into feature rows, beside what else one might build it on?

For each peer the two sides take turns on the same file of events, and each peer gets a run of ours beside it every
time. Every run of both must have counted the same and computed the same rows, or there are no figures at all."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.engine.events import write_events
from bench.engine.sides import PEERS, Peer, run_ours, run_side
from bench.engine.spec import difference
from bench.environment import Missing, python_of
from bench.rows import Disagreement, Row, Tell, more_is_better

METRIC = "events_per_cpu_s"


def rows(runs: int, quick: bool, tell: Tell) -> list[Row]:
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for peer in PEERS:
            try:
                python = python_of(peer.environment, tell) if peer.environment else Path(sys.executable)
            except Missing as exc:
                tell(f"skipped {peer.name}: {exc}")
                continue
            path = _events(Path(folder), peer.quick_events if quick else peer.events)
            measured.append(_beside(peer, python, path, runs, tell))
    return measured


def _events(folder: Path, events: int) -> Path:
    path = folder / f"{events}.jsonl"
    if not path.exists():
        write_events(path, events)
    return path


def _beside(peer: Peer, python: Path, path: Path, runs: int, tell: Tell) -> Row:
    ours, theirs = [], []
    for run in range(runs):
        tell(f"{peer.name}, {int(path.stem):,} events, run {run + 1} of {runs}")
        mine = run_ours("bench.engine.ours", [str(path)])
        other = run_side(python, peer.module, [str(path)])
        different = difference(mine, other)
        if different is not None:
            raise Disagreement(f"{peer.name}: {different}")
        ours.append(events_per_cpu_s(mine))
        theirs.append(events_per_cpu_s(other))
    return more_is_better("engine", peer.name, METRIC, ours, theirs)


def events_per_cpu_s(said: dict[str, Any]) -> float:
    return float(said["events"]) / float(said["cpu_s"])
