"""Where does our time go, and what is the least it could be?

Ours part by part over the same events, and beside it what decoding alone costs: turning each body into Python values
with the standard library and with the parser that the worker uses, and nothing else. Whoever decodes JSON in Python
pays that before any work is done."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from pydantic_core import from_json

from bench.engine.events import clock_of, lines_of
from bench.engine.ours import Engine, decoded, newest_day
from bench.engine.spec import BATCH, arrival_ms
from domain.features import rolling_features, series_of
from domain.taking import close_all, take_all
from worker.collector import spare_the_collector

Spent = dict[str, float]


@contextmanager
def clock(spent: Spent, part: str) -> Iterator[None]:
    started = time.process_time()
    yield
    spent[part] = spent.get(part, 0.0) + time.process_time() - started


def of_ours(events: int) -> Spent:
    """CPU seconds of each part, in the order in which they are passed."""
    spent: Spent = {}
    engine = Engine()
    lines, clock_says, taken, newest = lines_of(events), clock_of(events), 0, -1
    while bodies := list(islice(lines, BATCH)):
        taken += len(bodies)
        now = arrival_ms(clock_says, taken)
        messages = [(f"{now}-{number}", body) for number, body in enumerate(bodies)]
        with clock(spent, "read"):
            batch, _ = decoded(messages, now)
        with clock(spent, "group"):
            rows = batch.by_product()
            opened = engine.opened(rows)
        with clock(spent, "count"):
            take_all(opened, batch, [*rows.values()], engine.table)
        changed = [product for product in opened if product.fresh]
        with clock(spent, "lay out the days"):
            newest = newest_day(changed, engine.table, newest)
            series = series_of(changed, newest + 1)
        with clock(spent, "features"):
            rolling_features(series)
        with clock(spent, "close for the commit"):
            close_all(changed, now)
    return spent


def of_decoding(events: int) -> Spent:
    """CPU seconds of decoding alone; a body that is no JSON is passed over."""
    spent: Spent = {}
    bodies = [body for body in lines_of(events) if body.endswith("}")]
    loads: dict[str, Callable[[str], object]] = {"json alone": json.loads, "pydantic_core alone": from_json}
    for name, load in loads.items():
        with clock(spent, name):
            for body in bodies:
                load(body)
    return spent


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.engine.parts", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5, help="the median of so many counts")
    chosen = parser.parse_args(arguments)
    spare_the_collector()
    found = [{**of_ours(chosen.events), **of_decoding(chosen.events)} for _ in range(chosen.runs)]
    for part in found[0]:
        us = statistics.median(spent[part] for spent in found) * 1e6 / chosen.events
        sys.stdout.write(f"{part:<20} {us:6.2f} µs an event\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
