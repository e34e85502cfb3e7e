"""How far is a bulk run?

A bar on a terminal that has one; elsewhere a plain line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PLAIN_EVERY_S = 5.0


class Progress:
    """Steps of one kind (shards, rows), and what they have come to."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._said_at = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        self._bar = _bar()
        if self._bar is None:
            yield
            return
        with self._bar:
            self._task = self._bar.add_task(self._what, total=self._total, note="")
            yield

    def reach(self, done: int, note: str = "") -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, note=note)
        elif time.monotonic() - self._said_at >= PLAIN_EVERY_S:
            self._said_at = time.monotonic()
            of = f" of {self._total:,}" if self._total is not None else ""
            say(f"{self._what}: {done:,}{of}  {note}")


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _bar() -> Any:
    if not sys.stderr.isatty():
        return None
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.progress import TimeRemainingColumn as Remaining
    except ModuleNotFoundError:
        return None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    return Progress(*columns, TimeElapsedColumn(), Remaining(), console=Console(stderr=True))
