"""What does the stand-in hold?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bench.standin.queues import Queue
    from bench.standin.tables import Table


class Arrived(NamedTuple):
    """An event on the bus. at_s is the machine's monotonic clock, which all its processes share."""

    at_s: float
    detail_type: str
    detail: str


@dataclass(slots=True)
class World:
    """Everything, by name; url is where the stand-in itself is reached."""

    url: str = ""
    queues: dict[str, Queue] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    events: list[Arrived] = field(default_factory=list)
    metric_calls: int = 0
    forecasts: int = 0

    def reset(self) -> None:
        """Forgets all but where it is."""
        self.queues.clear()
        self.tables.clear()
        self.events.clear()
        self.metric_calls = self.forecasts = 0
