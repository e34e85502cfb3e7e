"""What does `restock snapshot` do, and what does it say in the end?

One snapshot, and a line of how many rows each table got. Memory is told, because it must not grow with the shop."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import resource
import time
from functools import partial
from pathlib import Path
from typing import Any

from domain.events import MS_PER_DAY
from handlers.announcements import iso_day
from handlers.errors import Misconfigured
from worker.aws.accuracy import DynamoAccuracyBook
from worker.aws.clients import Clients
from worker.clock import SystemClock
from worker.command_frame import run_command, say, write_summary
from worker.retraining.plan import S3Place, WrongPlan
from worker.settings import Settings
from worker.snapshots.places import FolderUpload, Open, S3Upload
from worker.snapshots.reading import Reading
from worker.snapshots.run import Days, take_snapshot
from worker.snapshots.tables import FOLDER


def run_snapshot(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    return run_command("snapshot", partial(_work, chosen))


async def _work(chosen: argparse.Namespace, settings: Settings, clients: Clients, stop: asyncio.Event) -> int:
    began, clock = time.monotonic(), SystemClock()
    now = clock.now() // MS_PER_DAY
    today = _days_since_1970(chosen.day) if chosen.day is not None else now
    place, begin = _place(chosen.out, settings, clients.s3)
    reading = Reading(settings, clients.dynamodb, clock)
    book = DynamoAccuracyBook(clients.dynamodb, settings.state_table, settings.commit_deadline_s)
    taking = asyncio.create_task(take_snapshot(reading, book, begin, Days.of(today, chosen.back_days, now)))
    told = asyncio.create_task(stop.wait())
    await asyncio.wait((taking, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not taking.done():
        # Half a snapshot is of no use: what was begun is taken away, and what was there stays.
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        say("stopped; nothing was replaced that is not whole")
        return 1
    figures: dict[str, Any] = {
        **taking.result(),
        "refused": reading.refused,
        "seconds": round(time.monotonic() - began, 1),
        "memory_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    write_summary(chosen.report, {"day": iso_day(today), "place": place, **figures})
    say(f"{place}, {iso_day(today)}: " + ", ".join(f"{name} {value:,}" for name, value in figures.items()))
    return 0


def _place(out: str | None, settings: Settings, s3: Any) -> tuple[str, Open]:
    """What the place is called, and how its files are begun. Misconfigured for an address that is none."""
    said = out or f"s3://{settings.analytics_bucket}/{FOLDER}"
    if not said.startswith("s3:"):
        return said, partial(FolderUpload, Path(said))
    try:
        return said, partial(S3Upload, s3, S3Place.of(said))
    except WrongPlan as exc:
        raise Misconfigured(str(exc)) from exc


def _days_since_1970(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days
