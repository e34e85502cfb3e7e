"""How does a bench start the stand-in and talk to it?

It is a process of its own, so that none of its CPU is the worker's, and ends with the block."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from bench.standin.control import PREFIX
from worker.local.processes import ChildFailed, child

ROOT = Path(__file__).parents[2]
PRELOADED_CHARS_MAX = 500_000


class Counts(NamedTuple):
    """What went through a queue."""

    sent: int
    received: int
    deleted: int


class Standin:
    """A stand-in that runs; url is what clients take as AWS."""

    def __init__(self, url: str, session: aiohttp.ClientSession, pid: int) -> None:
        self.url = url
        self.pid = pid
        self._session = session

    async def preload(self, queue: str, bodies: Iterable[str]) -> int:
        """Puts messages into a queue, made if need be; returns how many."""
        sent = 0
        for some in _portions(bodies):
            await self._ask("POST", "preload", {"queue": queue, "bodies": some})
            sent += len(some)
        return sent

    async def pour(self, source: str, queue: str) -> None:
        """Moves all messages of a queue that nobody reads into another one, at once."""
        await self._ask("POST", "pour", {"from": source, "to": queue})

    async def reset(self) -> None:
        """Forgets all queues, tables and events."""
        await self._ask("POST", "reset")

    async def stats(self) -> Mapping[str, Any]:
        """Counts of everything: queues, items, events."""
        return await self._ask("GET", "stats")

    async def counts(self, *queues: str) -> Counts:
        """The counts of some queues together."""
        said = (await self.stats())["queues"]
        found = [Counts(**said[name]) for name in queues]
        return Counts(*(sum(column) for column in zip(*found, strict=True)))

    async def events(self, after: int = 0) -> list[tuple[float, str, str]]:
        """Events of the bus but the first few: when each came (monotonic seconds), its detail type, its detail."""
        said = await self._ask("GET", f"events?after={after}")
        return [(at, kind, detail) for at, kind, detail in said["events"]]

    async def _ask(self, method: str, path: str, body: object = None) -> Mapping[str, Any]:
        async with self._session.request(method, f"{self.url}{PREFIX}{path}", json=body) as answer:
            said: Mapping[str, Any] = await answer.json(content_type=None)
            if answer.status != 200:
                raise ChildFailed(f"the stand-in refused {method} {path}: {said}")
            return said


def _portions(bodies: Iterable[str]) -> Iterator[list[str]]:
    """The bodies in requests of some size."""
    portion: list[str] = []
    chars = 0
    for body in bodies:
        portion.append(body)
        chars += len(body)
        if chars >= PRELOADED_CHARS_MAX:
            yield portion
            portion, chars = [], 0
    if portion:
        yield portion


async def until(seen: Callable[[], Awaitable[bool]], within_s: float, every_s: float = 0.02) -> bool:
    """Looks again and again until it is seen; False if it was not in time."""
    ends = time.monotonic() + within_s
    while not await seen():
        if time.monotonic() > ends:
            return False
        await asyncio.sleep(every_s)
    return True


@asynccontextmanager
async def standin(folder: Path) -> AsyncIterator[Standin]:
    """Runs a stand-in for as long as the block; its log lies in the folder."""
    command = [sys.executable, "-m", "bench.standin"]
    log = folder / "standin.log"
    async with (
        child("the stand-in", command, {"PYTHONPATH": str(ROOT)}, log, listened=True) as process,
        aiohttp.ClientSession() as session,
    ):
        async for line in process.lines():
            yield Standin(line.strip(), session, process.process.pid)
            return
    raise ChildFailed(f"the stand-in did not start: see {log}")
