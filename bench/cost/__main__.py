"""What does the real worker ask of AWS, counted call by call?

Makes the runs of bench/cost/shapes.py one after the other and writes their counts, by which `restock cost` reckons."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from bench.cost.run import count, model_server
from bench.cost.shapes import QUICK, SHAPES, Shape
from bench.cost.tables import PAGE, renew
from worker.cost.measured import SHIPPED
from worker.local.embedded_aws import CREDENTIALS, emulator
from worker.local.processes import ChildFailed

COMMAND = "python -m bench.cost"


def main(arguments: Sequence[str] | None = None) -> int:
    shapes, path, logs = _read(arguments)
    if not shapes:
        renew()
        sys.stdout.write(f"{PAGE}\n")
        return 0
    os.environ.update(CREDENTIALS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as scratch:
        folder = logs or Path(scratch)
        for shape in shapes:
            (folder / shape.name).mkdir(parents=True, exist_ok=True)
        try:
            asyncio.run(_all(shapes, folder, partial(_keep, path)))
        except ChildFailed as exc:
            sys.stderr.write(f"bench.cost: {exc}\n")
            return 1
    sys.stdout.write(f"{path}\n")
    return 0


async def _all(shapes: Sequence[Shape], folder: Path, keep: Callable[[dict[str, Any]], None]) -> None:
    async with model_server(folder) as gateway:
        for shape in shapes:
            counted = await count(shape, gateway, folder / shape.name, _tell)
            keep(
                {
                    "name": shape.name,
                    "command": f"{COMMAND} --only {shape.name}",
                    "on": datetime.now(UTC).date().isoformat(),
                    "aws": emulator(),
                    "shape": shape.as_json(),
                    "seconds": round(counted.seconds, 1),
                    "usage": counted.usage.as_json(),
                }
            )


def _keep(path: Path, run: dict[str, Any]) -> None:
    """Puts a run into the file in the place of its namesake, in the order of the shapes, and tells of it."""
    order = [shape.name for shape in (*SHAPES, *QUICK)]
    before = json.loads(path.read_text())["runs"] if path.exists() else []
    by_name = {each["name"]: each for each in [*before, run] if each["name"] in order}
    runs = sorted(by_name.values(), key=lambda each: order.index(each["name"]))
    path.write_text(json.dumps({"runs": runs}, indent=1) + "\n")
    sys.stdout.write(f"{_one_line(run)}\n")


def _one_line(run: dict[str, Any]) -> str:
    usage = run["usage"]
    if not usage["sales"]:
        return f"{run['name']:>24}: no sales in {run['seconds']} s, calls {usage['calls']}"
    per_sale = {name: usage[name] / usage["sales"] for name in ("product_commits", "decisions")}
    units = usage["per_1000_sales"]["units"]
    return (
        f"{run['name']:>24}: {usage['sales']:>6,} sales, {per_sale['product_commits']:.3f} commits and "
        f"{per_sale['decisions']:.3f} decisions a sale, per 1,000 sales {units.get('write_units', 0):,.0f} write and "
        f"{units.get('read_units', 0):,.0f} read units"
    )


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _read(arguments: Sequence[str] | None) -> tuple[Sequence[Shape], Path, Path | None]:
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small runs, to see that it works (30 s)")
    parser.add_argument("--only", action="append", metavar="NAME", help="this run alone; may be given again")
    parser.add_argument("--output", type=Path, help="where the counts go (default: worker/cost/measured.json)")
    parser.add_argument("--logs", type=Path, help="keep what each part wrote there")
    parser.add_argument("--tables", action="store_true", help="only renew the tables of docs/cost.md from the counts")
    chosen = parser.parse_args(arguments)
    if chosen.tables:
        return (), SHIPPED, None
    if chosen.quick and chosen.output is None:
        parser.error("--quick needs --output: its counts are not those that are shipped")
    shapes = QUICK if chosen.quick else SHAPES
    names = [shape.name for shape in shapes]
    unknown = [name for name in chosen.only or () if name not in names]
    if unknown:
        parser.error(f"no run is called {unknown[0]!r}: {', '.join(names)}")
    wanted = [shape for shape in shapes if not chosen.only or shape.name in chosen.only]
    return wanted, chosen.output or SHIPPED, chosen.logs


if __name__ == "__main__":
    sys.exit(main())
