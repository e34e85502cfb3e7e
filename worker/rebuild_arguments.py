"""How is `restock rebuild` asked for?

Nothing heavy is imported here: the arguments stand in the help of every command."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

SEGMENTS_MAX = 64
SHARDS_MAX = 4_096
PROCESSES_MAX = 64

HELP = "make the state what history says, or compare the two"

EPILOG = """examples:
  restock rebuild --from sales-2024/ --verify --report check  what differs? Nothing is written
  restock rebuild --from s3://history/sales/ --yes            replace what differs
  restock rebuild --from-export s3://exports/AWSDynamoDB/01712300000000-abcdef12/ --yes
  restock rebuild --from-table retail-sales-history --yes     from the table itself (a scan of all of it)
  restock rebuild --from-table retail-sales-history --missing-only
                                                              after the alarm StreamTrimmed: count what is missing

How the products stand is noted; history is read (files of sales, an export, or a table) and folded, shard by shard,
into the days that each product should have; then product by product the live state is held against them. What differs
is replaced, on the condition that nobody changed it in between, with everything that arrived meanwhile: workers may go
on. Orders, stock, promotions and forecasts stay as they are; the products are decided anew at the end. --verify only
tells.

A lake that sales reach by Firehose is behind: say by how much with --lag, or a product that was counted wrongly, and
sells now, has sales that history lacks.

  late       sales that came too late to be counted are listed, and counted only with --include-late
  extra      a product of which the live state counted sales that history lacks is left alone (exit code 1): the sales
             may have come by the queue only. With --drop-extra history alone counts
  conflicts  of rows that share an id and differ, the first one counts

It may be killed at any time: the same command goes on with what lies in --work, and comes to the same. Memory is that
of a piece of history (a million rows) in each process. Do not change items of the table while it is read: the newest
form would be counted, and the change once more; --verify shows it, and a second rebuild mends it.

--missing-only takes each item of the table through the worker's own intake as the insertion that its stream carried:

  counted before     a duplicate: nothing happens
  missing            counted; the product is left dirty, and the running workers decide it
  no valid sale      quarantine, with the reason, once however often the command is run
  changed since      quarantine: its id was counted with another payload
  too old            older than its product's newest sale by more than 35 days: whether it was counted in its time is no
                     longer known. It is not counted, and stays in the table

It takes back nothing and needs no --yes. Lines that were added to an order by a change are known by that change, and
would be counted a second time: not for a table of orders that grow.

Configured by the RESTOCK_* variables of `restock run`, RESTOCK_TABLE_FIELDS among them; besides the worker's
permissions it needs dynamodb:Scan on the state table, DescribeTable and Scan on a table of history, s3:ListBucket and
GetObject on history in S3.

exit codes: 0 done (and, with --verify, equal); 1 failed, stopped, something unsettled or different; 2 wrong use."""


def add_rebuild(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--from", dest="from_files", type=_named, metavar="PLACE", help="files of sales: a file, a folder, s3://…"
    )
    source.add_argument("--from-table", type=_named, metavar="TABLE", help="the DynamoDB table of sales")
    source.add_argument(
        "--from-export", type=_named, metavar="PLACE", help="a full export of that table, as a folder or s3://…"
    )
    add("--verify", action="store_true", help="write nothing: list where history and live state differ")
    add("--yes", action="store_true", help="replace what differs without asking")
    add("--missing-only", action="store_true", help="with --from-table: count what is missing, and change nothing else")
    add("--include-late", action="store_true", help="count sales, too, that came too late to be counted")
    add("--drop-extra", action="store_true", help="history alone counts, where the live state has more sales")
    add(
        "--lag",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="how long a sale may take to stand in the history; it is read that much later (%(default)g)",
    )
    add("--report", type=Path, metavar="DIR", help="write summary.json and differences.csv there")
    add("--work", type=Path, default=Path(".restock/rebuild"), metavar="DIR", help="passing files (%(default)s)")
    add(
        "--shards",
        type=_up_to(SHARDS_MAX),
        default=64,
        metavar="N",
        help="parts that are folded one by one (%(default)s)",
    )
    add("--processes", type=_up_to(PROCESSES_MAX), default=2, metavar="N", help="that read side by side (%(default)s)")
    add(
        "--segments",
        type=_up_to(SEGMENTS_MAX),
        default=4,
        metavar="N",
        help=f"parts of the table that are read side by side (1 to {SEGMENTS_MAX}, default: 4)",
    )
    parser.set_defaults(run=_run)


def _named(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("must name a table or a place")
    return text


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError("must lie between 0 and 86400")
    return value


def _up_to(most: int) -> Callable[[str], int]:
    """Reads a whole number from 1 to this."""

    def number(text: str) -> int:
        value = int(text)
        if not 1 <= value <= most:
            raise argparse.ArgumentTypeError(f"must lie between 1 and {most}")
        return value

    return number


def _run(chosen: argparse.Namespace) -> int:
    if chosen.missing_only and not chosen.from_table:
        argparse.ArgumentParser(prog="restock rebuild").error("--missing-only goes with --from-table only")
    if chosen.missing_only:
        from worker.rebuild_command import run_rebuild

        return run_rebuild(chosen)
    from worker.rebuilding.command import run_history

    return run_history(chosen)
