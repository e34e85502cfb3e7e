"""What does a person see while a run goes on, and at its end?

A live bar on a terminal; elsewhere a plain line now and then, so that a log stays readable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

PLAIN_EVERY_S = 5.0
WAYS = {
    "sqs": "a queue",
    "sqs-fifo": "a FIFO queue",
    "stream": "a table's stream",
    "pipes": "a table's stream and a pipe into a FIFO queue",
}

console = Console(stderr=True, highlight=False, soft_wrap=True)


class Display:
    """Shows how far a run is."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._said_at = 0.0
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.fields[day]}"),
                BarColumn(),
                TextColumn("{task.completed:,.0f}/{task.total:,.0f} sales"),
                TextColumn(
                    "[cyan]{task.fields[waiting]:,} waiting  {task.fields[lag]}  {task.fields[reorders]:,} reorders"
                ),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=console,
            )
            self._task = self._bar.add_task("", total=total, day="", waiting=0, lag="", reorders=0)

    @contextmanager
    def shown(self) -> Iterator[None]:
        if self._bar is None:
            yield
            return
        with self._bar:
            yield

    def update(self, day: str, done: int, waiting: int, lag_ms: float, reorders: int) -> None:
        """Shows the day replayed, sales settled and waiting, the age of the last decision, orders received."""
        lag = f"decided {lag_ms / 1000:.1f} s after the sale" if lag_ms else ""
        if self._bar is not None:
            self._bar.update(
                self._task,
                completed=min(done, self._total),
                day=day,
                waiting=waiting,
                lag=lag,
                reorders=reorders,
            )
        elif time.monotonic() - self._said_at >= PLAIN_EVERY_S:
            self._said_at = time.monotonic()
            console.print(f"{day}  {done:,}/{self._total:,} sales  {waiting:,} waiting  {lag}  {reorders:,} reorders")


def say(line: str) -> None:
    """One line for a person."""
    console.print(Text(line))


def closing_table(figures: dict[str, Any], reorders: list[dict[str, Any]], report: Path | None) -> None:
    """The run in a few lines, and its last orders."""
    table = Table(title="Restock: what became of the sales", show_header=False, title_justify="left")
    for label, value in _rows(figures):
        table.add_row(label, value)
    console.print(table)
    if reorders:
        console.print(_orders(reorders[-8:]))
    if report is None:
        say("--report DIR keeps all of it: summary.json, features.parquet, reorders.jsonl, insights.jsonl")
    else:
        say(f"The full report is in {report}: summary.json, features.parquet, reorders.jsonl, insights.jsonl")


def _rows(figures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "sales sent", f"{figures['sent']:,} in {figures['seconds']:.0f} s, over {figures['aws']}"
    workers = f"{figures['workers']} workers" if figures["workers"] > 1 else "1 worker"
    yield "by way of", f"{WAYS[figures['source']]}, to {workers}"
    yield (
        "counted once",
        f"{figures['applied']:,} sales, {figures['units']:,} units of {figures['products']:,} products",
    )
    kept_aside = (figures["duplicates"], figures["late"], figures["quarantined"])
    yield "not counted", "{:,} duplicates, {:,} late, {:,} quarantined".format(*kept_aside)
    forecasts = (figures["model_forecasts"], figures["fallback_forecasts"], figures["forecast_calls"])
    yield "forecasts", "{:,} by the model, {:,} by the baseline, in {:,} calls".format(*forecasts)
    serving = figures["model"]["serving"]
    yield "model", _model(serving) if serving else "none"
    yield "reorders", f"{figures['reorders_distinct']:,} ({figures['reorders_published']:,} publications)"
    first = figures["first_reorder_after_s"]
    yield (
        "first reorder",
        f"{first:.1f} s after the worker's start" if first is not None else "none was needed",
    )
    yield "insights", f"{figures['insights']:,}"


def _model(serving: dict[str, Any]) -> str:
    trained = serving["trained_on"]
    return f"trained on {trained} until {serving['until']}" if serving["until"] else f"{trained}, which was given"


def _orders(reorders: list[dict[str, Any]]) -> Table:
    table = Table(title="The last reorders", title_justify="left")
    for heading in ("product", "on hand", "on order", "reorder point", "target", "order", "urgency"):
        table.add_column(heading, justify="left" if heading in ("product", "urgency") else "right")
    for event in reorders:
        detail = event["detail"]
        product = "@".join(part for part in (detail["product_id"], detail["location_id"]) if part)
        numbers = (
            "current_stock",
            "on_order",
            "reorder_point",
            "optimal_inventory",
            "recommended_order_quantity",
        )
        table.add_row(Text(product), *(f"{detail[name]:,}" for name in numbers), detail["urgency"])
    return table
