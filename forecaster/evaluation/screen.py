"""What does a person see while it runs, and at the end?

Progress goes to standard error and the table to standard output; rich draws both where it is installed, and plain
lines do where it is not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from forecaster.evaluation.metrics import Score

TIMES = ("train_s", "predict_s_per_1000")
PROMISED = {"pit_coverage_80": 0.80, "coverage_total_90": 0.90, "coverage_total_95": 0.95, "bias": 0.0}
HEADINGS = {
    "wrmsse": "WRMSSE",
    "rmsse": "RMSSE",
    "wape_total": "WAPE total",
    "mean_wql": "mean WQL",
    "pit_coverage_80": "cover 80 %",
    "coverage_total_90": "total ≤ q.90",
    "coverage_total_95": "total ≤ q.95",
    "bias": "bias",
    "train_s": "train s",
    "predict_s_per_1000": "predict s/1,000",
}

Figures = dict[str, dict[str, Score]]


def best_of(figures: Figures, metric: str) -> set[str]:
    """Who has the least of it, or lies closest to what was promised; nobody for a time."""
    if metric in TIMES:
        return set()
    away = {
        name: abs(value - PROMISED.get(metric, 0.0))
        for name, said in figures.items()
        if (value := said[metric]) is not None
    }
    return {name for name, distance in away.items() if distance == min(away.values())} if len(away) > 1 else set()


def show_table(figures: Figures, title: str) -> None:
    """A row a figure that anybody has, a column a model, the best of each row marked: so it fits eighty columns."""
    rows = []
    for metric, heading in HEADINGS.items():
        if all(said[metric] is None for said in figures.values()):
            continue
        best = best_of(figures, metric)
        rows.append([heading, *(_cell(said[metric], metric, name in best) for name, said in figures.items())])
    header = ["", *(name.replace("_", "\n", 1) for name in figures)]
    try:
        from rich import box
        from rich.console import Console
        from rich.table import Table
    except ModuleNotFoundError:
        _show_plainly(title, [name.replace("\n", "_") for name in header], rows)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for place, heading in enumerate(header):
        table.add_column(heading, justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(f"[bold green]{cell}[/]" if cell.endswith("*") else cell for cell in row))
    console = Console(highlight=False)
    console.print(title, table, _legend(rows), sep="\n")


def _show_plainly(title: str, header: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[place]) for row in (header, *rows)) for place in range(len(header))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)]
    sys.stdout.write("\n".join([title, *lines, _legend(rows)]) + "\n")


def _legend(rows: list[list[str]]) -> str:
    marked = any(cell.endswith("*") for row in rows for cell in row)
    return "* best: the least error; the coverage and the bias nearest to what is right" if marked else ""


def _cell(value: Score, metric: str, best: bool) -> str:
    if value is None:
        return "–"
    digits = 2 if metric in TIMES else 3
    return f"{value:.{digits}f}{'*' if best else ''}"


@contextmanager
def progress(steps: int) -> Iterator[Callable[[str], None]]:
    """Gives what is called with the name of each step as it begins."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    except ModuleNotFoundError:
        yield lambda name: _note(f"{name} …")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=steps)
        begun = False

        def begin(name: str) -> None:
            nonlocal begun
            bar.update(task, description=name, advance=1 if begun else 0)
            begun = True

        yield begin


def note(lines: list[str]) -> None:
    for line in lines:
        _note(line)


def _note(line: str) -> None:
    sys.stderr.write(line + "\n")
