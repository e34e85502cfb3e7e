"""Which sales do columns hold, those of a Parquet file or of a CSV file that was split?

Rows stay in columns, and only those asked for become dicts; one that lacks a required field carries a null there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from worker.sources.raw_values import MONTH_FIRST, TEXTS, moment_of, number_of, text_of
from worker.sources.sales_file import REQUIRED, Positions, RawRow, SalesFile, in_event_time_order, mapping_of

_NUMBERS = frozenset({"quantity", "unit_price", "promotion"})


def read_parquet(content: bytes, digest: str) -> SalesFile:
    """Raises UnreadableSales without a required column or any row, ArrowException where this is no Parquet."""
    file = pq.ParquetFile(pa.BufferReader(content))
    mapping, chosen = mapping_of(file.schema_arrow.names)
    table = file.read(columns=list(chosen.values()))
    table.validate(full=True)
    return sales_of_columns(digest, mapping, chosen, {name: table.column(name) for name in table.column_names}, {})


class _Columns(NamedTuple):
    """Rows kept by column; dicts are made of those asked for. unsplit holds the rows that have no columns."""

    arrays: Mapping[str, pa.Array]
    unsplit: Mapping[int, str]
    digest: str

    def rows_at(self, positions: Positions) -> list[RawRow]:
        numbers, wanted = positions.tolist(), pa.array(positions)
        columns = {field: _values(field, array.take(wanted)) for field, array in self.arrays.items()}
        given = columns.get("event_id") or [None] * len(numbers)
        columns["event_id"] = [own or f"{self.digest}-{row}" for own, row in zip(given, numbers, strict=True)]
        gaps = [field for field, values in columns.items() if field not in REQUIRED and None in values]
        rows: list[RawRow] = []
        for number, values in zip(numbers, zip(*columns.values(), strict=True), strict=True):
            row = dict(zip(columns, values, strict=True))
            for field in gaps:
                if row[field] is None:
                    del row[field]
            rows.append(self.unsplit.get(number, row))
        return rows


def sales_of_columns(
    digest: str,
    mapping: str,
    chosen: Mapping[str, str],
    columns: Mapping[str, pa.ChunkedArray],
    unsplit: Mapping[int, str],
) -> SalesFile:
    """chosen names for each field its column; unsplit has the text of the rows, by number, that have no cells."""
    arrays = {field: _array(field, columns[column]) for field, column in chosen.items()}
    micros, arrays["occurred_at"] = _moments(arrays["occurred_at"], chosen["occurred_at"] == MONTH_FIRST)
    invoice, line = arrays.pop("invoice", None), arrays.pop("line", None)
    if invoice is not None and line is not None:
        line_id = pc.binary_join_element_wise(invoice, line, pa.scalar("-", pa.large_string()))
        arrays["event_id"] = pc.coalesce(arrays["event_id"], line_id) if "event_id" in arrays else line_id
    return in_event_time_order(digest, mapping, micros, _Columns(arrays, unsplit, digest).rows_at)


def _array(field: str, column: pa.ChunkedArray) -> pa.Array:
    """One array, of text where the field is text or the file has text; an empty cell is a null."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_float16(column.type) or pa.types.is_float32(column.type):
        # Widened directly, a price of 2.55 would become 2.549999952316284; its shortest text was meant.
        column = column.cast(pa.large_string()).cast(pa.float64())
    if _is_text(column.type) or (field in TEXTS and pa.types.is_integer(column.type)):
        column = column.cast(pa.large_string())
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.large_string()), column)
    elif field in TEXTS:
        return pa.array([text_of(value) for value in column.to_pylist()], pa.large_string())
    return column.combine_chunks()


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _moments(column: pa.Array, month_first: bool) -> tuple[pa.Array, pa.Array]:
    """Microseconds since the epoch, null where no time can be read; and ISO 8601, or the text as it was."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    elif not _is_text(column.type):
        column = pa.array([text_of(value) for value in column.to_pylist()], pa.large_string())
    encoded = column.dictionary_encode()
    read = [moment_of(value, month_first) for value in encoded.dictionary.to_pylist()]
    micros = pa.array([micro for micro, _ in read], pa.int64())
    texts = pa.array([text for _, text in read], pa.large_string())
    return micros.take(encoded.indices), texts.take(encoded.indices)


def _values(field: str, array: pa.Array) -> list[Any]:
    values: list[Any] = array.to_pylist()
    if field in _NUMBERS and not pa.types.is_integer(array.type):
        return [number_of(value, field == "quantity") for value in values]
    return values
