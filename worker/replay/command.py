"""What do `restock replay dlq` and `restock replay archive` do, and what do they say in the end?

First what is there and what will be done; then, if it may be, that; then what became of it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

from handlers.errors import Misconfigured
from worker.aws.clients import Clients
from worker.aws.s3_objects import objects_under
from worker.clock import SystemClock
from worker.command_frame import agreed, failed, run_command, say, write_summary
from worker.replay.bus_archive import planned, replay_bus
from worker.replay.counting import open_counting
from worker.replay.dlq import Redriven, listed, parked_places, redrive
from worker.replay.listing import moment
from worker.replay.progress import Progress
from worker.replay.stored_events import replay_objects
from worker.replay.wanted import Wanted
from worker.settings import Settings

MEANINGS = {
    "counted": "counted now",
    "duplicates": "had been counted before",
    "late": "older than their product's newest sale by more than 35 days: kept aside, for `restock rebuild`",
    "quarantined": "in quarantine, with the reason",
    "unsettled": "messages that could not be settled: where they were, nothing is lost",
}


def run_dlq(chosen: argparse.Namespace) -> int:
    async def work(settings: Settings, clients: Clients, stop: asyncio.Event) -> int:
        clock = SystemClock()
        places = await parked_places(settings, clients, clock, chosen.dlq)
        wanted = Wanted(chosen.reason, chosen.since, chosen.until, chosen.product, clock.now(), settings.table_fields)
        listing = await listed(places, wanted, chosen.look, stop)
        say("\n".join(listing.lines()))
        summary = listing.summary()
        write_summary(chosen.report, summary)
        if chosen.only_list or not listing.wanted + listing.unseen:
            return 0
        if not await agreed(f"count these again, at {_pace(chosen.rate)}?", yes=chosen.yes):
            return 0
        counting = await open_counting(settings, clients, clock, chosen.rate)
        began = monotonic()
        with Progress("redriven", listing.wanted + listing.unseen).shown() as progress:
            redriven = await redrive(places, wanted, counting, stop, progress)
        became = counting.summary()
        said = {**summary, "redriven": redriven.taken, "stayed": redriven.stayed, **became}
        write_summary(chosen.report, {**said, "seconds": round(monotonic() - began, 2)})
        say(f"\n{redriven.taken:,} went through the intake\n" + became_of(became))
        return _ended(redriven, became["unsettled"])

    return run_command("replay dlq", work)


def _ended(redriven: Redriven, unsettled: int) -> int:
    if unsettled:
        return failed(f"messages not settled: {unsettled:,}; they are still parked, run it again")
    return 0 if redriven.whole else failed("stopped before the end; run it again for the rest")


def run_archive(chosen: argparse.Namespace) -> int:
    if chosen.until <= chosen.since:
        return failed("replay archive: --to must be later than --from", 2)

    async def work(settings: Settings, clients: Clients, stop: asyncio.Event) -> int:
        if chosen.s3:
            return await _of_s3(chosen, settings, clients, stop)
        return await _of_the_bus(chosen, settings, clients, stop)

    return run_command("replay archive", work)


async def _of_the_bus(chosen: argparse.Namespace, settings: Settings, clients: Clients, stop: asyncio.Event) -> int:
    plan = await planned(settings, clients, chosen.archive, chosen.since, chosen.until, chosen.again)
    span = f"{moment(plan.since)} to {moment(plan.until)}"
    say(f"archive {plan.archive}, {span}, to {len(plan.rules)} rule(s) that lead to the sales; replay {plan.name}")
    summary: dict[str, Any] = {"replay": plan.name, "archive": plan.archive, "rules": list(plan.rules)}
    write_summary(chosen.report, summary)
    if not await agreed("start it?", yes=chosen.yes):
        return 0
    with Progress("seconds of the past", (plan.until - plan.since) // 1000).shown() as progress:
        state = await replay_bus(plan, clients.events, SystemClock(), stop, progress)
    write_summary(chosen.report, {**summary, "state": state})
    say(f"EventBridge says {state}; what it sent stands in the sales queues, or is counted already")
    return 0 if state == "COMPLETED" else failed("EventBridge goes on by itself; run the command again to follow it")


async def _of_s3(chosen: argparse.Namespace, settings: Settings, clients: Clients, stop: asyncio.Event) -> int:
    objects = [found async for found in objects_under(clients.s3, chosen.s3)]
    if not objects:
        raise Misconfigured(f"{chosen.s3}: nothing lies there")
    size_mb = sum(each.size_bytes for each in objects) / 1e6
    span = f"{moment(chosen.since)} to {moment(chosen.until)}"
    say(f"{len(objects):,} objects of {size_mb:,.1f} MB; of their events those from {span}")
    if not await agreed(f"count them, at {_pace(chosen.rate)}?", yes=chosen.yes):
        return 0
    counting = await open_counting(settings, clients, SystemClock(), chosen.rate)
    chosen.work.mkdir(parents=True, exist_ok=True)
    began, span_ms = monotonic(), (chosen.since, chosen.until)
    try:
        with Progress("objects", len(objects)).shown() as progress:
            whole = await replay_objects(clients.s3, objects, span_ms, counting, chosen.work, stop, progress)
    finally:
        await counting.agenda.release()
    became = counting.summary()
    write_summary(chosen.report, {"objects": len(objects), **became, "seconds": round(monotonic() - began, 2)})
    say(became_of(became))
    return 0 if whole else failed("stopped before the end; run it again for the rest")


def _pace(rate: float) -> str:
    return f"{rate:,.0f} lines a second at most" if rate else "full speed"


def became_of(became: Mapping[str, int]) -> str:
    """What became of the lines, a line each."""
    lines = [f"  {name:<12}{became[name]:>12,}  {meaning}" for name, meaning in MEANINGS.items()]
    return "\n".join([f"{became['lines']:,} lines read", *lines])
