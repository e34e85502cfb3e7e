"""How should Restock remember which events it has counted?

Measures the designs, shows the tables; the exit code is 0 only if every design was exact."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog
import uvloop

from bench.event_ids.report import show
from bench.event_ids.run import Options, measure
from worker.local.embedded_aws import CREDENTIALS


def main(arguments: Sequence[str] | None = None) -> int:
    options, json_path = _read(arguments)
    os.environ.update(CREDENTIALS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,  # as the worker has it
    ):
        said = runner.run(measure(options, Path(folder)))
    if json_path is not None:
        json_path.write_text(json.dumps(said, indent=1) + "\n")
    sys.stdout.write(show(said))
    return 0 if all(row["exact"] for row in said["exact"].values()) else 1


def _read(arguments: Sequence[str] | None) -> tuple[Options, Path | None]:
    parser = argparse.ArgumentParser(prog="python -m bench.event_ids", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lines", type=int, help="replay only the first N lines of the bundled sample")
    parser.add_argument("--metered", type=int, default=15_000, help="sales counted for their units")
    parser.add_argument("--timed", type=int, default=5_000, help="sales timed, the last ones")
    parser.add_argument("--runs", type=int, default=3, help="runs of each timing; the median counts")
    parser.add_argument("--tails", action="store_true", help="also try other lengths of the tail")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    chosen = parser.parse_args(arguments)
    if min(chosen.runs, chosen.timed, chosen.metered) < 1 or (chosen.lines is not None and chosen.lines < 100):
        parser.error("--runs, --timed and --metered must be at least 1, --lines at least 100")
    return Options(chosen.lines, chosen.metered, chosen.timed, chosen.runs, chosen.tails), chosen.json


if __name__ == "__main__":
    sys.exit(main())
