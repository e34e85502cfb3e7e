"""How is `restock backtest` asked for?

Nothing heavy is imported here: the arguments stand in the help of every command."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from forecaster.argument_kinds import day, whole

USUAL = ("restock", "cover", "normal", "guide", "vn2_benchmark")
POLICIES = (*USUAL, "worker")
RETRAIN_EVERY = {"D": 28, "W": 4}
PERIODS_MAX = 731
LEAD_TIME_MAX = 180
SERVICE = 0.95

HELP = "ordering policies on your own sales, with costs and pictures"
DESCRIPTION = """Replays a shop: at the end of every period each policy orders from what the shop had sold by then, and
the sales file says what was asked for afterwards. Tells how much stock each policy held and how many sales it lost."""
EPILOG = """examples:
  restock backtest --sales sales.csv --lead-time 7 --start 2011-08-31 --periods 60 --report report
        at the service I have today, how much less stock; at today's stock, how much better service?
  restock backtest --sales weekly.parquet --freq W --lead-time 2 --review 1 --holding-cost .2 --shortage-cost 1 \\
      --initial stock.csv --start 2024-04-07 --periods 8 --policies cover,vn2_benchmark --report report
        what does each policy cost, from this stock and these open orders on?
  restock backtest ... --policies cover --frontier off     our policy and days of cover only, one replay each

timing: period 0 is the one that START lies in, and is over when the replay begins. Decisions fall at the ends of
periods 0, R, 2R ..., costs and service are counted in periods 1 ... N. An order decided at the end of period t is
usable from the start of period t + 1 + L. With --freq W a week ends on START; if the rows are totals of weeks, all on
one day of the week, a week begins on that day.

policies: restock always runs.
  restock        the forecast's distribution, followed through to the arrival; retrained as time goes
  cover          so many periods of the recent mean (30 days or 13 weeks)
  normal         mean and standard deviation, as if demand were normal
  guide          130 % of a month's mean, whatever is on order
  vn2_benchmark  mean of 13 weeks times the season, 4 weeks of cover (the organisers' rule of the VN2 game)
  worker         what restock run orders live: up to S when on hand and on order are at or below s (if it is named)

sales: CSV, JSON Lines or Parquet (.gz too) with product_id, date and quantity, and optionally location_id, price,
promotion, category and in_stock (false: the shelf was empty, the quantity a lower bound). Rows may be sales or totals
of periods, zeros included. Products first seen after START do not take part.

initial: product_id, location_id, on_hand, due_1, due_2 ... (arrivals at the starts of periods 1, 2 ...). Without it
every policy begins with the stock that the recent mean would need, and as much on its way.

report: summary.json, orders.parquet, frontier.png, products.png (docs/backtest.md says what stands in them).

exit codes: 0 done; 1 failed, with the reason in one line; 2 wrong use."""


def add_backtest(parser: argparse.ArgumentParser) -> None:
    """The arguments, and what runs."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--sales", required=True, type=Path, metavar="PATH", help="CSV, JSON Lines or Parquet (.gz too)")
    add("--start", required=True, type=day("2011-08-31"), metavar="DATE", help="a day of period 0, such as 2011-08-31")
    add("--periods", required=True, type=whole(1, PERIODS_MAX), metavar="N", help="periods to replay")
    add("--lead-time", required=True, type=whole(0, LEAD_TIME_MAX), metavar="L", help="periods until an order arrives")
    add("--review", type=whole(1, LEAD_TIME_MAX), default=1, metavar="R", help="periods between decisions (default: 1)")
    add("--freq", choices=("D", "W"), default="D", help="a period is a day or a week (default: D)")
    add("--holding-cost", type=_cost, metavar="H", help="of a unit in stock at the end of a period")
    add(
        "--shortage-cost", type=_cost, metavar="C", help="of a unit missing; with --backorders, of a unit owed a period"
    )
    add(
        "--service",
        type=_share,
        metavar="S",
        help=f"share of the demand that restock is to serve from stock, 0 to 1 (default: the costs decide, {SERVICE} "
        "without any)",
    )
    add("--initial", type=Path, metavar="PATH", help="stock and open orders at the end of period 0")
    add(
        "--policies",
        type=policies,
        default=USUAL,
        metavar="NAMES",
        help=f"beside restock, by commas (default: {','.join(USUAL[1:])})",
    )
    add("--cover-periods", type=_cost, metavar="K", help="what `cover` orders up to (default: L + R + one week)")
    add("--backorders", action="store_true", help="customers wait: sales are not lost")
    add("--observe", choices=("sales", "demand"), default="sales", help="what policies see (default: sales)")
    add("--calendar", type=Path, metavar="PATH", help="what restock knows ahead, by date: docs/evaluate.md")
    add(
        "--retrain-every",
        type=whole(0, PERIODS_MAX),
        metavar="K",
        help="periods; 0: train once, at START (default: 28 days or 4 weeks)",
    )
    add(
        "--frontier",
        choices=("on", "off"),
        default="on",
        help="also replay other settings of each policy (default: on)",
    )
    add("--report", required=True, type=Path, metavar="DIR", help="where the report goes")
    parser.set_defaults(run=_run)


def policies(text: str) -> tuple[str, ...]:
    """Names of POLICIES, restock first, each once."""
    said = dict.fromkeys(("restock", *(name.strip() for name in text.split(","))))
    unknown = [name for name in said if name not in POLICIES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: unknown; known are {', '.join(POLICIES)}")
    return tuple(said)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def _cost(text: str) -> float:
    number = _number(text)
    if not (number > 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError("must be above 0")
    return number


def _share(text: str) -> float:
    number = _number(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError("must lie between 0 and 1")
    return number


def _run(chosen: argparse.Namespace) -> int:
    if (chosen.holding_cost is None) != (chosen.shortage_cost is None):
        sys.stderr.write("restock backtest: --holding-cost and --shortage-cost go together\n")
        return 2
    try:
        from worker.backtest.command import backtest
    except ModuleNotFoundError as exc:
        sys.stderr.write(
            f"restock: backtest needs the extra [evaluate]: pip install 'restock[evaluate]' ({exc.name} is missing)\n"
        )
        return 1
    return backtest(chosen)
