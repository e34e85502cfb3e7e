"""How far is it, and when will it be done?

A bar on a terminal that has one; elsewhere a plain line now and then, with the same figures. All of it goes to standard
error: standard output is for what the command has to say in the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, TextIO

PLAIN_EVERY_S = 5.0


class Progress:
    """Steps of one kind. total is None if nobody knows how many there are. before: those done in an earlier run."""

    def __init__(self, what: str, total: int | None, stream: TextIO | None = None, before: int = 0) -> None:
        self._what = what
        self._total = total
        self._stream = stream or sys.stderr
        self._before = before
        self._started_s = self._said_s = monotonic()
        self._bar: Any = None
        self._task: Any = None

    @contextmanager
    def shown(self) -> Iterator[Progress]:
        self._bar = _bar(self._stream)
        if self._bar is None:
            yield self
            return
        with self._bar:
            self._task = self._bar.add_task(self._what, total=self._total, completed=self._before, note="")
            yield self

    def reach(self, done: int, note: str = "") -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, note=note)
        elif monotonic() - self._said_s >= PLAIN_EVERY_S:
            self._said_s = monotonic()
            self._stream.write(self.line(done, note) + "\n")
            self._stream.flush()

    def line(self, done: int, note: str = "") -> str:
        """How far, how fast, and how long still, as far as that is known."""
        rate = (done - self._before) / max(monotonic() - self._started_s, 0.001)
        said = f"{self._what}: {done:,}"
        if self._total is not None:
            said += f" of {self._total:,}"
        said += f", {rate:,.0f} a second"
        if self._total is not None and rate:
            said += f", {_span(max(self._total - done, 0) / rate)} to go"
        return f"{said}; {note}" if note else said


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _bar(stream: TextIO) -> Any:
    if not stream.isatty():
        return None
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar
    except ModuleNotFoundError:
        return None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    return Bar(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(file=stream))
