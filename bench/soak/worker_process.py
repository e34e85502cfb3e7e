"""How is `restock run` started with another calendar, or with a leak to find?

It is the same command line with the same settings. Only the clock's reading is replaced, and on demand something is
kept that should have gone, which a soak must notice."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.soak.shared_time import SharedTime
from domain.ledger import id_digest
from worker import cli, intake
from worker.clock import SystemClock

CALENDAR = "SOAK_CALENDAR"
LEAK = "SOAK_LEAK"

LEAKS: dict[str, Callable[[Any], object]] = {
    "events": lambda event: event,
    "pages": lambda _: bytes(4_096),
    "ids": lambda event: id_digest(event.event_id),
}
"""What a planted leak keeps of each event: all of it, a page (a buffer not let go), or only what a
naive set of ids would."""


def main() -> int:
    calendar = SharedTime(Path(os.environ[CALENDAR]))
    setattr(SystemClock, "now", lambda _: calendar.now())  # noqa: B010
    if os.environ.get(LEAK):
        _plant(LEAKS[os.environ[LEAK]])
    return cli.main(["run"])


def _plant(kept_of: Callable[[Any], object]) -> None:
    """From now on something of every event stays."""
    kept: list[object] = []
    intake_names = vars(intake)
    read = intake_names["read"]

    def leaking(*message: Any) -> Any:
        events, rejected = read(*message)
        kept.extend(map(kept_of, events))
        return events, rejected

    intake_names["read"] = leaking


if __name__ == "__main__":
    sys.exit(main())
