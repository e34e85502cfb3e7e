"""How is `restock cost` asked?"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

HELP = "dollars a month for the chosen settings, by service"
DESCRIPTION = """What a month of Restock costs on AWS, beside the same sales with one call of everything for each.
Calls and capacity units were counted in runs of the real worker; RESTOCK_* variables are read as `restock run` reads
them: larger batches and rarer decisions cost less. Nothing is sent anywhere."""
EPILOG = """examples:
  restock cost                                     a million sales a day of 50,000 products, default settings
  restock cost --events-per-day 200000 --products 8000
  RESTOCK_DECIDE_INTERVAL_S=300 restock cost --batch-sales 3500
                                                   what five minutes' patience saves; the answer names the settings
  restock cost --provisioned --json                for scripts
  RESTOCK_METER_CALLS=true restock local --until-done --report report
  restock cost --measured report/summary.json      by the counts of your own run and sales

A million sales a day are 11.6 a second. How many products a batch touches follows from --zipf: 1 is Zipf's law, 0.87
what was found for books; the flatter, the dearer. docs/cost.md says where each number comes from and what is not in
it. Exit codes: 0 done, 1 the report could not be written, 2 wrong use."""

EVENTS_MAX = 10**11
PRODUCTS_MAX = 10**7


def add_cost(cost: argparse.ArgumentParser) -> None:
    """The arguments; the caller sets what runs."""
    cost.description, cost.epilog = DESCRIPTION, EPILOG
    cost.formatter_class = argparse.RawDescriptionHelpFormatter
    add = cost.add_argument
    add("--events-per-day", type=_whole(EVENTS_MAX), default=1_000_000, metavar="N", help="sales (default: 1000000)")
    add("--products", type=_whole(PRODUCTS_MAX), default=50_000, metavar="N", help="in the catalogue (default: 50000)")
    add("--zipf", type=_number(0, 5), default=1.0, metavar="S", help="sales fall as rank^-S (default: 1)")
    add("--measured", type=Path, metavar="PATH", help="summary.json of a metered run: its counts are used")
    add(
        "--sales-per-message",
        type=_number(1, 20_000),
        default=10.0,
        metavar="N",
        help="lines an order has, or that the producer packs (default: 10)",
    )
    add(
        "--batch-sales",
        type=_number(1, 10**9),
        metavar="N",
        help="sales in a micro-batch (default: what the settings lead to)",
    )
    add("--tasks", type=_whole(10_000), default=1, metavar="N", help="ECS tasks (default: 1)")
    add("--task-vcpu", type=_number(0.25, 16), default=0.25, metavar="N", help="of each task (default: 0.25)")
    add("--task-gb", type=_number(0.5, 120), default=1.0, metavar="N", help="of each task (default: 1)")
    add("--arm", action="store_true", help="tasks on ARM")
    add("--provisioned", action="store_true", help="provisioned capacity at 70 %% instead of on demand")
    add("--endpoints", type=_whole(1_000, 0), default=1, metavar="N", help="SageMaker instances (default: 1)")
    add(
        "--bedrock-share",
        type=_number(0, 1),
        metavar="S",
        help="Bedrock calls a sale (default: as products fall short, within RESTOCK_INSIGHTS_PER_HOUR)",
    )
    add("--retention-days", type=_whole(3_653), default=30, metavar="N", help="logs are kept so long (default: 30)")
    add("--snapshots", type=_whole(24, 0), default=0, metavar="N", help="`restock snapshot` a day (default: 0)")
    add("--json", action="store_true", help="print JSON instead of tables")
    add("--report", type=Path, metavar="DIR", help="write summary.json and cost.svg there")


def _whole(most: int, least: int = 1) -> Callable[[str], int]:
    """Reads a whole number between two bounds."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
        return int(_within(number, least, most))

    return read


def _number(least: float, most: float) -> Callable[[str], float]:
    """Reads a number between two bounds."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
        return _within(number, least, most)

    return read


def _within(number: float, least: float, most: float) -> float:
    if not least <= number <= most:  # a NaN neither
        raise argparse.ArgumentTypeError(f"must lie between {least:,} and {most:,}")
    return number
