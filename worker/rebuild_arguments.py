"""How is `restock rebuild` asked for?

Nothing heavy is imported here: the arguments stand in the help of every command."""

from __future__ import annotations

import argparse
from pathlib import Path

SEGMENTS_MAX = 64

HELP = "count what a table's stream lost, from the table itself; or compare the table with the live state"

EPILOG = """examples:
  restock rebuild --from-table retail-sales-history            after the alarm StreamTrimmed
  restock rebuild --from-table retail-sales-history --verify   what differs? Nothing is written

Configured by the RESTOCK_* variables of `restock run`, RESTOCK_TABLE_FIELDS among them; besides the worker's
permissions it needs dynamodb:DescribeTable and Scan on the table. Each item is read once (a scan costs read capacity
for the whole table) and goes through the worker's own intake as the insertion that its stream carried:

  counted before     a duplicate: nothing happens
  missing            counted; the product is left dirty, and the running workers decide it
  no valid sale      quarantine, with the reason, once however often the command is run
  changed since      quarantine: its id was counted with another payload
  too old            older than its product's newest sale by more than 35 days: whether it was counted in its time is no
                     longer known. It is not counted, and stays in the table

It may be killed and run again at any time, beside running workers. Run it when they have caught up (StreamLag is low):
of an item that was inserted and changed, and neither is read yet, the newest form would be counted, and the change
once more.

what would come out wrong, and --verify shows:
  lines that were added to an order by a change are known by that change, and would be counted a second time: do not
  run it on a table of orders that grow

what it does not heal:
  a lost change      the quarantined line does not say whether the correction was counted or lost; --verify does. Send
                     the correction by the queue, as a MODIFY record with an eventID of your own (docs/messages.md)
  a lost removal     the item is gone, and what was counted of it stays
  an insertion that was lost when a later change of the item was read: the newest form is counted beside the change
  items that expired before it ran
  sales more than 35 days older than their product's newest

--verify folds the valid sales of the table by product and day and compares them with the live state, on the 91 days
that a state keeps. What is not in the table shows as a difference: sales that came by the queue only, items that
expired. So do sales that were late, and today's as long as shops are selling, and a second item under one event_id.
Products of which the table has no item are not looked at. It keeps days in memory: 20 to 45 KB a product that sells
every day.

exit codes: 0 done (and, with --verify, equal); 1 failed, stopped, something unsettled or different; 2 wrong use."""


def add_rebuild(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--from-table", required=True, type=_table, metavar="TABLE", help="the DynamoDB table of sales")
    parser.add_argument("--verify", action="store_true", help="write nothing: list where table and live state differ")
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write summary.json there, and with --verify differences.csv"
    )
    parser.add_argument(
        "--segments",
        type=_segments,
        default=4,
        metavar="N",
        help=f"parts of the table that are read side by side (1 to {SEGMENTS_MAX}, default: 4)",
    )
    parser.set_defaults(run=_run)


def _table(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("must name a table")
    return text


def _segments(text: str) -> int:
    number = int(text)
    if not 1 <= number <= SEGMENTS_MAX:
        raise argparse.ArgumentTypeError(f"must lie between 1 and {SEGMENTS_MAX}")
    return number


def _run(chosen: argparse.Namespace) -> int:
    from worker.rebuild_command import run_rebuild

    return run_rebuild(chosen)
