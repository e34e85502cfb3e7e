"""What is measured, in which order?

First all that is counted in memory, then all that needs the embedded AWS. The answer is one JSON object."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.event_ids.capacity import tails, units
from bench.event_ids.cpu import Tables, interleaved
from bench.event_ids.design import Design
from bench.event_ids.designs import DESIGNS, Segments
from bench.event_ids.exactness import busiest, cross_day, exactness
from bench.event_ids.hot_product import HOT, hot_product, lookups
from bench.event_ids.replay import Periods, sales_of
from bench.event_ids.statements import statements
from worker.aws.clients import Endpoints, open_clients
from worker.local.embedded_aws import embedded_aws, emulator
from worker.local.sample import SAMPLE_PATH

SIZES = (100, 1_000, 5_000)
PER_COMMIT = (1, 100)
EXACTNESS_BATCH = 250


@dataclass(frozen=True, slots=True)
class Options:
    lines: int | None = None
    metered: int = 15_000
    timed: int = 5_000
    runs: int = 3
    tails: bool = False


async def measure(options: Options, folder: Path) -> dict[str, Any]:
    """Everything, as one JSON object."""
    periods = Periods.of(sales_of(SAMPLE_PATH, options.lines), options.metered, options.timed)
    said: dict[str, Any] = {"options": asdict(options), "aws": emulator(), "sales": periods.lengths()}
    warm = await _in_memory(said, periods)
    if options.tails:
        said["tails"] = await tails(periods)
    # The collector shall walk neither this heap again and again nor, by chance, in one design's run.
    gc.collect()
    gc.freeze()
    async with (
        embedded_aws(folder) as url,
        open_clients("us-east-1", Endpoints(everything=url)) as clients,
    ):
        await _on_emulator(Tables(clients.dynamodb), said, warm, periods, options.runs)
    return said


async def _in_memory(said: dict[str, Any], periods: Periods) -> dict[str, Design]:
    """Adds what is counted; returns for each design a worker that has seen all but the future."""
    warm: dict[str, Design] = {}
    said |= {"replay": {}, "hot": {}, "lookup": {}}
    for kind in DESIGNS:
        said["replay"][kind.name], warm[kind.name] = await units(kind, periods, SIZES)
        for per_commit in PER_COMMIT:
            worker, said["hot"][f"{kind.name} / {per_commit}"] = await hot_product(kind, per_commit)
            if kind is Segments:
                said["lookup"][str(per_commit)] = lookups(worker.states[HOT].ledger, per_commit)
    return warm


async def _on_emulator(
    tables: Tables, said: dict[str, Any], warm: Mapping[str, Design], periods: Periods, runs: int
) -> None:
    """Adds what is timed, and what is exact on a server that is not ours."""
    future = periods.future
    for (name, size), values in (await interleaved(tables, warm, future, SIZES, runs)).items():
        said["replay"][name][str(size)]["cpu_us_per_sale"] = statistics.median(values)
        said["replay"][name][str(size)]["cpu_runs"] = [round(value, 1) for value in values]
    trial = busiest([*periods.past, *periods.present, *future], len(future))
    said["exact"] = {
        kind.name: {
            **await tables.use(partial(exactness, kind, tables.client, trial, EXACTNESS_BATCH)),
            "id_with_another_date_recognised": await tables.use(partial(cross_day, kind, tables.client, future[0])),
        }
        for kind in DESIGNS
    }
    said["statements"] = await tables.use(partial(statements, tables.client, warm[Segments.name], runs))
