"""What had the consumers of some queues done and spent at a moment?

They are looked at from outside, when so many messages are deleted: two such looks say what lay between them, and
nothing of start-up or warm-up is in it. Consumers that stand still are given up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from bench.standin.running import Standin
from bench.standin.used import cpu_s
from worker.local.processes import Child, ChildFailed

LOOK_S = 0.02
STUCK_S = 60.0


class Look(NamedTuple):
    """deleted messages, the CPU of all consumers together, the clock."""

    deleted: int
    cpu_s: float
    at_s: float


async def look_at(aws: Standin, queues: Sequence[str], consumers: Sequence[Child], deleted: int) -> Look:
    """The consumers as soon as so many messages are deleted."""
    last, moved_at = -1, time.monotonic()
    while True:
        now = (await aws.counts(*queues)).deleted
        if now >= deleted:
            return Look(now, sum(cpu_s(each.process.pid) for each in consumers), time.monotonic())
        if now != last:
            last, moved_at = now, time.monotonic()
        ended = [each for each in consumers if not each.running]
        if ended or time.monotonic() - moved_at > STUCK_S:
            who = (ended or list(consumers))[0]
            raise ChildFailed(f"{who.name} stopped after {now:,} messages: see {who.log}")
        await asyncio.sleep(LOOK_S)


def cpu_us_a_message(first: Look, last: Look) -> float:
    return (last.cpu_s - first.cpu_s) * 1e6 / (last.deleted - first.deleted)
