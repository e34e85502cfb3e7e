"""What goes where on the dashboard?

Drawn from the definition itself, picture by picture in its place on the grid, with its title and the fields it shows.
A plan and no screenshot: what QuickSight makes of it can be seen in an account alone."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

Said = dict[str, Any]

CELL, ROW, GAP, HEAD = 20, 13, 30, 46  # pixels: a column, a row, between sheets, above a sheet
COLUMNS, SHEETS_ABREAST = 36, 2
WIDTH = COLUMNS * CELL
SMALL_ROWS = 6  # a picture of fewer shows its title and its field alone
LETTER = 6.2  # pixels a letter takes, about
STYLE = (
    "text{font-family:sans-serif;fill:#222}.sheet{font-size:17px;font-weight:600}.about{font-size:11px;fill:#666}"
    ".title{font-size:12px;font-weight:600}.field{font-size:10.5px;fill:#666}"
    ".box{fill:#fff;stroke:#b8c4d0}.page{fill:#f4f6f8;stroke:#d5dce3}.mark{fill:none;stroke:#8fb3d9;stroke-width:2}"
)


def picture(definition: Said) -> str:
    """An SVG of all sheets, two abreast."""
    drawn, top, bottom = [], GAP, 0
    for number, sheet in enumerate(definition["Sheets"]):
        if number % SHEETS_ABREAST == 0:
            top, bottom = (bottom or 0) + GAP, 0
        left = GAP + (number % SHEETS_ABREAST) * (WIDTH + GAP)
        height = max(each["RowIndex"] + each["RowSpan"] for each in _places(sheet)) * ROW
        drawn += list(_sheet(sheet, left, top + HEAD, height))
        bottom = max(bottom, top + HEAD + height)
    width, height = SHEETS_ABREAST * (WIDTH + GAP) + GAP, bottom + GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    page = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", page, *drawn, "</svg>"]) + "\n"


def _places(sheet: Said) -> list[Said]:
    places: list[Said] = sheet["Layouts"][0]["Configuration"]["GridLayout"]["Elements"]
    return places


def _sheet(sheet: Said, left: int, top: int, height: int) -> Iterator[str]:
    yield _text("sheet", left, top - 26, sheet["Name"])
    yield _text("about", left, top - 9, sheet["Description"])
    yield f'<rect class="page" x="{left}" y="{top}" width="{WIDTH}" height="{height}"/>'
    visuals = {said["VisualId"]: (kind, said) for visual in sheet["Visuals"] for kind, said in visual.items()}
    for place in _places(sheet):
        kind, said = visuals[place["ElementId"]]
        box = (
            left + place["ColumnIndex"] * CELL + 3,
            top + place["RowIndex"] * ROW + 3,
            place["ColumnSpan"] * CELL - 6,
            place["RowSpan"] * ROW - 6,
        )
        yield from _visual(kind, said, box, place["RowSpan"] >= SMALL_ROWS)


def _visual(kind: str, said: Said, box: tuple[int, int, int, int], large: bool) -> Iterator[str]:
    x, y, width, height = box
    yield f'<rect class="box" x="{x}" y="{y}" width="{width}" height="{height}" rx="3"/>'
    yield _text("title", x + 8, y + 17, _short(said["Title"]["FormatText"]["PlainText"], width, 1.15))
    fields = list(dict.fromkeys(_fields(said["ChartConfiguration"]["FieldWells"])))
    if not large:
        yield _text("field", x + 8, y + 34, _short(", ".join(fields), width))
        return
    yield _text("field", x + 8, y + height - 9, _short(", ".join(fields), width))
    yield from _mark(kind, x + 14, y + 30, width - 28, height - 58)


def _fields(said: Any) -> Iterator[str]:
    """The columns that are shown, in the order of the definition."""
    if isinstance(said, list):
        for each in said:
            yield from _fields(each)
    elif isinstance(said, dict):
        if "ColumnName" in said:
            yield said["ColumnName"]
        for value in said.values():
            yield from _fields(value)


def _mark(kind: str, x: int, y: int, width: int, height: int) -> Iterator[str]:
    """What kind of picture it is, at a glance."""
    heights = (0.75, 0.6, 0.5, 0.32, 0.3, 0.2)
    if kind == "LineChartVisual":
        steps = [
            (x + width * n / 6, y + height * share) for n, share in enumerate((0.7, 0.5, 0.6, 0.3, 0.45, 0.2, 0.3))
        ]
        yield f'<polyline class="mark" points="{" ".join(f"{a:.0f},{b:.0f}" for a, b in steps)}"/>'
    elif kind == "BarChartVisual":
        for n, share in enumerate(heights):
            yield _box(x + width * n / 6 + 6, y + height * (1 - share), width / 6 - 12, height * share)
    else:
        for n in range(6):
            yield _box(x, y + height * n / 6, width, height / 6)


def _box(x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="mark" x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}"/>'


def _text(style: str, x: int, y: int, said: str) -> str:
    return f'<text class="{style}" x="{x}" y="{y}">{escape(said)}</text>'


def _short(said: str, width: int, wide: float = 1.0) -> str:
    most = int((width - 16) / (LETTER * wide))
    return said if len(said) <= most else said[: most - 1].rstrip(" ,") + "…"
