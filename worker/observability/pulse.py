"""Does each loop of the worker still get on?

A step says when it begins and when it ends; one that takes far longer than all its own deadlines together will never
end. The event loop's own beat tells how late it wakes: what blocks it shows there."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

BEAT_EVERY_S = 0.5
BEATS_KEPT = 120  # a minute of them
# A commit is tried a hundred times before its messages are handed back, each time for up to the commit's deadline.
COMMITS_A_STEP = 120
STUCK_AFTER_S_MIN = 3_600.0


class Pulse:
    """stuck_after_s: a step that is still under way after this long hangs. now: seconds that never go back."""

    def __init__(self, stuck_after_s: float = STUCK_AFTER_S_MIN, now: Callable[[], float] = monotonic) -> None:
        self._stuck_after_s = stuck_after_s
        self._now = now
        self._under_way: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Runs a step of this name, of which there is one at a time."""
        self._under_way[name] = self._now()
        try:
            yield
        finally:
            self._under_way.pop(name, None)

    @property
    def stuck(self) -> str | None:
        """The step that hangs, None if none does."""
        latest = self._now() - self._stuck_after_s
        return next((name for name, began in self._under_way.items() if began < latest), None)


class LoopBeat:
    """How late the event loop wakes whoever sleeps."""

    def __init__(self) -> None:
        self._lags_s: deque[float] = deque(maxlen=BEATS_KEPT)

    @property
    def lag_s(self) -> float:
        """The longest of the last minute."""
        return max(self._lags_s, default=0.0)

    async def keep(self) -> None:
        """Beats for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT_EVERY_S
            await asyncio.sleep(BEAT_EVERY_S)
            self._lags_s.append(max(0.0, loop.time() - due))


def stuck_after_s(commit_deadline_s: float) -> float:
    """How long a step may take before it cannot be but stuck: AWS that is away for long must not look like it."""
    return max(STUCK_AFTER_S_MIN, COMMITS_A_STEP * commit_deadline_s)
