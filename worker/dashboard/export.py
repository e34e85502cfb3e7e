"""How does a list of products become a file for a spreadsheet?

All rows that answer the question, in its order, a few hundred at a time with the worker's own work between. A cell that
a spreadsheet would take for a formula gets an apostrophe in front: names of products come from outside."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

from handlers.announcements import iso_day
from worker.dashboard.asking import shown_row
from worker.dashboard.board import Board

COLUMNS = {
    "product": "product",
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
}
DAYS = ("out_on", "order_by")
ROWS_AT_ONCE = 300
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


async def csv_lines(board: Board, slots: Sequence[int]) -> AsyncIterator[bytes]:
    """The file, part by part."""
    yield _lines([list(COLUMNS.values())])
    for at in range(0, len(slots), ROWS_AT_ONCE):
        rows = [shown_row(board, slot) for slot in slots[at : at + ROWS_AT_ONCE]]
        yield _lines([[_cell(name, row[name]) for name in COLUMNS] for row in rows])
        await asyncio.sleep(0)


def _lines(rows: list[list[Any]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def _cell(name: str, value: Any) -> Any:
    if value is None:
        return ""
    if name in DAYS:
        return iso_day(int(value))
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value
