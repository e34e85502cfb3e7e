"""How is `restock replay` asked for?

Nothing heavy is imported here: the arguments stand in the help of every command."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

HELP = "count again what is parked, or the events of files and archives; whatever counted before counts once"

DESCRIPTION = """Past events, taken through the worker's own intake under the ids they had. What was counted is a
duplicate, what is bad goes to quarantine, what is older than the horizon to the late sales. Nothing is decided while it
runs: the products are put on the agenda at its end (at most 15 minutes later if it is killed), and the running workers
decide them on the resulting state. May be stopped, killed and run again at any time, beside running workers."""

EPILOG = """examples:
  restock replay dlq                                what is parked, by reason, with samples; asks before it redrives
  restock replay dlq --reason occurred_at --yes     those alone whose reason names the time
  restock replay file sales-2024-*.csv              the sales of files
  restock replay archive --from 2024-11-01 --to 2024-11-03
                                                    what EventBridge has archived of two days

exit codes: 0 done, 1 failed or stopped with one clear line, 2 wrong use."""

DLQ_EPILOG = """Parked are the lines in quarantine (with their reason) and the messages in the queues of dead letters
(whose reason is what cannot be read of them now). Without --yes they are listed; on a terminal you are asked.

examples:
  restock replay dlq --list --report parked         list, and write parked/summary.json
  restock replay dlq --since 2024-11-02T08:00 --until 2024-11-02T09:30 --yes
                                                    what one bad deploy parked
  restock replay dlq --product 85123A --rate 100 --yes

A line leaves its place only when it is counted, or parked anew for another reason. Sales may come in any order, since
sums commute; of stock counts the newest wins; receipts and cancellations name their order. On a FIFO queue of dead
letters a filter may leave messages unseen that stand behind others of their group: run it again without one."""

FILE_EPILOG = """Rows keep their event_id; a row without one is known by its file and place, as `restock local` and
the producer know it. Stopped, it goes on where it was (the mark lies in --work); run on a changed file it starts anew.
Sales that are older than their product's newest by more than 35 days are late and are not counted: for those there is
`restock rebuild`.

examples:
  restock replay file yesterday.csv --yes
  restock replay file a.parquet b.jsonl.gz --rate 1000 --report report --yes"""

ARCHIVE_EPILOG = """By StartReplay, to the rules alone that lead to the sales queues (no order goes out again). The
events come by the queue, and the workers decide as ever. With --s3 the events are read from S3, as Firehose writes
them, and nothing is decided before the end. --to is not included.

examples:
  restock replay archive --from 2024-11-01 --to 2024-11-03 --yes
  restock replay archive --from 2024-11-01T06:00 --to 2024-11-01T09:00 --s3 s3://events/2024/11/01/ --yes"""


def add_replay(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    ways = parser.add_subparsers(title="what is replayed", metavar="WAY", required=True)

    def way(name: str, help_: str, epilog: str) -> argparse.ArgumentParser:
        return ways.add_parser(
            name, help=help_, description=help_ + ".", epilog=epilog, formatter_class=parser.formatter_class
        )

    dlq = way("dlq", "what is parked: quarantined lines and dead letters", DLQ_EPILOG)
    dlq.add_argument("--list", action="store_true", dest="only_list", help="list only; change nothing")
    dlq.add_argument("--reason", metavar="TEXT", help="only what is parked for a reason with this in it")
    dlq.add_argument("--since", type=moment, metavar="TIME", help="only what was parked then or later (UTC)")
    dlq.add_argument("--until", type=moment, metavar="TIME", help="only what was parked before")
    dlq.add_argument("--product", metavar="ID", help="only lines of this product")
    dlq.add_argument("--dlq", action="append", default=[], metavar="QUEUE", help="these queues of dead letters instead")
    dlq.add_argument(
        "--look", type=_count, default=1_000, metavar="N", help="dead letters of a queue to list (%(default)s)"
    )
    _add_shared(dlq, _dlq)
    file = way("file", "the sales of files: CSV, JSONL, Parquet, also .gz", FILE_EPILOG)
    file.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files of sales")
    _add_shared(file, _file)
    archive = way("archive", "the events that were archived of a time", ARCHIVE_EPILOG)
    archive.add_argument("--from", required=True, type=moment, dest="since", metavar="TIME", help="beginning (UTC)")
    archive.add_argument("--to", required=True, type=moment, dest="until", metavar="TIME", help="end, not included")
    archive.add_argument("--archive", metavar="NAME", help="the archive, if the bus has several")
    archive.add_argument("--s3", metavar="S3://BUCKET/PREFIX", help="objects of events instead of an archive")
    archive.add_argument("--again", metavar="WORD", default="", help="replay a second time what was replayed before")
    _add_shared(archive, _archive)


def _add_shared(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    add = parser.add_argument
    add("--yes", action="store_true", help="do it without asking")
    add("--rate", type=_rate, default=500.0, metavar="N", help="lines a second at most; 0: no limit (%(default)g)")
    add("--report", type=Path, metavar="DIR", help="write summary.json there")
    add("--work", type=Path, default=Path(".restock/replay"), metavar="DIR", help="marks of progress (%(default)s)")
    parser.set_defaults(run=run)


def moment(text: str) -> int:
    """A date or time of ISO 8601 (UTC if it names no zone) in milliseconds since the epoch."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date or time such as 2024-11-01 or 2024-11-01T08:30"
        ) from None
    return int((said if said.tzinfo is not None else said.replace(tzinfo=UTC)).timestamp() * 1000)


def _rate(text: str) -> float:
    number = float(text)
    if not 0 <= number < 10**7:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _dlq(chosen: argparse.Namespace) -> int:
    from worker.replay.command import run_dlq

    return run_dlq(chosen)


def _file(chosen: argparse.Namespace) -> int:
    try:
        from worker.replay.file_command import run_file
    except ModuleNotFoundError as exc:
        parser = argparse.ArgumentParser(prog="restock replay file")
        parser.exit(1, f"restock: replay file needs the extra [forecaster]: {exc.name} is missing\n")
    return run_file(chosen)


def _archive(chosen: argparse.Namespace) -> int:
    from worker.replay.command import run_archive

    return run_archive(chosen)
