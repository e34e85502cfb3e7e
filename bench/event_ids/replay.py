"""Which sales are replayed, and to which worker?

Batches are settled as if each arrived when its last sale happened, so that old ids are forgotten on time. What was
counted is read from the table by a worker that knows nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench.event_ids.design import Design, Sales
from domain.events import ProductKey, SaleRecorded
from domain.product import Outcome
from handlers.errors import InvalidEvent
from worker.schema import read_event
from worker.sources.files import open_sales


@dataclass(frozen=True, slots=True)
class Periods:
    """The sample in three parts: what makes headers grown up, what is counted for its units, what is timed."""

    past: Sales
    present: Sales
    future: Sales

    @classmethod
    def of(cls, sales: Sales, metered: int, timed: int) -> Periods:
        """The future: the last `timed` sales, at most a quarter; the present: `metered` before, at most half."""
        timed = min(timed, len(sales) // 4)
        metered = min(metered, len(sales) // 2)
        return cls(sales[: -metered - timed], sales[-metered - timed : -timed], sales[-timed:])

    def lengths(self) -> dict[str, int]:
        return {"past": len(self.past), "present": len(self.present), "future": len(self.future)}


def sales_of(path: Path, limit: int | None) -> list[SaleRecorded]:
    """The valid sales of a file, oldest first."""
    sales = []
    for row in islice(open_sales(path).rows, limit):
        try:
            event = read_event(row, None, "", int(time.time() * 1000))
        except InvalidEvent:
            continue
        if isinstance(event, SaleRecorded):
            sales.append(event)
    return sales


async def replay(worker: Design, batches: Iterable[Sequence[SaleRecorded]]) -> Counter[Outcome]:
    outcomes: Counter[Outcome] = Counter()
    for batch in batches:
        outcomes += await worker.settle(batch, batch[-1].occurred_at)
    return outcomes


async def counted(worker: Design, keys: Iterable[ProductKey]) -> tuple[int, int]:
    """Sales and units in the stored headers, read by a new worker."""
    wanted = list(dict.fromkeys(keys))
    await worker.fetch(dict.fromkeys(wanted, ()))
    return sum(worker.states[k].sales for k in wanted), sum(worker.states[k].units for k in wanted)
