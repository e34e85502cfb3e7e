"""What goes wrong with the next call of a port?

Faults are planned by the name of the call and used up in order; a call without a planned fault succeeds. Whoever
simulates can replace `next_of` by a seeded draw."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

from handlers.errors import Misconfigured, Overloaded, TransientFailure


class Fault(Enum):
    """BEFORE: fails without effect. AFTER: takes effect, then fails: a timeout after success. OVERLOADED: refused
    without effect. MISCONFIGURED: an operator must act. LOSE: another writer won, nothing is written. FORGET: takes
    effect, and its fate is not known to the port."""

    BEFORE = "before"
    AFTER = "after"
    OVERLOADED = "overloaded"
    MISCONFIGURED = "misconfigured"
    LOSE = "lose"
    FORGET = "forget"


class Faults:
    def __init__(self) -> None:
        self._planned: dict[str, deque[Fault | None]] = defaultdict(deque)
        self.calls: list[str] = []

    def plan(self, call: str, *faults: Fault | None) -> None:
        """The next calls of this name meet these faults, one each; None lets one pass."""
        self._planned[call].extend(faults)

    def next_of(self, call: str) -> Fault | None:
        self.calls.append(call)
        planned = self._planned[call]
        return planned.popleft() if planned else None

    @asynccontextmanager
    async def around(self, call: str) -> AsyncIterator[Fault | None]:
        """Runs the effect of a call under its next fault. Other tasks run before and after the effect, as they do
        around any real call."""
        fault = self.next_of(call)
        await asyncio.sleep(0)
        match fault:
            case Fault.BEFORE:
                raise TransientFailure(f"{call}: no answer")
            case Fault.OVERLOADED:
                raise Overloaded(f"{call}: throttled")
            case Fault.MISCONFIGURED:
                raise Misconfigured(f"{call}: access denied")
        yield fault
        await asyncio.sleep(0)
        if fault is Fault.AFTER:
            raise TransientFailure(f"{call}: no answer")
