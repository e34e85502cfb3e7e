"""What does each thing that the worker keeps cost in memory?

The things are made the way the worker makes them, and what they hold is counted by tracemalloc: the bytes asked of
Python's allocators, of which the resident size is a tenth or so more. `python -m bench.soak.costs` prints a table."""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from domain.buckets import HORIZON_DAYS, KEPT_DAYS
from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.folding import fold
from domain.forecast import DemandForecast, TotalDemand
from domain.ledger import Ledger
from domain.orders import OpenOrder
from domain.product import INTERVAL_DAYS, ForecastNote, Interval, ProductState
from handlers.ports import ForecastRecord
from worker.decode import decode

FIRST_DAY = 20_454
COPIES = 20
LINES = 2_000


class Cost(NamedTuple):
    """Bytes that one of a thing holds, beside what it shares with others."""

    what: str
    bytes_each: float


def costs() -> Iterator[Cost]:
    """Every cost, measured now."""
    cold, daily, busy = (partial(product, per_day, days) for per_day, days in ((1, 1), (1, 100), (400, 100)))
    yield Cost("cached product, one sale", held(cold))
    yield Cost(f"cached product, {KEPT_DAYS} days of one sale", held(daily))
    yield Cost(
        f"cached product, {KEPT_DAYS} days of 400 sales, without its event ids", held(partial(_forgetful, busy), 2)
    )
    yield Cost(f"cached product, {KEPT_DAYS} days of 400 sales", held(busy, 2))
    for commit in (1, 33, 1_000):
        yield Cost(f"event id in a cached ledger, {commit} a commit", held(partial(ledger, 20_000, commit), 3) / 20_000)
    yield Cost("sale of a batch, decoded", held(partial(decode, sales_body(LINES), "message", 2**50)) / LINES)
    for what, body, lines in odd_bodies():
        held_bytes = held(partial(decode, body, "message", 2**50), 1)
        yield Cost(f"byte of a message body of {what}", held_bytes / len(body))
        yield Cost(f"line of a message body of {what}", held_bytes / lines)
    yield Cost("product waiting for a decision", held(_dirty) / LINES)
    yield Cost("forecast record waiting for its minute", held(_records) / LINES)


def held(make: Callable[[], object], copies: int = COPIES) -> float:
    """Bytes that one result of make holds."""
    make()  # What is made only once, such as a cache, is not counted.
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        made = [make() for _ in range(copies)]
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / len(made)
    finally:
        tracemalloc.stop()


def product(sales_a_day: int, days: int) -> ProductState:
    """The state of a product that sold so much each day, was decided and ordered."""
    key = ProductKey(f"P{id(object()) % 90_000 + 10_000}", "STORE-1")
    state = ProductState(key)
    for day in range(FIRST_DAY, FIRST_DAY + days):
        start = day * MS_PER_DAY
        sales = [SaleRecorded(key, f"{day}-{n}", start + n, 1 + n % 5, 1_999) for n in range(sales_a_day)]
        state = fold(state, sales, start).state
    last = FIRST_DAY + days - 1
    return state._replace(
        forecast=ForecastNote(last, 2**31 + days, "model", tuple((n, 1.5 * n, 0.3 * n) for n in (1, 8, 28))),
        intervals=tuple(Interval(last - n, n, 300 + n) for n in range(min(days, INTERVAL_DAYS))),
        open_orders=tuple(OpenOrder(300 + n, 1_000 + n, 0, last + 7) for n in range(2)),
    )


def ledger(ids: int, a_commit: int) -> Ledger:
    """A ledger that has taken in so many ids; all are younger than the horizon."""
    kept = Ledger()
    entries = bytes(range(20))
    for _ in range(0, ids, a_commit):
        kept, _written = kept.searchable().append(entries * a_commit, FIRST_DAY, FIRST_DAY + ids)
    return kept


def _forgetful(make: Callable[[], ProductState]) -> ProductState:
    return make()._replace(ledger=Ledger())


def sales_body(lines: int) -> str:
    """A message body of usual sales."""
    sales = (
        {
            "event_id": f"536365-{n}",
            "product_id": f"P{n:05d}",
            "location_id": "LEEDS",
            "occurred_at": "2026-01-01T08:26:00Z",
            "quantity": 6,
            "unit_price": 2.55,
            "category": "Lights",
        }
        for n in range(lines)
    )
    return json.dumps(list(sales), separators=(",", ":"))


def odd_bodies() -> Iterator[tuple[str, str, int]]:
    """Bodies whose lines cost far more than their bytes."""
    yield "bare digits", json.dumps([1] * LINES, separators=(",", ":")), LINES
    order = {f"field_{n}": n for n in range(200)}
    yield "an order with 200 fields and empty lines", json.dumps({**order, "lines": [{}] * LINES}), LINES


def _dirty() -> dict[ProductKey, None]:
    return dict.fromkeys(ProductKey(f"P{n:05d}", f"STORE-{n}") for n in range(LINES))


def _records() -> list[ForecastRecord]:
    def one(n: int) -> ForecastRecord:
        totals = tuple(TotalDemand(days, 1.5 * n + days, 0.3 * n + days) for days in (1, 8, 28))
        forecast = DemandForecast(FIRST_DAY, "model", totals)
        return ForecastRecord(ProductKey(f"P{n:05d}"), forecast, (n, n + 300, n + 600), n + 400, n, 80.0 + n, 2**41 + n)

    return [one(n) for n in range(LINES)]


def main() -> int:
    for cost in costs():
        sys.stdout.write(f"{cost.bytes_each:12,.1f}  {cost.what}\n")
    sys.stdout.write(f"ids are kept for {HORIZON_DAYS} days, buckets for {KEPT_DAYS}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
