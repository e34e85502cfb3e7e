"""Which rows does the whole group have?

Two processes beside one, a packed sale beside one that rides alone, and how long an order takes beside the bar that
was set: one second at the 99th percentile, at half of the rate that the same worker has just kept up with."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import defaultdict
from collections.abc import Sequence

import structlog

from bench.rows import Row, Tell, less_is_better, more_is_better
from bench.standin.running import ROOT, standin
from bench.standin.sales import Sales, past_of
from bench.whole.latency import waited
from bench.whole.throughput import PRODUCTS, Bench, Figures, Load, measured
from worker.aws.clients import Endpoints, open_clients
from worker.clock import SystemClock
from worker.local.embedded_aws import CREDENTIALS

GROUP = "whole"
LOGS = ROOT / "build" / "bench" / GROUP
LOGGED_FROM = 40  # errors; the harness has nothing else to say
BAR_S = 1.0
PARTITIONS = 8
SENDING_S = 12.0
HALF = 0.5

ONE, SHARED, PARTITIONED, ALONE = "one_process", "two_processes_shared", "two_processes", "one_sale_a_message"
LOADS = {
    ONE: Load(1, 100, sales=60_000, warm_up=20_000, spare=25_000),
    SHARED: Load(2, 100, sales=60_000, warm_up=40_000, spare=45_000),
    PARTITIONED: Load(2, 100, sales=60_000, warm_up=40_000, spare=45_000, partitions=PARTITIONS),
    ALONE: Load(1, 1, sales=8_000, warm_up=3_000, spare=1_000),
}


def rows(runs: int, quick: bool, tell: Tell) -> list[Row]:
    """Events a second, and seconds from a sale to its order."""
    os.environ.update(CREDENTIALS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(LOGGED_FROM))
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    return asyncio.run(_measured(runs, quick, tell))


async def _measured(runs: int, quick: bool, tell: Tell) -> list[Row]:
    figures: dict[str, list[Figures]] = defaultdict(list)
    p50: list[float] = []
    p99: list[float] = []
    loads = list(LOADS)
    async with (
        standin(LOGS) as aws,
        open_clients("us-east-1", Endpoints(everything=aws.url)) as clients,
    ):
        bench = Bench(aws, clients, LOGS, past_of(Sales(PRODUCTS).keys(), SystemClock().now()), quick)
        for run in range(runs):
            turn = run % len(loads)
            for name in (*loads[turn:], *loads[:turn]):
                tell(f"run {run + 1} of {runs}: {name}")
                figures[name].append(await measured(bench, LOADS[name]))
            rate = HALF * figures[ONE][-1].per_s
            tell(f"run {run + 1} of {runs}: latency at {rate:,.0f} sales a second")
            took = await waited(bench, rate, bench.shorter(int(SENDING_S)))
            p50.append(took.p50_s)
            p99.append(took.p99_s)
    return [*_throughput(figures), *_latency(p50, p99)]


def _throughput(figures: dict[str, list[Figures]]) -> list[Row]:
    def row(peer: str, metric: str, ours: Sequence[float], theirs: Sequence[float]) -> Row:
        return more_is_better(GROUP, peer, metric, ours, theirs)

    per_cpu_s = {name: [each.per_cpu_s for each in found] for name, found in figures.items()}
    per_s = {name: [each.per_s for each in found] for name, found in figures.items()}
    return [
        *(row(name, "events_per_cpu_s", per_cpu_s[name], per_cpu_s[ONE]) for name in (PARTITIONED, SHARED)),
        row(ALONE, "events_per_cpu_s", per_cpu_s[ONE], per_cpu_s[ALONE]),
        row(ALONE, "events_per_s", per_s[ONE], per_s[ALONE]),
    ]


def _latency(p50: list[float], p99: list[float]) -> list[Row]:
    return [
        less_is_better(GROUP, "latency", "send_to_order_p99_s", p99, [BAR_S]),
        less_is_better(GROUP, "latency", "send_to_order_p50_s", p50, [BAR_S]),
    ]
