"""What time is it in a test?

Sleeping moves the clock and takes no time; every sleep lets other tasks run once."""

from __future__ import annotations

import asyncio

from domain.events import MS_PER_DAY

TODAY = 20_000
NOW = TODAY * MS_PER_DAY + 43_200_000


class FakeClock:
    def __init__(self, now: int = NOW) -> None:
        self._now = now
        self.sleeps: list[float] = []

    def now(self) -> int:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self._now += int(seconds * 1000)
