"""What does a planner read about the quality of a history?

One page without anything from elsewhere: figures, then each kind of oddity with its worst cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:.5em 0 1.5em}td,th{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}"""

FIGURES = {
    "rows": "sales, each once",
    "rows_outside": "of them outside these days",
    "products": "products",
    "duplicates": "rows that came again as they were (left out)",
    "conflicts": "rows that share an id with another sale (the first one counts)",
    "refused_rows": "rows that are no valid sale",
    "missing_days": "days without a sale between a product's first and last: filled with zero",
    "days_below_zero": "days on which more came back than was sold",
    "outliers": "days far above a product's usual ones",
}


def page(summary: dict[str, Any], place: str) -> str:
    parts = [
        f"<h1>Sales history: {escape(place)}</h1>",
        f"<p>{summary['first_day']} to {summary['last_day']}</p>",
        _table((), ((f"{summary[name]:,}", text) for name, text in FIGURES.items())),
        _section("Refused rows", ("reason", "rows"), list(summary["refused"].items())),
        _section(
            "Days far above the usual",
            ("product", "day", "units", "usual"),
            [(each["label"], each["day"], each["units"], each["usual"]) for each in summary["outlier_days"]],
        ),
        _section(
            "Ids that differ in writing only", ("written as",), [(" · ".join(ids),) for ids in summary["code_variants"]]
        ),
        _section(
            "Stock below zero", ("product", "stock"), [tuple(each.values()) for each in summary["negative_stock"]]
        ),
        _section("Longest gaps", ("product", "days"), [tuple(each.values()) for each in summary["longest_gaps"][:50]]),
    ]
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>Sales history</title><style>{STYLE}</style>'
    return f"<!doctype html><html lang=en><head>{head}</head><body>\n{body}\n</body></html>\n"


def _section(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    return f"<h2>{title}</h2>\n" + (_table(head, rows) if rows else "<p>None.</p>")


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    said = "".join(f"<th>{escape(each)}</th>" for each in head)
    lines = ("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return f"<table>{f'<tr>{said}</tr>' if said else ''}{''.join(lines)}</table>"


def _cell(value: Any) -> str:
    if isinstance(value, int | float):
        return f'<td class="n">{value:,}</td>'
    return f"<td>{escape(str(value))}</td>"
