"""Which sales does a file of JSON lines hold?

Every line that is not blank is one row, with fields of its own: one that is no sale is a bad row, not a bad file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import pyarrow as pa

from worker.sources.raw_values import MONTH_FIRST, TEXTS, is_utf8, lines_of, moment_of
from worker.sources.sales_file import (
    MAPPINGS,
    REQUIRED,
    Positions,
    RawRow,
    SalesFile,
    UnreadableSales,
    in_event_time_order,
    mapping_of,
)

_EXACT_IN_A_FLOAT_CHARS = 16

WRAPPERS = frozenset({"detail-type", "eventName", "Message", "lines", "items", "line_items"})


def read_jsonl(content: bytes, digest: str) -> SalesFile:
    """Raises UnreadableSales if no line is a JSON object."""
    lines = [line for line in lines_of(content) if line.strip()]
    mapping = _mapping_of_lines(lines)
    rows = _JsonLines(lines, MAPPINGS[mapping], digest)
    times = (rows.moment(sale)[0] if (sale := _object(line)) is not None else None for line in lines)
    return in_event_time_order(digest, mapping, pa.array(times, pa.int64(), size=len(lines)), rows.rows_at)


class _JsonLines(NamedTuple):
    """Rows kept as lines. Each names its own fields, so one that lacks some is a bad row, not a bad file."""

    lines: Sequence[str]
    fields: Mapping[str, tuple[str, ...]]
    digest: str

    def rows_at(self, positions: Positions) -> list[RawRow]:
        return [self._row(number) for number in positions.tolist()]

    def _row(self, number: int) -> RawRow:
        sale = _object(self.lines[number])
        if sale is None or not _is_sale(sale):
            return self.lines[number]
        row = {}
        for field, choices in self.fields.items():
            value = next((sale[name] for name in choices if sale.get(name) not in (None, "")), None)
            if value is not None:
                row[field] = str(value) if field in TEXTS and type(value) is int else value
        invoice, line = row.pop("invoice", None), row.pop("line", None)
        given = f"{self.digest}-{number}" if invoice is None or line is None else f"{invoice}-{line}"
        row.setdefault("event_id", given)
        if "occurred_at" in row:
            row["occurred_at"] = self.moment(sale)[1]
        if all(field in row for field in REQUIRED):
            return row
        # What a bad row has instead of what it lacks is for whoever looks into the quarantine. A nested value
        # could be unwrapped into several sales, or none, on the way there: such a row goes as text.
        nested = any(isinstance(value, dict | list) for value in sale.values())
        return self.lines[number] if nested else {**sale, **row}

    def moment(self, sale: Mapping[str, Any]) -> tuple[int | None, Any]:
        """When the sale was, in microseconds since the epoch and as it will be sent."""
        for name in self.fields["occurred_at"]:
            if (value := sale.get(name)) not in (None, ""):
                return moment_of(value, name == MONTH_FIRST) if isinstance(value, str) else (None, value)
        return None, None


def _mapping_of_lines(lines: Sequence[str]) -> str:
    """The form of the first line that has all it needs."""
    objects = 0
    for line in lines:
        if (sale := _object(line)) is not None:
            objects += 1
            with suppress(UnreadableSales):
                return mapping_of(tuple(sale))[0]
    if not objects:
        raise UnreadableSales("holds no line that is a JSON object")
    return "restock"


def _is_sale(row: Mapping[str, Any]) -> bool:
    """Whether a row can be nothing but one sale. A file of sales holds no stock counts, shipments or wrapped messages:
    such a row goes as text and is refused where sales are read."""
    wrapped = WRAPPERS & row.keys()
    return not wrapped and row.get("type", "sale_recorded") == "sale_recorded"


def _object(line: str) -> dict[str, Any] | None:
    if not is_utf8(line):
        return None
    try:
        value = json.loads(line, parse_float=_exact, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _exact(text: str) -> float | str:
    """The number as a float where a float gives back every digit, else as the text it was."""
    return float(text) if len(text) <= _EXACT_IN_A_FLOAT_CHARS and "e" not in text.lower() else text
