"""How is `restock retrain` asked for?

Nothing heavy is imported here: the arguments stand in the help of every command."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "train a new model, judge it on the last 28 days, and bring it into service step by step"

EPILOG = """steps, each of which is shown as it goes:
  1 data     the sales before the last 28 days, as training data (in S3)
  2 train    a SageMaker training job with our image, waited for
  3 gate     the new model against the one that serves and the baseline, on the 28 days none of it has learned from.
             If it is not good enough: exit code 1 with the figures, and nothing is changed
  4 rollout  first as a shadow, which gets a copy of each request and whose errors end the run; then as a canary: a
             part of the capacity, with alarms that bring back what served; then all
  5 told     the model's backtest by category, which the workers measure it by

examples:
  restock retrain --local --sales sales.csv --serving model
                                       on this machine: train, judge, and put the model in place if it passed
  restock retrain --sales s3://shop/sales/ --image ACCOUNT.dkr.ecr.REGION.amazonaws.com/restock-forecaster:1 \\
      --role arn:aws:iam::ACCOUNT:role/restock-forecaster --place s3://shop/retraining
                                       on SageMaker; interrupted, the same command goes on where it stopped
  ... --dry-run                        print the requests that would be sent, and send none
  restock retrain --judge model --sales sales.csv --report report
                                       the gate alone, for a model that there is

parts of it, for the scheduled pipeline (deploy/pipelines/retrain.json):
  --prepare DIR    write the training data and end        --judge MODEL    the gate alone
  --deploy MODEL   bring a model that passed the gate into service (with the gate's --report): 4, 5

RESTOCK_REGION, RESTOCK_ENDPOINT_URL, RESTOCK_SAGEMAKER_ENDPOINT and RESTOCK_STATE_TABLE are read as `restock run` reads
them. Everything is named after --run-id, by default the first day that is held out: a second retraining on the same
days needs an id of its own. What it may cost: docs/retraining.md. Exit codes: 0 done, 1 failed or not good enough,
2 wrong use."""


def add_retrain(parser: argparse.ArgumentParser) -> None:
    parser.description = HELP + "."
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--sales", metavar="PATH", help="file, folder or s3://… of sales, as `restock train` reads them")
    add("--calendar", type=Path, metavar="PATH", help="a file of what is known ahead, for training and gate alike")
    add("--serving", metavar="MODEL", help="the model that serves: folder, archive, s3://… or `endpoint`")
    add("--run-id", metavar="ID", help="what everything is named after (default: the first day held out)")
    add("--work", type=Path, default=Path(".restock/retraining"), metavar="DIR", help="files of the run (%(default)s)")
    add("--report", type=Path, metavar="DIR", help="write summary.json and gate.json there")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--local", action="store_true", help="train here, in a process, and ask no AWS for anything")
    way.add_argument("--dry-run", action="store_true", help="print the requests and send none")
    way.add_argument("--prepare", type=Path, metavar="DIR", help="only write the training data there")
    way.add_argument("--judge", metavar="MODEL", help="only the gate, for this model: folder, archive or s3://…")
    way.add_argument("--deploy", metavar="MODEL", help="only bring this artifact (s3://…) into service")
    aws = parser.add_argument_group("on SageMaker")
    aws.add_argument("--image", metavar="URI", help="our forecaster's image in ECR")
    aws.add_argument("--role", metavar="ARN", help="what the jobs and the endpoint work as")
    aws.add_argument("--place", metavar="S3URI", help="where the run's files go, as s3://bucket/prefix")
    aws.add_argument("--training-instance", default="ml.m5.xlarge", metavar="TYPE", help="(%(default)s)")
    aws.add_argument("--hosting-instance", default="ml.m5.large", metavar="TYPE", help="(%(default)s)")
    aws.add_argument("--hosting-instances", type=_whole, default=1, metavar="N", help="(%(default)s)")
    aws.add_argument("--observe-s", type=_seconds, default=3_600, metavar="S", help="as a shadow (%(default)s)")
    aws.add_argument("--canary-percent", type=_whole, default=10, metavar="N", help="of the capacity (%(default)s)")
    aws.add_argument("--bake-s", type=_seconds, default=600, metavar="S", help="as a canary (%(default)s)")
    aws.add_argument("--latency-ms-max", type=_whole, default=5_000, metavar="N", help="p99 alarm (%(default)s)")
    aws.add_argument(
        "--alarm", action="append", default=[], metavar="NAME", help="alarms of your own instead of our two"
    )
    parser.set_defaults(run=_run)


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _seconds(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 7 * 86_400:
        raise argparse.ArgumentTypeError("must lie between 0 and a week")
    return number


def _run(chosen: argparse.Namespace) -> int:
    try:
        from worker.retraining.command import run_retrain
    except ModuleNotFoundError as exc:
        parser = argparse.ArgumentParser(prog="restock retrain")
        parser.exit(1, f"restock retrain needs the extra [forecaster]: {exc.name} is missing\n")
    return run_retrain(chosen)
