"""Does it stay as fast and as small as the load grows?

More events through one engine, more products in one cache, smaller and larger micro-batches; each in a process of its
own. "Theirs" is Restock itself at the smaller load, or the limit it has to keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.engine.run import events_per_cpu_s
from bench.engine.sides import run_ours
from bench.engine.spec import BATCH
from bench.growth.cache import SALES
from bench.rows import Disagreement, Row, Tell, less_is_better, more_is_better

EVENTS = (100_000, 1_000_000, 10_000_000)
QUICK_EVENTS = (20_000, 100_000)
ONCE_FROM = 10_000_000  # takes minutes: run once
PRODUCTS = (5_000, 50_000, 500_000)
QUICK_PRODUCTS = (5_000, 50_000)
MEMORY_MB_MAX = 1_500.0  # for PRODUCTS[-1], the whole process: it has to fit a task of 2 GB
BATCHES = (100, 10_000)
BATCHES_EVENTS, QUICK_BATCHES_EVENTS = 100_000, 20_000


def rows(runs: int, quick: bool, tell: Tell) -> list[Row]:
    return [
        *_events(QUICK_EVENTS if quick else EVENTS, runs, tell),
        *_products(QUICK_PRODUCTS if quick else PRODUCTS, tell),
        *_batches(QUICK_BATCHES_EVENTS if quick else BATCHES_EVENTS, runs, tell),
    ]


def _engine(events: int, batch: int = BATCH) -> dict[str, Any]:
    said = run_ours("bench.growth.engine", [str(events), "--batch", str(batch)])
    if said["events"] != events:
        raise Disagreement(f"{events} events were asked for, {said['events']} were worked")
    return said


def _events(loads: Sequence[int], runs: int, tell: Tell) -> list[Row]:
    """Throughput and peak as events add up, beside the smallest load in the same minutes."""
    measured = []
    for load in loads[1:]:
        more, few = [], []
        times = 1 if load >= ONCE_FROM else runs
        for run in range(times):
            tell(f"{load:,} events, run {run + 1} of {times}")
            more.append(_engine(load))
            few.append(_engine(loads[0]))
        peer = f"{loads[0]:,} events"
        speed = [events_per_cpu_s(said) for said in more], [events_per_cpu_s(said) for said in few]
        measured.append(more_is_better("growth", peer, f"{load:,} events: events_per_cpu_s", *speed))
        peaks = [said["peak_mb"] for said in more], [said["peak_mb"] for said in few]
        measured.append(less_is_better("growth", peer, f"{load:,} events: peak_mb", *peaks))
    return measured


def _products(loads: Sequence[int], tell: Tell) -> list[Row]:
    """Memory of a cache that holds every product. Run once: a resident size hardly varies."""
    measured, first = [], 0.0
    for load in loads:
        tell(f"{load:,} products in the cache")
        said = run_ours("bench.growth.cache", [str(load)])
        if said["held"] != load or said["counted"] != load * SALES:
            raise Disagreement(
                f"{load:,} products: the cache holds {said['held']:,}, {said['counted']:,} sales counted"
            )
        each = said["cache_mb"] * 1e6 / load
        if load == loads[0]:
            first = each
        else:
            metric = f"{load:,} products: bytes_per_product"
            measured.append(less_is_better("growth", f"{loads[0]:,} products", metric, [each], [first]))
        if load == PRODUCTS[-1]:
            limit = f"{MEMORY_MB_MAX:,.0f} MB"
            peak = said["peak_mb"]
            measured.append(less_is_better("growth", limit, f"{load:,} products: memory_mb", [peak], [MEMORY_MB_MAX]))
    return measured


def _batches(events: int, runs: int, tell: Tell) -> list[Row]:
    """CPU an event, in smaller and larger micro-batches than usual."""
    measured = []
    for batch in BATCHES:
        other, usual = [], []
        for run in range(runs):
            tell(f"batches of {batch:,}, run {run + 1} of {runs}")
            other.append(_cpu_us(_engine(events, batch)))
            usual.append(_cpu_us(_engine(events)))
        metric = f"batches of {batch:,}: cpu_us_per_event"
        measured.append(less_is_better("growth", f"batches of {BATCH:,}", metric, other, usual))
    return measured


def _cpu_us(said: dict[str, Any]) -> float:
    return float(said["cpu_s"]) * 1e6 / float(said["events"])
