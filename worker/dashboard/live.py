"""How do many open pages hear what is new, without the worker noticing them?

Once a second one payload is made and encoded, however many pages are open, and none is made while there are none. Each
page has a place for a few payloads; one that does not read is dropped, and asks again when it can. Nobody waits for a
page but its own connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from handlers.ports import Clock

EVERY_S = 1.0
UNREAD_MAX = 5
PAGES_MAX = 200

Payload = Callable[[int], dict[str, Any]]


class Full(Exception):
    """As many pages are open as may be."""


class Live:
    """payload makes what is said at a time (ms)."""

    def __init__(self, payload: Payload, clock: Clock) -> None:
        self._payload = payload
        self._clock = clock
        self._pages: dict[asyncio.Queue[bytes], asyncio.Task[Any] | None] = {}
        self._made: tuple[int, bytes] | None = None

    @property
    def pages(self) -> int:
        return len(self._pages)

    def now(self) -> bytes:
        """What is to be said now."""
        now = self._clock.now()
        said = json.dumps(self._payload(now), separators=(",", ":"), allow_nan=False)
        self._made = now, b"data: " + said.encode() + b"\n\n"
        return self._made[1]

    def _newest(self) -> bytes:
        """What was said last, if that is not long ago: many pages may come at once, after a restart."""
        recent = self._made is not None and self._clock.now() - self._made[0] < EVERY_S * 1000
        return self._made[1] if self._made is not None and recent else self.now()

    async def keep(self) -> None:
        """Tells all open pages, again and again, until it is cancelled."""
        while True:
            await self._clock.sleep(EVERY_S)
            if self._pages:
                self.tell(self.now())

    def tell(self, payload: bytes) -> None:
        """Hands every page the payload; a page that has not read the last few is dropped."""
        for queue, task in list(self._pages.items()):
            if queue.full():
                del self._pages[queue]
                if task is not None:
                    task.cancel()
            else:
                queue.put_nowait(payload)

    async def end(self, _: object = None) -> None:
        """Drops every page: the worker stops, and waits for none."""
        for task in self._pages.values():
            if task is not None:
                task.cancel()
        self._pages.clear()

    async def listen(self) -> AsyncIterator[bytes]:
        """The payloads from now on, for the page whose connection the calling task serves. Full if there are too
        many."""
        if len(self._pages) >= PAGES_MAX:
            raise Full
        queue: asyncio.Queue[bytes] = asyncio.Queue(UNREAD_MAX)
        self._pages[queue] = asyncio.current_task()
        try:
            yield self._newest()
            while True:
                yield await queue.get()
        finally:
            self._pages.pop(queue, None)
