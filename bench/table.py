"""What do the rows say to a reader of docs/performance.md?

The page's table stands between two marks and is made from latest.json alone, so that page and figures cannot differ;
tests/bench/test_rows.py holds them together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.picture import ratio_said
from bench.rows import GROUPS, rows_of

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- rows: begin -->", "<!-- rows: end -->"


def table(kept: dict[str, Any]) -> str:
    """The rows in Markdown, each group under a line that says when and on what it was measured."""
    return "\n".join(_lines(kept))


def _lines(kept: dict[str, Any]) -> Iterator[str]:
    rows = rows_of(kept)
    for group in GROUPS:
        of_group = [row for row in rows if row.group == group]
        if not of_group:
            continue
        yield f"**{group}**: {_where(kept['measured'][group])}"
        yield ""
        yield "| beside | figure | ours | theirs | ratio |"
        yield "|---|---|---:|---:|---:|"
        for row in of_group:
            ours, theirs = number_said(row.ours), number_said(row.theirs)
            yield f"| {row.peer} | {row.metric} | {ours} | {theirs} | {ratio_said(row.ratio)} |"
        yield ""


def _where(on: dict[str, Any]) -> str:
    trial = ", a short trial, not to be quoted" if on["quick"] else ""
    runs = f"{on['runs']} runs" if on["runs"] != 1 else "1 run"
    return f"{on['date']}, {runs}{trial}, {on['cores']} cores of {on['cpu'] or 'an unnamed CPU'}, Python {on['python']}"


def number_said(value: float) -> str:
    """Three figures that count, and no more digits than that."""
    if value == 0:
        return "0"
    if abs(value) >= 1_000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{float(f'{value:.3g}'):g}"


def put_table(kept: dict[str, Any], page: Path) -> None:
    """Writes the table between the marks of the page; ValueError where they are missing."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page.name}: no place for the table between {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{table(kept)}\n{END}{after}")


def shown_table(page: Path) -> str:
    """What stands between the marks of the page."""
    return page.read_text().partition(BEGIN)[2].partition(END)[0].strip()
