"""How does a training container do its work?

SageMaker's contract, read from files alone: hyperparameters (all text) and channels under <prefix>/input, the model to
<prefix>/model, and when there is none, why not to <prefix>/output/failure and exit 1. What it prints on the way are
lines that a metric definition can read, such as `validation:wape=0.31`. The same training serves a single file at
home."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from forecaster.dataset import panel_of
from forecaster.fitting import Fitting, NotEnoughHistory, train
from forecaster.model import DemandModel
from forecaster.sales import UnreadableSales, is_sales_file, read_sales

# https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
PREFIX = Path("/opt/ml")
FAILURE_CHARS_MAX = 1024
SECONDS_PER_DAY = 86_400


class WrongHyperparameter(ValueError):
    """The message names it and says what it should be."""


EXPECTED = (NotEnoughHistory, UnreadableSales, WrongHyperparameter, OSError)


def run_training(prefix: Path) -> int:
    """Trains as SageMaker asks; 0, or 1 with the reason in output/failure."""
    try:
        fitting, until = _hyperparameters(prefix / "input" / "config" / "hyperparameters.json")
        _train(_channel_files(prefix / "input"), until, fitting, prefix / "model")
    except EXPECTED as exc:
        return _failed(prefix, str(exc))
    except Exception as exc:  # noqa: BLE001 - whatever it was, the job's owner reads it in one place
        traceback.print_exc()
        return _failed(prefix, f"{type(exc).__name__}: {exc}")
    return 0


def train_file(sales: Path, model_dir: Path, until: int | None) -> DemandModel:
    """Trains on one file's days before `until` (all of them when None) and writes the model to model_dir."""
    return _train([sales], until, Fitting(), model_dir)


def _train(paths: Sequence[Path], until: int | None, fitting: Fitting, model_dir: Path) -> DemandModel:
    began = time.monotonic()
    rows, skipped = read_sales(paths, today=int(time.time()) // SECONDS_PER_DAY)
    _say(f"data:files={len(paths)} data:rows={len(rows)} data:skipped={skipped}")
    panel = panel_of(rows, until)
    _say(f"data:products={len(panel.products)} data:days={panel.net.shape[1]}")
    trained = train(panel, fitting)
    for name, value in dataclasses.asdict(trained.validation).items():
        _say(f"validation:{name}={value:.6g}")
    trained.model.save(model_dir)
    _say(f"train:rows={trained.model.origin.rows} train:seconds={time.monotonic() - began:.2f}")
    _say(f"model:name={trained.model.name}")
    return trained.model


def _hyperparameters(path: Path) -> tuple[Fitting, int | None]:
    """Fitting's fields and `until`; names that begin with sagemaker_ are the toolkit's and mean nothing here."""
    said: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    wanted = {name: value for name, value in said.items() if not name.startswith("sagemaker_")}
    until = wanted.pop("until", None)
    fields = {field.name: field for field in dataclasses.fields(Fitting)}
    values: dict[str, Any] = {}
    for name, value in wanted.items():
        if name not in fields:
            raise WrongHyperparameter(f"hyperparameter {name}: unknown; known are until, {', '.join(fields)}")
        kind = int if fields[name].type == "int" else float
        try:
            values[name] = kind(value)
        except (TypeError, ValueError) as exc:
            raise WrongHyperparameter(f"hyperparameter {name}: {value!r} is no {kind.__name__}") from exc
        if not 0 < values[name] <= 10**9:
            raise WrongHyperparameter(f"hyperparameter {name}: {value} is not above zero and within reason")
    return Fitting(**values), None if until is None else _until(until)


def _until(said: str) -> int:
    """Days since the epoch of an ISO date."""
    try:
        return int(np.datetime64(said, "D").astype(np.int64))
    except ValueError as exc:
        raise WrongHyperparameter(f"until: {said!r} is no date such as 2011-02-01") from exc


def _channel_files(given: Path) -> list[Path]:
    """All sales files of all channels: those that inputdataconfig.json names, or whatever lies under data."""
    config = given / "config" / "inputdataconfig.json"
    folder = given / "data"
    names = sorted(json.loads(config.read_text())) if config.exists() else None
    channels = [folder / name for name in names] if names else [folder]
    files = [path for channel in channels for path in sorted(channel.rglob("*")) if path.is_file()]
    sales = [path for path in files if is_sales_file(path)]
    if not sales:
        raise UnreadableSales(f"{folder}: no .csv, .jsonl or .parquet file among {len(files)} files")
    return sales


def _failed(prefix: Path, reason: str) -> int:
    _say(f"training failed: {reason}", sys.stderr)
    output = prefix / "output"
    output.mkdir(parents=True, exist_ok=True)
    (output / "failure").write_text(reason[:FAILURE_CHARS_MAX], encoding="utf-8")
    return 1


def _say(line: str, stream: Any = None) -> None:
    out = stream or sys.stdout
    out.write(line + "\n")
    out.flush()


@contextmanager
def _stopping_on_sigterm(prefix: Path | None) -> Iterator[None]:
    """SageMaker grants 120 s after SIGTERM. Half a model is worth nothing, so the process says why and ends at once."""

    def stop(_signal: int, _frame: object) -> None:
        reason = "stopped by SIGTERM before the model was ready"
        if prefix is None:
            _say(f"training failed: {reason}", sys.stderr)
        else:
            _failed(prefix, reason)
        os._exit(1)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(argv: list[str]) -> int:
    """`restock train`: 0 done, 1 failed with one line, 2 wrong use."""
    args = _parser().parse_args(argv)
    if args.sales is None:
        with _stopping_on_sigterm(args.prefix):
            return run_training(args.prefix)
    with _stopping_on_sigterm(None):
        try:
            train_file(args.sales, args.model_dir, args.until)
        except EXPECTED as exc:
            _say(f"training failed: {exc}", sys.stderr)
            return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="restock train",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Train a demand model: in a SageMaker container, or from one file of sales.",
        epilog=(
            "examples:\n"
            "  restock train --sales sales.csv --model-dir model --until 2011-02-01\n"
            "  restock train --prefix /opt/ml        what SageMaker runs\n\n"
            "Sales are CSV, JSON Lines or Parquet (.gz too) with product_id, date (or sale_date, occurred_at),\n"
            "quantity (or quantity_sold), and optionally location_id, unit_price (or price) and promotion.\n"
            "28 days of sales are the least to learn from, 8 weeks a fair beginning. The last days are held out\n"
            "to measure the model (validation:… lines, beside the 30-day mean as the baseline)."
        ),
    )
    parser.add_argument("--prefix", type=Path, default=PREFIX, help="root of SageMaker's folders (%(default)s)")
    parser.add_argument("--sales", type=Path, help="train from this file instead of SageMaker's channels")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="where the model goes, with --sales")
    parser.add_argument(
        "--until", type=_until, metavar="YYYY-MM-DD", help="with --sales: learn from the days before this one only"
    )
    return parser
