"""What day is it in a year that passes within minutes?

Eight bytes of a file that the shop writes and the worker's clock reads: the run's calendar goes as far as the sales
do, whatever the machine's speed. Never used outside this bench."""

from __future__ import annotations

import mmap
from pathlib import Path

TIME_BYTES = 8


class SharedTime:
    """A time in ms since the epoch that one process sets and others read; aligned, so never read half-written."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if create:
            path.write_bytes(bytes(TIME_BYTES))
        with path.open("r+b") as stream:
            self._time = memoryview(mmap.mmap(stream.fileno(), TIME_BYTES)).cast("q")

    def set(self, now: int) -> None:
        self._time[0] = now

    def now(self) -> int:
        return self._time[0]
