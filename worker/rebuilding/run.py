"""How does a rebuild run, from history to the live state?

The products are noted as they stand; history is read into pieces, several at a time; then shard by shard a shadow is
folded, a step ahead of the comparison. Each step is kept in the work folder, and a run that was killed goes on behind
it."""

from __future__ import annotations

import asyncio
import csv
import ctypes
import json
import multiprocessing
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from domain.product import product_label
from handlers.ports import Clock
from worker.aws.clients import Clients, translated
from worker.aws.state import DynamoState
from worker.rebuild_verify import Difference
from worker.rebuilding.before import note_before, read_before
from worker.rebuilding.histories import History, Reading, added
from worker.rebuilding.intents import Intents
from worker.rebuilding.rows import read_shard
from worker.rebuilding.shadow import Shadow, shadow_of
from worker.rebuilding.swapping import Swapping
from worker.rebuilding.work import Work, read_json, write_json
from worker.replay.held_agenda import HeldAgenda
from worker.replay.progress import Progress
from worker.settings import Settings

PR_SET_PDEATHSIG = 1
FIGURES = (
    "rows",
    "products",
    "equal",
    "swap",
    "swapped",
    "extra",
    "wrong_now",
    "too_large",
    "refused",
    "without_history",
    "duplicates",
    "conflicts",
    "late",
    "extra_sales",
    "differences",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """write: replace what differs. include_late: count what came too late as well. drop_extra: also replace products of
    which the live state counted sales that history lacks."""

    write: bool = False
    include_late: bool = False
    drop_extra: bool = False
    processes: int = 2
    lag_s: float = 0.0


@dataclass(slots=True)
class Rebuilt:
    """What came of it. refused_rows are no valid sales, reasons say why."""

    counts: Counter[str] = field(default_factory=Counter)
    refused_rows: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    whole: bool = False
    seconds: float = 0.0

    def summary(self) -> dict[str, Any]:
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        return {
            **{name: self.counts[name] for name in FIGURES},
            "refused_rows": self.refused_rows,
            "reasons": self.reasons,
            "seconds": round(self.seconds, 2),
            "rows_per_s": round(self.counts["rows"] / max(self.seconds, 0.001)),
            "memory_mb_max": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + children) // 1024,
        }


async def rebuild_from(
    history: History,
    settings: Settings,
    clients: Clients,
    clock: Clock,
    work: Work,
    asked: Asked,
    stop: asyncio.Event,
) -> Rebuilt:
    """Misconfigured if there is no state table; whole is False in the result if it was stopped."""
    began = monotonic()
    with translated(f"DescribeTable {settings.state_table}"):
        await clients.dynamodb.describe_table(TableName=settings.state_table)
    state = DynamoState(clients.dynamodb, settings.state_table, settings.commit_deadline_s)
    agenda = HeldAgenda(clients.dynamodb, settings.state_table, clock)
    rebuilt = Rebuilt()
    noted = await note_before(clients.dynamodb, settings.state_table, state, work, stop)
    if noted and await _caught_up(asked.lag_s, clock, work, stop):
        with _pool(asked.processes) as pool:
            if await _read(history, work, pool, asked, clock, stop):
                try:
                    rebuilt.whole = await _compare(settings, clients, clock, state, agenda, work, pool, asked, stop)
                finally:
                    await agenda.release()
    _tell(rebuilt, work, monotonic() - began)
    return rebuilt


async def _caught_up(lag_s: float, clock: Clock, work: Work, stop: asyncio.Event) -> bool:
    """Waits until what was counted before the states were noted stands in the history. False if it was stopped."""
    noted = work.folder / "noted.json"
    if (said := read_json(noted)) is None:
        write_json(noted, said := {"at": clock.now()})
    while clock.now() < said["at"] + lag_s * 1000 and not stop.is_set():
        await clock.sleep(min(1.0, lag_s))
    return not stop.is_set()


@contextmanager
def _pool(processes: int) -> Iterator[Executor]:
    if not processes:
        with ThreadPoolExecutor(1) as pool:
            yield pool
        return
    # Started afresh, not forked: this process has sockets and threads that are nobody else's.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent) as pool_:
        yield pool_


def _end_with_parent() -> None:
    """A rebuild that is killed leaves no process behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:
        os._exit(1)  # it was killed before this process could ask to be told


async def _read(history: History, work: Work, pool: Executor, asked: Asked, clock: Clock, stop: asyncio.Event) -> bool:
    rows = 0
    with Progress("rows of history read", None).shown() as progress:

        def told(more: int) -> None:
            nonlocal rows
            rows += more
            progress.reach(rows)

        return await history.read(Reading(work, pool, max(1, asked.processes), clock.now(), stop, told))


async def _compare(
    settings: Settings,
    clients: Clients,
    clock: Clock,
    state: DynamoState,
    agenda: HeldAgenda,
    work: Work,
    pool: Executor,
    asked: Asked,
    stop: asyncio.Event,
) -> bool:
    loop = asyncio.get_running_loop()
    todo = [shard for shard in range(work.shards) if work.done(shard) is None]
    pieces = pieces_in(work)
    ahead = loop.run_in_executor(pool, folded, pieces, todo[0]) if todo else None
    finished = work.shards - len(todo)
    with Progress("shards", work.shards, before=finished).shown() as progress:
        for place, shard in enumerate(todo):
            assert ahead is not None  # noqa: S101 - there is one for each shard that is to do
            shadow: Shadow = await ahead
            following = todo[place + 1] if place + 1 < len(todo) else None
            ahead = None if following is None else loop.run_in_executor(pool, folded, pieces, following)
            with _differences(work, shard) as found:
                write, late, extra = asked.write, asked.include_late, asked.drop_extra
                table = settings.state_table
                intents = Intents.of(work.folder, shard)
                swapping = Swapping(clients.dynamodb, table, state, agenda, clock, found, intents, write, late, extra)
                if not await swapping.shard(shadow, read_before(work, shard), stop):
                    return False
            work.has_done(shard, dict(swapping.counts))
            progress.reach(finished + place + 1, f"{swapping.counts['swap']:,} products of the last one differ")
            if stop.is_set() and place + 1 < len(todo):
                return False
    return True


def pieces_in(work: Work) -> list[Path]:
    return sorted(path for path in work.pieces.iterdir() if path.is_dir() and path.suffix != ".part")


def folded(pieces: list[Path], shard: int) -> Shadow:
    """A shard's shadow; in a process of its own."""
    return shadow_of(read_shard(pieces, shard))


@contextmanager
def _differences(work: Work, shard: int) -> Iterator[Any]:
    """Takes differences into the file of this shard, which a run that is cut short writes anew."""
    path = work.folder / "differences" / f"{shard}.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        write = csv.writer(stream).writerow

        def found(difference: Difference) -> None:
            write((product_label(difference.product), *difference[1:]))

        yield found


def _tell(rebuilt: Rebuilt, work: Work, seconds: float) -> None:
    """Adds up what stands in the work folder, by whichever run."""
    for shard in range(work.shards):
        rebuilt.counts.update(work.done(shard) or {})
    read = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(work.pieces.glob("*.json"))]
    said = added(read)
    rebuilt.refused_rows, rebuilt.reasons = said["refused"], said["reasons"]
    rebuilt.seconds = seconds
