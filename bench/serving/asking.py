"""What do requests cost a server?

One after the other, after one that is not counted; its CPU is read from outside before and after. An answer without
each product, or far from what its demand can be, spoils the figures."""

from __future__ import annotations

import time
from typing import NamedTuple

import aiohttp
import numpy as np

from bench.rows import Disagreement
from bench.serving.demand import HORIZON_DAYS, Demand
from bench.serving.servers import Serving, Totals
from bench.standin.used import cpu_s, memory_mb

REQUESTS_MAX = 400
ANSWER_S = 120.0
FACTOR_MAX = 1.5


class Figures(NamedTuple):
    products_per_cpu_s: float
    p99_ms: float
    memory_mb: float


async def asked(serving: Serving, demand: Demand, seconds: float) -> Figures:
    """Asks for so long, but not more often than REQUESTS_MAX, which is enough for the slowest of a hundred. A server
    that needs longer for a single request is asked once, and that one is its slowest."""
    pid = serving.process.process.pid
    times: list[float] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(ANSWER_S)) as session:
        check(serving.read(await _ask(session, serving)), demand)
        spent, ends = cpu_s(pid), time.monotonic() + seconds
        while not times or (time.monotonic() < ends and len(times) < REQUESTS_MAX):
            began = time.perf_counter()
            await _ask(session, serving)
            times.append(time.perf_counter() - began)
        spent = cpu_s(pid) - spent
    return Figures(len(demand.keys) * len(times) / spent, float(np.quantile(times, 0.99)) * 1000, memory_mb(pid))


async def _ask(session: aiohttp.ClientSession, serving: Serving) -> bytes:
    async with session.post(serving.url, data=serving.body) as answer:
        body = await answer.read()
        if answer.status != 200:
            raise Disagreement(f"{serving.process.name} answered {answer.status}: {body[:200]!r}")
        return body


def check(totals: Totals, demand: Demand) -> None:
    """Each product has a forecast, and together they are about what the last days sold."""
    if set(totals) != set(demand.ids):
        raise Disagreement(f"{len(totals)} products forecast instead of {len(demand.ids)}")
    sold, promised = float(demand.units[:, -HORIZON_DAYS:].sum()), sum(totals.values())
    if not sold / FACTOR_MAX < promised < sold * FACTOR_MAX:
        raise Disagreement(f"{promised:,.0f} units forecast where the days before sold {sold:,.0f}")
