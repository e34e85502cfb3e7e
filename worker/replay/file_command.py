"""What does `restock replay file` do, and what does it say in the end?

Every file is read before anything is counted: one that is no file of sales stops it at the beginning."""

from __future__ import annotations

import argparse
import asyncio
from time import monotonic

from worker.aws.clients import Clients
from worker.clock import SystemClock
from worker.command_frame import agreed, failed, run_command, say, write_summary
from worker.replay.command import became_of
from worker.replay.counting import open_counting
from worker.replay.file import opened, replay_file
from worker.replay.marks import Mark
from worker.replay.progress import Progress
from worker.settings import Settings
from worker.sources.files import UnreadableSales


def run_file(chosen: argparse.Namespace) -> int:
    async def work(settings: Settings, clients: Clients, stop: asyncio.Event) -> int:
        return await _replay(chosen, settings, clients, stop)

    return run_command("replay file", work, UnreadableSales)


async def _replay(chosen: argparse.Namespace, settings: Settings, clients: Clients, stop: asyncio.Event) -> int:
    files = opened(chosen.paths)
    # A mark is of one file, as it is, and of one state table.
    marks = [Mark(chosen.work, f"{sales.digest}-{settings.state_table}") for _, sales in files]
    total, before = sum(sales.total for _, sales in files), sum(mark.read() for mark in marks)
    for path, sales in files:
        say(f"{path}: {sales.total:,} rows ({sales.mapping})")
    if before:
        say(f"{before:,} of {total:,} rows were done by an earlier run")
    if not await agreed("count them?", yes=chosen.yes):
        return 0
    counting = await open_counting(settings, clients, SystemClock(), chosen.rate)
    began, reached, whole = monotonic(), 0, True
    try:
        with Progress("rows", total, before=before).shown() as progress:
            for (path, sales), mark in zip(files, marks, strict=True):
                whole = await replay_file(path, sales, counting, mark, stop, progress, reached)
                reached += sales.total
                if not whole:
                    break
    finally:
        await counting.agenda.release()
    became = counting.summary()
    write_summary(chosen.report, {"rows": total, **became, "seconds": round(monotonic() - began, 2)})
    say(became_of(became))
    if not whole:
        return failed("stopped before the end; run it again for the rest")
    for mark in marks:
        mark.forget()
    return 0
