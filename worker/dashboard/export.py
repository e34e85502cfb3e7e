"""How does a list of products become a file for a spreadsheet?

All rows that answer the question, in its order, a few hundred at a time with the worker's own work between. A cell that
a spreadsheet would take for a formula gets an apostrophe in front, and each cell its quotes: names of products come
from outside. A spreadsheet knows the file for UTF-8 by its first bytes."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

from domain.product import product_of
from handlers.announcements import iso_day
from worker.dashboard.asking import shown_row
from worker.dashboard.board import Board

COLUMNS = {
    "product_id": "product",
    "location_id": "location",
    "category": "category",
    "status": "status",
    "on_hand": "on_hand",
    "on_order": "on_order",
    "cover": "days_of_cover",
    "out_on": "projected_stockout_on",
    "reorder_point": "reorder_point",
    "target": "target",
    "suggested": "suggested_quantity",
    "order_by": "order_by",
    "reason": "reason",
    "risk": "money_at_risk_a_day_minor",
    "unit": "last_price_minor",
    "overdue": "overdue_units",
    "due_on": "next_delivery_on",
}
DAYS = ("out_on", "order_by", "due_on")
ROWS_AT_ONCE = 300
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
CONTROLS = ("\t", "\r", "\n", "\0")
MARK = "\ufeff".encode()


async def csv_lines(board: Board, slots: Sequence[int]) -> AsyncIterator[bytes]:
    """The file, part by part."""
    yield MARK + _lines([list(COLUMNS.values())])
    for at in range(0, len(slots), ROWS_AT_ONCE):
        rows = [_named(shown_row(board, slot)) for slot in slots[at : at + ROWS_AT_ONCE]]
        yield _lines([[_cell(name, row[name]) for name in COLUMNS] for row in rows])
        await asyncio.sleep(0)


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return row | product_of(row["product"])._asdict()


def _lines(rows: list[list[Any]]) -> bytes:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows(rows)
    return written.getvalue().encode()


def _cell(name: str, value: Any) -> Any:
    if value is None:
        return ""
    if name in DAYS:
        return iso_day(int(value))
    if isinstance(value, str) and (value.startswith(CONTROLS) or value.lstrip().startswith(FORMULA_STARTS)):
        return f"'{value}"
    return value
