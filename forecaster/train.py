"""How does a training container do its work?

SageMaker's contract: what is asked for is under <prefix>/input (forecaster/container.py), the model goes to
<prefix>/model, and when there is none, why not goes to <prefix>/output/failure and the exit code is 1. What it prints
on the way are lines that a metric definition can read, such as `validation:wape=0.31`. There are no checkpoints: a
training that was interrupted begins anew, and takes minutes. The same training serves a single file at home."""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from forecaster.container import (
    Asked,
    Channels,
    WrongJob,
    channels,
    date_of,
    hyperparameters,
    require_one_host,
)
from forecaster.dataset import panel_of
from forecaster.fitting import NotEnoughHistory, train
from forecaster.holdout import measured
from forecaster.known_ahead import NO_CALENDAR, Calendar, UnreadableCalendar, read_calendar
from forecaster.model import DemandModel
from forecaster.periods import DAY, SEASONS, WEEK
from forecaster.sales import UnreadableSales, read_sales

PREFIX = Path("/opt/ml")
FAILURE_CHARS_MAX = 1024
SECONDS_PER_DAY = 86_400
EXPECTED = (NotEnoughHistory, UnreadableSales, UnreadableCalendar, WrongJob, OSError)


def run_training(prefix: Path) -> int:
    """Trains as SageMaker asks; 0, or 1 with the reason in output/failure."""
    config = prefix / "input" / "config"
    try:
        require_one_host(config / "resourceconfig.json")
        asked = hyperparameters(config / "hyperparameters.json")
        with tempfile.TemporaryDirectory() as links:
            _train(asked, channels(prefix / "input", Path(links)), prefix / "model")
    except EXPECTED as exc:
        return _failed(prefix, str(exc))
    except Exception as exc:  # noqa: BLE001 - whatever it was, the job's owner reads it in one place
        traceback.print_exc()
        return _failed(prefix, f"{type(exc).__name__}: {exc}")
    return 0


def train_file(
    sales: Path, model_dir: Path, until: int | None, freq: str = DAY, calendar: Path | None = None
) -> DemandModel:
    """Trains on one file's days before `until` (all of them when None) and writes the model to model_dir."""
    return _train(Asked(until=until, freq=freq), Channels((sales,), calendar=calendar), model_dir)


def _train(asked: Asked, given: Channels, model_dir: Path) -> DemandModel:
    began = time.monotonic()
    today = int(time.time()) // SECONDS_PER_DAY
    rows, skipped = read_sales(given.sales, today)
    _say(f"data:files={len(given.sales)} data:rows={len(rows)} data:skipped={skipped}")
    calendar = NO_CALENDAR if given.calendar is None else read_calendar(given.calendar)
    held_out = read_sales(given.validation, today)[0] if given.validation else None
    until = asked.until
    if held_out is not None and len(held_out):
        # What is to be predicted is never trained on, even where the channels overlap.
        until = min(int(held_out["day"].min()), until if until is not None else today + 1)
    panel = panel_of(rows, until, asked.freq)
    _say(f"data:products={len(panel.products)} data:days={panel.net.shape[1]}")
    trained = train(panel, asked.fitting, calendar)
    _say_all("validation", trained.validation)
    if held_out is not None and until is not None:
        _measure(trained.model, pd.concat([rows[rows["day"] < until], held_out]), until, asked.freq, calendar)
    trained.model.save(model_dir)
    _say(f"train:rows={trained.model.origin.rows} train:seconds={time.monotonic() - began:.2f}")
    _say(f"model:name={trained.model.name}")
    return trained.model


def _measure(model: DemandModel, sales: pd.DataFrame, until: int, freq: str, calendar: Calendar) -> None:
    end = int(sales["day"].max()) + 1
    # Whole weeks that begin on the day on which those trained on ended; a week that is not over is no total.
    panel = panel_of(sales, end - (end - until) % 7 if freq == WEEK else end, freq)
    holdout = measured(model, panel, panel.periods.step(until), calendar)
    if holdout is None:
        _say("holdout:products=0")
    else:
        _say_all("holdout", holdout)


def _say_all(kind: str, measures: Any) -> None:
    for name, value in dataclasses.asdict(measures).items():
        if isinstance(value, (int, float)):
            _say(f"{kind}:{name}={value:.6g}")


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
            train_file(args.sales, args.model_dir, args.until, args.freq, args.calendar)
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
            "  restock train --sales weekly.parquet --freq W --calendar events.csv --model-dir model\n"
            "  restock train --prefix /opt/ml        what SageMaker runs\n\n"
            "Sales are CSV, JSON Lines or Parquet (.gz too) with product_id, date (or sale_date, occurred_at),\n"
            "quantity (or quantity_sold), and optionally location_id, unit_price (or price), promotion, category and\n"
            "in_stock. A calendar has date, optionally product_id and location_id, and events, flags and prices known\n"
            "ahead.\n\n"
            "28 days of sales are the least to learn from, 8 weeks a fair beginning. The last days are held out\n"
            "to measure the model (validation:… lines, beside the 30-day mean as the baseline)."
        ),
    )
    parser.add_argument("--prefix", type=Path, default=PREFIX, help="root of SageMaker's folders (%(default)s)")
    parser.add_argument("--sales", type=Path, help="train from this file instead of SageMaker's channels")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="where the model goes, with --sales")
    parser.add_argument(
        "--until", type=date_of, metavar="YYYY-MM-DD", help="with --sales: learn from the days before this one only"
    )
    parser.add_argument(
        "--freq", choices=tuple(SEASONS), default=DAY, help="with --sales: days, weeks or months (%(default)s)"
    )
    parser.add_argument("--calendar", type=Path, help="with --sales: a file of what is known ahead")
    return parser
