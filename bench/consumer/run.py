"""Which rows does the consumer group have?

Every peer beside both ways of ours, message by message; packed, a sale of ours beside a message of the plain client,
which is what a sale costs there. Sides take turns, so that whatever else the machine does hits all alike."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import structlog

from bench.consumer.consumers import AIOBOTOCORE, PEERS, PRODUCTS, SINGLE, TOGETHER, Ours, Peer
from bench.consumer.measure import Bench, ours, peer
from bench.environment import Missing, python_of
from bench.rows import Row, Tell, less_is_better
from bench.standin.running import ROOT, standin
from bench.standin.sales import Sales, past_of
from worker.aws.clients import Endpoints, open_clients
from worker.clock import SystemClock
from worker.local.embedded_aws import CREDENTIALS

GROUP = "consumer"
LOGS = ROOT / "build" / "bench" / GROUP
LOGGED_FROM = 40  # errors; the harness has nothing else to say

Figures = dict[str, list[float]]


def rows(runs: int, quick: bool, tell: Tell) -> list[Row]:
    """CPU µs a message, or a sale where many ride together."""
    os.environ.update(CREDENTIALS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(LOGGED_FROM))
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    return asyncio.run(_measured(runs, quick, tell))


async def _measured(runs: int, quick: bool, tell: Tell) -> list[Row]:
    here = _installed(tell)
    figures: Figures = defaultdict(list)
    async with (
        standin(LOGS) as aws,
        open_clients("us-east-1", Endpoints(everything=aws.url)) as clients,
    ):
        bench = Bench(aws, clients, LOGS, past_of(Sales(PRODUCTS).keys(), SystemClock().now()), quick)
        sides: dict[str, Callable[[], Awaitable[float]]] = {
            **{way.name: partial(ours, bench, way) for way in (*SINGLE, *TOGETHER)},
            **{who.name: partial(peer, bench, who, python) for who, python in here.items()},
        }
        for run in range(runs):
            names = list(sides)
            turn = run % len(names)
            for name in (*names[turn:], *names[:turn]):
                tell(f"run {run + 1} of {runs}: {name}")
                figures[name].append(await sides[name]())
    return _rows(figures, list(here))


def _installed(tell: Tell) -> dict[Peer, Path]:
    """The peers that can run here, each with its interpreter."""
    found = {}
    for who in PEERS:
        try:
            found[who] = python_of(who.environment, tell)
        except Missing as exc:
            tell(f"skipped {who.name}: {exc}")
    return found


def _rows(figures: Figures, peers: list[Peer]) -> list[Row]:
    def row(who: str, way: Ours) -> Row:
        return less_is_better(GROUP, who, way.metric, figures[way.name], figures[who])

    found = [row(who.name, way) for who in peers for way in SINGLE]
    return found + [row(who.name, way) for who in peers if who.name == AIOBOTOCORE for way in TOGETHER]
