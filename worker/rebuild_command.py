"""What does `restock rebuild` understand, and what does it say in the end?

Progress goes to standard error, the closing summary to standard output, figures and differences into the folder of
--report. Ctrl-C lets the pages in hand be settled; a second one ends the process where it stands, which is as safe."""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TextIO

from domain.product import product_label
from handlers.errors import Misconfigured, TransientFailure
from worker.aws.clients import Clients
from worker.clock import SystemClock
from worker.command_frame import with_clients
from worker.process import read_settings
from worker.rebuild import Figures, rebuild
from worker.rebuild_verify import Difference, Verified, verify
from worker.settings import Settings
from worker.telemetry import configure_logging

SHOWN_MAX = 20
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Options:
    table: str
    verify: bool
    report: Path | None
    segments: int


def run_rebuild(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    options = Options(chosen.from_table, chosen.verify, chosen.report, chosen.segments)
    try:
        settings = read_settings()
    except ValueError as exc:
        return _said(f"restock rebuild: {exc}", 2)
    if options.table in (settings.state_table, settings.leases_table):
        return _said(f"restock rebuild: {options.table} is Restock's own table: it holds no sales", 2)
    configure_logging(logging.WARNING)
    try:
        return asyncio.run(_run(settings, options))
    except KeyboardInterrupt:
        return _said("restock: ended where it stood; run it again, what was counted counts once", 1)
    except (Misconfigured, TransientFailure, OSError) as exc:
        return _said(f"restock: {str(exc).splitlines()[0]}", 1)


async def _run(settings: Settings, options: Options) -> int:
    with ExitStack() as opened:
        sink = Sink()
        if options.verify and options.report is not None:
            sink.write_to(opened.enter_context(_written(options.report / "differences.csv")))

        async def work(settings: Settings, clients: Clients, stop: asyncio.Event) -> int:
            told = (settings, clients, SystemClock(), options.table, options.segments, stop, sys.stderr)
            if options.verify:
                verified = await verify(*told, sink.take)
                return _closed(options, verified.summary(), *closing_of_verify(verified, options.table, sink.shown))
            figures = await rebuild(*told)
            return _closed(options, figures.summary(), *closing_of_rebuild(figures, options.table))

        return await with_clients(settings, work, "the pages in hand")


class Sink:
    """Where differences go: the first ones to the summary, all of them to differences.csv if it is asked for."""

    def __init__(self) -> None:
        self.shown: list[Difference] = []
        self._write: Callable[[Iterable[Any]], Any] | None = None

    def write_to(self, stream: TextIO) -> None:
        self._write = csv.writer(stream).writerow
        self._write(("product_id", "location_id", "day", "figure", "table", "live"))

    def take(self, difference: Difference) -> None:
        if len(self.shown) < SHOWN_MAX:
            self.shown.append(difference)
        if self._write is not None:
            product, _, figure, table, live = difference
            self._write((product.product_id, product.location_id or "", _day(difference), figure, table, live))


def _written(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", newline="", encoding="utf-8")


def _day(difference: Difference) -> str:
    return "" if difference.day is None else (EPOCH + timedelta(days=difference.day)).isoformat()


def _closed(options: Options, summary: Mapping[str, Any], text: str, failure: str | None) -> int:
    """Says how it ended; the exit code is 1 if there is a failure to tell of."""
    if options.report is not None:
        with _written(options.report / "summary.json") as stream:
            stream.write(json.dumps(summary, indent=2) + "\n")
    sys.stdout.write(text)
    sys.stdout.flush()
    return 0 if failure is None else _said(f"restock: {failure}", 1)


def closing_of_rebuild(figures: Figures, table: str) -> tuple[str, str | None]:
    """The closing summary, and in one line what failed, if anything did."""
    said = figures.summary()
    rows = [
        ("counted", "were missing, and are counted now"),
        ("duplicates", "had been counted before"),
        ("late", "older than their product's newest sale by more than 35 days: not counted, and still in the table"),
        ("quarantined", f"not counted; {said['conflicts']:,} of them contradict what was counted under their id"),
        ("unsettled", "items that could not be settled: they are still in the table"),
    ]
    lines = [f"{table}: {_read(figures.items, figures.seconds, figures.items_per_s)}", ""]
    lines += [f"  {name:<12}{said[name]:>12,}  {meaning}" for name, meaning in rows]
    if said["conflicts"]:
        lines += [
            "",
            "An item that was changed after it was counted always contradicts, whether its correction was counted or",
            f"lost: `restock rebuild --from-table {table} --verify` shows where something is missing.",
        ]
    lines += [
        "",
        "Nothing was decided here. Products that were counted wait for a decision: the running workers take them up",
        "within half a minute or so, or else the next worker to start.",
    ]
    return "\n".join(lines) + "\n", _failure_of_rebuild(figures)


def _failure_of_rebuild(figures: Figures) -> str | None:
    if figures.failure is not None:
        return f"{figures.failure} (run it again: what was counted counts once)"
    if figures.unsettled:
        return f"items not settled: {figures.unsettled:,}; see the log lines above, and run it again"
    return None if figures.whole else "stopped before the whole table was read; run it again for the rest"


def closing_of_verify(verified: Verified, table: str, shown: Sequence[Difference]) -> tuple[str, str | None]:
    """The same of a comparison."""
    lines = [f"{table}: {_read(verified.items, verified.seconds, verified.items_per_s)}", ""]
    lines += [f"  {verified.products:,} products compared, {verified.differing:,} of them differ"]
    if shown:
        lines += ["", f"  {'product':<28}{'day':<12}{'figure':<10}{'table':>12}{'live':>12}"]
        for each in shown:
            label = product_label(each.product)
            lines.append(f"  {label:<27} {_day(each):<12}{each.figure:<10}{each.table:>12,}{each.live:>12,}")
        if verified.differences > len(shown):
            lines.append(f"  and {verified.differences - len(shown):,} more: --report DIR writes them all")
    return "\n".join(lines) + "\n", _failure_of_verify(verified)


def _failure_of_verify(verified: Verified) -> str | None:
    if verified.failure is not None:
        return verified.failure
    if not verified.whole:
        return "stopped before everything was compared"
    if verified.refused:
        return f"{verified.refused:,} products could not be compared: a newer version of the worker wrote their state"
    if verified.differing:
        return f"{verified.differing:,} of {verified.products:,} products differ between the table and the live state"
    return None


def _read(items: int, seconds: float, items_per_s: float) -> str:
    return f"{items:,} items read in {seconds:,.1f} s ({items_per_s:,.0f} a second)"


def _said(line: str, code: int) -> int:
    sys.stderr.write(line + "\n")
    return code
