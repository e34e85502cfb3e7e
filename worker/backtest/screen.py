"""What does a person see while it runs, and at the end?

Progress goes to standard error, the answer and the table to standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from worker.backtest.report import Backtested

Step = Callable[[str, int], None]


@contextmanager
def progress(steps: int) -> Iterator[Step]:
    """Gives what is called with what begins now, and how many steps were done since."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading the sales", total=steps)

        def step(what: str, done: int) -> None:
            bar.update(task, advance=done, description=what or None)

        yield step


def show(done: Backtested, title: str) -> None:
    """The table, a row a policy, and the answer to the retailer's question."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    costly = done.entries[0].figures.total_cost is not None
    headings = ["policy", *costs, "served", "out", "on hand", "ordered"]
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left", no_wrap=True)
    least = min((e.figures.total_cost for e in done.entries if e.figures.total_cost is not None), default=None)
    for entry in done.entries:
        said = entry.figures
        cells = [entry.name]
        if said.total_cost is not None and said.holding_cost is not None and said.shortage_cost is not None:
            mark = "*" if said.total_cost == least else ""
            cells += [f"{said.total_cost:,.1f}{mark}", f"{said.holding_cost:,.1f}", f"{said.shortage_cost:,.1f}"]
        cells += [
            f"{said.fill_rate:.1%}",
            f"{said.stockout_share:.1%}",
            f"{said.average_on_hand:,.0f}",
            f"{said.units_ordered:,}",
        ]
        table.add_row(*cells)
    Console(highlight=False).print(title, table, sep="\n")
    for line in answers(done):
        sys.stdout.write(line + "\n")


def answers(done: Backtested) -> list[str]:
    """One line a policy: what restock does at its service and at its stock."""
    lines = []
    for name, said in done.compared.items():
        stock = "" if said.stock_saved is None else f"{_change(-said.stock_saved)} stock at its service"
        service = (
            ""
            if said.fill_rate_gained is None
            else f"{said.fill_rate_gained * 100:+.1f} points of service at its stock"
        )
        what = " and ".join(filter(None, (stock, service))) or "nowhere comparable on restock's frontier"
        lines.append(f"{name} serves {said.fill_rate:.1%} with {said.average_on_hand:,.0f} units; restock: {what}")
    return lines


def _change(share: float) -> str:
    return f"{abs(share):.0%} {'less' if share < 0 else 'more'}"


def note(lines: list[str]) -> None:
    for line in lines:
        sys.stderr.write(f"warning: {line}\n")
