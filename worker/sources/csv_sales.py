"""Which sales does a CSV file hold?

Every record that is not blank is one row; one that cannot be split into its cells stays as text and costs no other."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import islice

import pyarrow as pa

from worker.sources.column_sales import sales_of_columns
from worker.sources.raw_values import is_utf8, lines_of
from worker.sources.sales_file import CHUNK_ROWS, SalesFile, mapping_of

_QUOTED_LINES_MAX = 64


def read_csv(content: bytes, digest: str) -> SalesFile:
    """Raises UnreadableSales if the first line that is not blank lacks a required column, or no row follows it."""
    lines = lines_of(content)
    head = next(at for at, line in enumerate(lines) if line.strip())
    names = [name.strip() for name in _cells(lines[head]) or [lines[head]]]
    mapping, chosen = mapping_of(names)
    kept = {column: names.index(column) for column in chosen.values()}
    blocks: dict[str, list[pa.Array]] = {column: [] for column in kept}
    unsplit: dict[int, str] = {}
    records = enumerate(_csv_records(lines, head + 1, len(names)))
    while block := list(islice(records, CHUNK_ROWS)):
        for number, (text, cells) in block:
            # Bytes that are no UTF-8 may stand in a column we pass over, as pound signs do in the UCI set's.
            if not cells or not (text.isascii() or all(is_utf8(cells[place]) for place in kept.values())):
                unsplit[number] = text
        for column, place in kept.items():
            values = [None if number in unsplit else cells[place] for number, (_, cells) in block]
            blocks[column].append(pa.array(values, pa.large_string()))
    columns = {column: pa.chunked_array(arrays, pa.large_string()) for column, arrays in blocks.items()}
    return sales_of_columns(digest, mapping, chosen, columns, unsplit)


def _csv_records(lines: Sequence[str], at: int, width: int) -> Iterator[tuple[str, list[str]]]:
    """Each record's text and its cells; no cells where they are too many, too few or wrongly quoted."""
    while at < len(lines):
        text, end = lines[at], at + 1
        cells = _cells(text)
        if '"' in text and len(cells) != width:
            # A quoted cell may hold line breaks, but a quote never closed must not cost the lines below.
            for last in range(at + 1, min(at + _QUOTED_LINES_MAX, len(lines))):
                joined = "\n".join(lines[at : last + 1])
                if '"' in lines[last] and len(_cells(joined)) == width:
                    text, cells, end = joined, _cells(joined), last + 1
                    break
        if text.strip():
            yield text, cells if len(cells) == width else []
        at = end


def _cells(text: str) -> list[str]:
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader((text,), strict=True), [])
    except csv.Error:
        return []
