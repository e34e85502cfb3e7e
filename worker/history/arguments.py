"""How is `restock history` asked for?"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "loads past sales and says what is odd about them: gaps, duplicates, outliers, ids written in several ways"

EPILOG = """examples:
  restock history --from sales-2024/ --months 24 --report quality
  restock history --from s3://history/sales/ --report quality     CSV, JSONL and Parquet, also .gz
  restock history --from-table retail-sales-history --product 85123A --months 6

Nothing is written but the report: summary.json, quality.html for people, and daily.csv, which has every product on
every day of the window, days without a sale as zero. The window ends with the newest sale. A row is read exactly as the
worker would read it; with --product a table is queried by that product (its sort key must begin with the time), and
otherwise scanned.

exit codes: 0 done (whatever was found), 1 failed with one clear line, 2 wrong use."""


def add_history(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = HELP + ".", EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--from", dest="from_files", metavar="PLACE", help="a file, a folder, s3://bucket/prefix")
    source.add_argument("--from-table", metavar="TABLE", help="a DynamoDB table of sales")
    add = parser.add_argument
    add("--product", action="append", default=[], metavar="ID", help="with --from-table: these products alone")
    add("--months", type=_months, metavar="N", help="so many calendar months (default: all)")
    add("--stock", action="store_true", help="look for stock below zero in RESTOCK_INVENTORY_TABLE as well")
    add("--report", type=Path, metavar="DIR", help="write summary.json, quality.html and daily.csv there")
    add("--work", type=Path, default=Path(".restock/history"), metavar="DIR", help="passing files (%(default)s)")
    parser.set_defaults(run=_run)


def _months(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 240:
        raise argparse.ArgumentTypeError("must lie between 1 and 240")
    return number


def _run(chosen: argparse.Namespace) -> int:
    if chosen.product and not chosen.from_table:
        argparse.ArgumentParser(prog="restock history").error("--product goes with --from-table only")
    from worker.history.command import run_history

    return run_history(chosen)
