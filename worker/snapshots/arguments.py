"""How is `restock snapshot` asked for?

Nothing heavy is imported here: the arguments stand in the help of every command."""

from __future__ import annotations

import argparse
from pathlib import Path

from forecaster.argument_kinds import day, whole

HELP = "how every product stands today, as Parquet tables for Athena and QuickSight"
BACK_DAYS, BACK_DAYS_MAX = 35, 84  # states keep the sales of 91 days

EPILOG = """examples:
  restock snapshot                        today's, under s3://$RESTOCK_ANALYTICS_BUCKET/snapshots
  restock snapshot --out snapshots        the same into a folder of this machine
  restock snapshot --back-days 84         as far back as the states remember, as for a first snapshot

Tables: inventory (a day), inventory_now, stockouts, reorders, forecast_weeks, accuracy: docs/quicksight.md. Memory does
not grow with the number of products. Another snapshot of the same day replaces the first; --day only says under which
day the state as it is now is kept. Exit codes: 0 done, 1 failed with one clear line, 2 wrong use."""


def add_snapshot(parser: argparse.ArgumentParser) -> None:
    parser.description = HELP + "."
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--out", metavar="PLACE", help="folder or s3://… (default: snapshots in RESTOCK_ANALYTICS_BUCKET)")
    add("--day", type=day("2025-05-01"), metavar="YYYY-MM-DD", help="the day of the snapshot (default: today, UTC)")
    add(
        "--back-days",
        type=whole(0, BACK_DAYS_MAX),
        default=BACK_DAYS,
        metavar="N",
        help="days back over which orders, weeks and scores are written again (%(default)s)",
    )
    add("--report", type=Path, metavar="DIR", help="write summary.json there")
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    try:
        from worker.snapshots.command import run_snapshot
    except ModuleNotFoundError as exc:
        parser = argparse.ArgumentParser(prog="restock snapshot")
        parser.exit(1, f"restock snapshot needs the extra [forecaster]: {exc.name} is missing\n")
    return run_snapshot(chosen)
