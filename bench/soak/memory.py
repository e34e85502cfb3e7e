"""How much memory does a process hold, and how many sales had it counted by then?"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

EVERY_S = 0.5
MB = 1e6


class Sample(NamedTuple):
    """Seconds since the start, sales counted, resident MB (of a million bytes)."""

    seconds: float
    events: int
    rss_mb: float


def rss_mb(pid: int) -> float:
    """The resident set of a process; OSError when it is gone."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


async def watch(pid: int, counted: Callable[[], int], samples: list[Sample], every_s: float = EVERY_S) -> None:
    """Adds a sample every so often until the process is gone."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        try:
            samples.append(Sample(loop.time() - started, counted(), rss_mb(pid)))
        except (OSError, IndexError):
            return
        await asyncio.sleep(every_s)
