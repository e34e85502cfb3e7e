"""How is `restock bulk` asked for?

Nothing heavy is imported here: the arguments stand in the help of every command."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "forecasts for all products at once: input and output of SageMaker Batch Transform, shard by shard"
SHARDS_MAX = 10_000

EPILOG = """examples:
  restock bulk --sales sales/ --out s3://shop/bulk/2025-05-01 --shards 64
                                     from files of sales: CSV, JSON Lines or Parquet, as `restock train` reads them
  restock bulk --from-state --out s3://shop/bulk/2025-05-01
                                     from the workers' state table, by a parallel scan
  restock bulk --out s3://shop/bulk/2025-05-01 --job MODEL_NAME
                                     print the request of the transform job (--create: send it)
  restock bulk --out s3://shop/bulk/2025-05-01 --read forecasts.parquet
                                     once the job is done: its answers as one table
  restock bulk --sales sales.parquet --out bulk --answer model --read forecasts.parquet
                                     all of it on this machine, by the container's own code

The place (--out) holds input/shard-….jsonl, a manifest of what is done, and later output/shard-….jsonl.out. A run that
was interrupted goes on with the shards that are missing. Memory is that of a shard: more shards, less of it; with
64 a million products take some hundred megabytes (docs/retraining.md). Exit codes: 0 done, 1 failed, 2 wrong use."""


def add_bulk(parser: argparse.ArgumentParser) -> None:
    parser.description = HELP + "."
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--out", required=True, metavar="PLACE", help="folder or s3://… of the run")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--sales", type=Path, nargs="+", metavar="PATH", help="files or folders of sales")
    source.add_argument("--from-state", action="store_true", help="the workers' state table (RESTOCK_STATE_TABLE)")
    add("--as-of", metavar="YYYY-MM-DD", help="first day forecast (default: the day after the newest sale; today)")
    add("--cover-days", type=_days, default=(1, 8, 28), metavar="N,N", help="totals over so many days (1,8,28)")
    add("--shards", type=_shards, default=64, metavar="N", help="files the input is cut into (%(default)s)")
    add("--work", type=Path, default=Path(".restock/bulk"), metavar="DIR", help="passing files (%(default)s)")
    add("--job", metavar="MODEL_NAME", help="print the request of a transform job with this SageMaker model")
    add("--create", action="store_true", help="with --job: create the job")
    add("--instance-type", default="ml.m5.xlarge", metavar="TYPE", help="of the job (%(default)s)")
    add("--instances", type=_shards, default=1, metavar="N", help="of the job (%(default)s)")
    add("--answer", type=Path, metavar="MODEL_DIR", help="answer here, with this model, instead of a transform job")
    add("--read", type=Path, metavar="FILE", help="write the answers as one Parquet file")
    add("--report", type=Path, metavar="DIR", help="write summary.json there")
    parser.set_defaults(run=_run)


def _days(text: str) -> tuple[int, ...]:
    days = tuple(sorted({int(part) for part in text.split(",")}))
    if not days or not 1 <= days[0] <= days[-1] <= 366:
        raise argparse.ArgumentTypeError("numbers between 1 and 366, with commas between them")
    return days


def _shards(text: str) -> int:
    number = int(text)
    if not 1 <= number <= SHARDS_MAX:
        raise argparse.ArgumentTypeError(f"must lie between 1 and {SHARDS_MAX:,}")
    return number


def _run(chosen: argparse.Namespace) -> int:
    try:
        from worker.bulk.command import run_bulk
    except ModuleNotFoundError as exc:
        parser = argparse.ArgumentParser(prog="restock bulk")
        parser.exit(1, f"restock bulk needs the extra [forecaster]: {exc.name} is missing\n")
    return run_bulk(chosen)
