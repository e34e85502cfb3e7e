"""Does the worker's memory stay bounded over a million sales?

Writes memory.svg, summary.json and the logs of every part, prints one line; the exit code is 0 only if that is shown
and every sale was counted exactly once."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from bench.soak.picture import draw
from bench.soak.run import Options, soak
from bench.soak.verdict import LIMIT_MB_PER_MILLION, in_work, judge, one_line, summary
from bench.soak.worker_process import LEAKS
from worker.local.embedded_aws import CREDENTIALS, emulator
from worker.local.processes import ChildFailed
from worker.local.progress import Display

FAILED = "0 passed, 1 failed"


def main(arguments: Sequence[str] | None = None) -> int:
    options, output, limit = _read(arguments)
    os.environ.update(CREDENTIALS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    logs = output / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    try:
        soaked = asyncio.run(soak(options, logs, Display(options.events)))
    except ChildFailed as exc:
        sys.stdout.write(f"{exc}; {FAILED}\n")
        return 1
    verdict = judge(soaked, limit)
    title = f"Resident memory of one worker, {options.products:,} products, {options.cached_products:,} cached"
    (output / "memory.svg").write_text(draw(in_work(soaked.samples), verdict.warm_after, verdict.line, limit, title))
    figures = {"aws": emulator(), **summary(soaked, verdict)}
    (output / "summary.json").write_text(json.dumps(figures) + "\n")
    for problem in verdict.problems:
        sys.stdout.write(f"{problem}\n")
    sys.stdout.write(f"{output / 'memory.svg'}, {output / 'summary.json'}\n{one_line(soaked, verdict)}\n")
    return 0 if verdict.passed else 1


def _read(arguments: Sequence[str] | None) -> tuple[Options, Path, float]:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--events",
        type=int,
        default=1_000_000,
        help="distinct sales to send (the limit is for a million: before that the heap still settles)",
    )
    parser.add_argument("--products", type=int, default=2_000, help="products they are sales of")
    parser.add_argument("--cached-products", type=int, default=600, help="RESTOCK_CACHED_PRODUCTS of the worker")
    parser.add_argument("--days", type=int, default=365, help="days of the run's own calendar")
    parser.add_argument("--limit", type=float, default=LIMIT_MB_PER_MILLION, help="MB per million events allowed")
    parser.add_argument("--plant-leak", choices=sorted(LEAKS), default="", help="keep these, to see the soak fail")
    parser.add_argument("--no-model", action="store_true", help="no model server: the baseline forecasts")
    parser.add_argument("--output", type=Path, default=Path("build/soak"), help="folder of what is written")
    chosen = parser.parse_args(arguments)
    if min(chosen.events, chosen.products, chosen.cached_products, chosen.days) < 1:
        parser.error("--events, --products, --cached-products and --days must be at least 1")
    options = Options(
        events=chosen.events,
        products=chosen.products,
        cached_products=chosen.cached_products,
        days=chosen.days,
        leak=chosen.plant_leak,
        model=not chosen.no_model,
    )
    return options, chosen.output, chosen.limit


if __name__ == "__main__":
    sys.exit(main())
