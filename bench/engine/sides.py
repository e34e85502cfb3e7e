"""How does one side run, and on which events?

Each in a fresh process of its own interpreter, so that no import, cache or heap of another counts against it; it
prints one JSON object, and what it says on standard error is shown when it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.environment import ROOT

TIMEOUT_S = 1_800
LINES_SHOWN = 15


class Peer(NamedTuple):
    """Who else does the work: environment is None for one that needs nothing beside Python. events are few for whom
    more would take minutes."""

    name: str
    environment: str | None
    events: int
    quick_events: int

    @property
    def module(self) -> str:
        return f"bench.engine.peers.{self.name}"


# The frames and the stores take 100,000: some of them slow down as they grow, which is not held against them.
PEERS = (
    Peer("plain", None, 1_000_000, 20_000),
    Peer("bytewax", "streams", 1_000_000, 20_000),
    Peer("polars", "frames", 100_000, 20_000),
    Peer("river", "streams", 100_000, 20_000),
    Peer("duckdb", "frames", 100_000, 20_000),
    Peer("quix", "streams", 100_000, 20_000),
    Peer("faust", "streams", 100_000, 20_000),
    Peer("guide", "frames", 10_000, 5_000),
)


def run_side(python: str | Path, module: str, arguments: Sequence[str]) -> dict[str, Any]:
    """What a side printed; RuntimeError with its last words if it failed."""
    done = subprocess.run(  # noqa: S603 - our own modules
        [str(python), "-m", module, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode or not done.stdout.strip():
        last = "\n".join(done.stderr.splitlines()[-LINES_SHOWN:])
        raise RuntimeError(f"{module} failed with exit code {done.returncode}\n{last}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def run_ours(module: str, arguments: Sequence[str]) -> dict[str, Any]:
    return run_side(sys.executable, module, arguments)
