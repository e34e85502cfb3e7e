"""Which counts does a price rest on if a user brings none?

Those of `python -m bench.cost`: the real worker against the embedded AWS, its calls counted as AWS bills them. Each
run says what it was and when; a price is reckoned from the one that is nearest to what is asked for."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.cost.usage import Usage, usage_of

SHIPPED = Path(__file__).with_name("measured.json")


@dataclass(frozen=True, slots=True)
class Run:
    """A counted run: batch_sales sales a micro-batch, of a catalogue of so many products."""

    name: str
    on: str
    command: str
    products: int
    zipf: float
    batch_sales: int
    sales_per_message: int
    usage: Usage


def shipped_runs(path: Path = SHIPPED) -> dict[str, Run]:
    """The counted runs that sold something, by name."""
    runs = (_run(said) for said in json.loads(path.read_text())["runs"] if said["usage"]["sales"])
    return {run.name: run for run in runs}


def _run(said: dict[str, Any]) -> Run:
    shape = said["shape"]
    return Run(
        said["name"],
        said["on"],
        said["command"],
        shape["products"],
        shape["zipf"],
        shape["batch_sales"],
        shape["sales_per_message"],
        usage_of(said["usage"], said["aws"]),
    )


def nearest(runs: dict[str, Run], batch_sales: float, products: int) -> Run:
    """The run whose batches and catalogue are the nearest, by ratio: what one commit takes depends on little else."""
    sold = [run for run in runs.values() if run.name != "orders"]
    return min(
        sold,
        key=lambda run: (
            abs(math.log(run.batch_sales / batch_sales)) + abs(math.log(run.products / products)),
            run.name,
        ),
    )
