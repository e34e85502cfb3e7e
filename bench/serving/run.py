"""Which rows does the serving group have?

Ours beside each library, and beside the bar that was set for it: 2,000 products a second and core."""

from __future__ import annotations

import asyncio
import shutil
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

from bench.environment import Missing, python_of
from bench.rows import Row, Tell, less_is_better, more_is_better
from bench.serving.asking import Figures, asked
from bench.serving.demand import Demand, made_up
from bench.serving.servers import (
    PEER_LIST,
    Peer,
    Serving,
    daily_request,
    library,
    ours,
    read_days,
    read_totals,
    total_request,
    train,
)
from bench.standin.running import ROOT

GROUP = "serving"
LOGS = ROOT / "build" / "bench" / GROUP
OURS, OURS_BY_DAY = "restock serve", "restock serve, each day"
BAR_PRODUCTS_PER_CPU_S, BAR_P99_MS = 2_000.0, 1_000.0
SECONDS, QUICK_SECONDS = 3.0, 0.5


def rows(runs: int, quick: bool, tell: Tell) -> list[Row]:
    """Products a CPU-second, milliseconds of the slowest requests, megabytes."""
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    return asyncio.run(_measured(runs, quick, tell))


async def _measured(runs: int, quick: bool, tell: Tell) -> list[Row]:
    demand = made_up()
    tell("training the model that is served")
    model_dir = await train(demand, LOGS)
    sides = _sides(demand, model_dir, _installed(tell))
    figures: dict[str, list[Figures]] = defaultdict(list)
    for run in range(runs):
        names = list(sides)
        turn = run % len(names)
        for name in (*names[turn:], *names[:turn]):
            tell(f"run {run + 1} of {runs}: {name}")
            async with sides[name]() as serving:
                figures[name].append(await asked(serving, demand, QUICK_SECONDS if quick else SECONDS))
    return _rows(figures)


def _installed(tell: Tell) -> dict[Peer, Path]:
    found = {}
    for peer in PEER_LIST:
        try:
            found[peer] = python_of(peer.environment, tell)
        except Missing as exc:
            tell(f"skipped {peer.name}: {exc}")
    return found


def _sides(
    demand: Demand, model_dir: Path, peers: dict[Peer, Path]
) -> dict[str, Callable[[], AbstractAsyncContextManager[Serving]]]:
    return {
        OURS: partial(ours, demand, model_dir, LOGS, total_request(demand), read_totals),
        OURS_BY_DAY: partial(ours, demand, model_dir, LOGS, daily_request(demand), read_days),
        **{peer.name: partial(library, demand, peer, python, LOGS) for peer, python in peers.items()},
    }


def _rows(figures: dict[str, list[Figures]]) -> list[Row]:
    speed, slowest, memory = zip(*figures[OURS], strict=True)
    daily_speed, daily_slowest, _ = zip(*figures[OURS_BY_DAY], strict=True)
    found = [
        more_is_better(GROUP, "bar", "products_per_cpu_s", speed, [BAR_PRODUCTS_PER_CPU_S]),
        more_is_better(GROUP, "bar, each day", "products_per_cpu_s", daily_speed, [BAR_PRODUCTS_PER_CPU_S]),
        less_is_better(GROUP, "bar, each day", "request_p99_ms", daily_slowest, [BAR_P99_MS]),
    ]
    for name, theirs in figures.items():
        if name not in (OURS, OURS_BY_DAY):
            their_speed, their_slowest, their_memory = zip(*theirs, strict=True)
            found += [
                more_is_better(GROUP, name, "products_per_cpu_s", speed, their_speed),
                less_is_better(GROUP, name, "request_p99_ms", slowest, their_slowest),
                less_is_better(GROUP, name, "memory_mb", memory, their_memory),
            ]
    return found
