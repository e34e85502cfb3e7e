"""What do the docs say of the cost, and is it still so?

Two tables of docs/cost.md, made from the counts that are shipped: what a month costs with some settings, each by the
very command that stands in its row, and what the runs have counted beside what was reckoned."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from worker.aws.capacity import SOLD
from worker.cli import main
from worker.cost.measured import shipped_runs
from worker.cost.touched import touched

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"
MINUTE = "RESTOCK_BATCH_SALES=700 RESTOCK_BATCH_LINGER_S=5"
FIVE_MINUTES = "RESTOCK_BATCH_SALES=3500 RESTOCK_BATCH_LINGER_S=5"
HOUR = "RESTOCK_BATCH_SALES=42000"
CHEAP = "restock cost --batch-sales 42000 --provisioned --arm"
HOURS = "RESTOCK_VISIBILITY_TIMEOUT_S=10800"
SMALL = "RESTOCK_BEDROCK_MODEL=amazon.nova-micro-v1:0"


class Profile(NamedTuple):
    """A row: what it is called, and the command that reckons it."""

    name: str
    command: str


PROFILES = (
    Profile("as shipped", "restock cost"),
    Profile("decided every five minutes", "RESTOCK_DECIDE_INTERVAL_S=300 restock cost"),
    Profile("and counted every minute", f"{MINUTE} restock cost"),
    Profile("and counted every five minutes", f"{FIVE_MINUTES} restock cost"),
    Profile("the same, products sold as books are", f"{FIVE_MINUTES} restock cost --zipf 0.87"),
    Profile("and counted every hour", f"{HOUR} restock cost --batch-sales 42000"),
    Profile("and provisioned capacity, ARM", f"{HOUR} {CHEAP}"),
    Profile("and a small model", f"{HOUR} {SMALL} {CHEAP}"),
    Profile("and not seen by others for hours", f"{HOUR} {SMALL} {HOURS} {CHEAP}"),
    Profile("and a hundred sales a message", f"{HOUR} {SMALL} {HOURS} {CHEAP} --sales-per-message 100"),
)


def written() -> dict[str, str]:
    """Each table by its name, as it stands in the page."""
    return {"profiles": "\n".join(_profiles()), "counts": "\n".join(_counts())}


def in_page(text: str) -> dict[str, str]:
    """The tables that a page holds."""
    return {name: text.split(_begin(name))[1].split(_END)[0].strip() for name in ("profiles", "counts")}


def renew() -> None:
    """Writes the tables into the page."""
    text = PAGE.read_text()
    for name, table in written().items():
        before, rest = text.split(_begin(name))
        text = f"{before}{_begin(name)}\n{table}\n{_END}{rest.split(_END, 1)[1]}"
    PAGE.write_text(text)


_END = "<!-- end -->"


def _begin(name: str) -> str:
    return f"<!-- {name}: python -m bench.cost --tables -->"


def _profiles() -> Iterator[str]:
    yield "| | command | $ a million sales | of that DynamoDB | with SageMaker and logs | guide, Sonnet class |"
    yield "|---|---|---:|---:|---:|---:|"
    for profile in PROFILES:
        said = reckoned(profile.command)
        ours, sales = said["bills"][0], said["asked"]["events_per_day"] * 365 / 12 / 1e6
        tables = sum(line["dollars"] for line in ours["lines"] if line["service"].startswith("DynamoDB")) / sales
        yield (
            f"| {profile.name} | `{profile.command}` | {ours['dollars_per_million_sales']:.2f} | {tables:.2f} | "
            f"{ours['dollars_per_million_sales_with_apart']:.2f} | x {said['guide_over_restock'][0]:,.0f} |"
        )


def reckoned(command: str) -> dict[str, Any]:
    """What such a command answers, with the settings before it and no others."""
    words = shlex.split(command)
    at = words.index("restock")
    with _environment(dict(word.split("=", 1) for word in words[:at])), redirect_stdout(StringIO()) as out:
        if main([*words[at + 1 :], "--json"]) != 0:
            raise ValueError(f"{command} failed")
    said: dict[str, Any] = json.loads(out.getvalue())
    return said


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    before = {name: value for name, value in os.environ.items() if name.startswith("RESTOCK_")}
    for name in before:
        del os.environ[name]
    os.environ.update(settings)
    try:
        yield
    finally:
        for name in settings:
            del os.environ[name]
        os.environ.update(before)


def _counts() -> Iterator[str]:
    yield (
        "| run | products | sales a batch | sales | products a sale: reckoned | committed | decided | calls a sale "
        "| write units a sale | a commit | header, bytes |"
    )
    yield "|---" + "|---:" * 10 + "|"
    for run in shipped_runs().values():
        usage, a_batch = run.usage, touched(run.batch_sales, run.products, run.zipf)
        cells = (
            run.name,
            f"{run.products:,}",
            f"{run.batch_sales:,}",
            f"{usage.sales:,}",
            f"{a_batch / run.batch_sales:.3f}",
            f"{usage.product_commits / usage.sales:.3f}",
            f"{usage.decisions / usage.sales:.3f}",
            f"{sum(usage.calls.values()) / usage.sales:.3f}",
            f"{usage.units['write_units'] / usage.sales:.2f}",
            f"{usage.item_units[SOLD] / usage.product_commits:.2f}",
            f"{usage.item_bytes[SOLD] / usage.product_commits:,.0f}",
        )
        yield f"| {' | '.join(cells)} |"
