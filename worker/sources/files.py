"""Which sales does a file hold, and in what order did they happen?

Every row of the file comes out exactly once, in event-time order, as it was written: a bad row is neither
dropped nor repaired but left for the worker to quarantine. Only a file without any sense is refused."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from domain.events import MS_PER_DAY

RawRow = dict[str, Any] | str
"""The fields of a sale, fit for JSON; or a line that could not be split into fields, as the text it was."""

Positions = npt.NDArray[np.int64]

_REQUIRED = ("product_id", "occurred_at", "quantity")
_OPTIONAL = {name: (name,) for name in ("event_id", "location_id", "promotion", "category")}
MAPPINGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "restock": {
        "product_id": ("product_id",),
        "occurred_at": ("occurred_at", "sale_date", "date"),
        "quantity": ("quantity", "quantity_sold"),
        "unit_price": ("unit_price", "price"),
        **_OPTIONAL,
    },
    # Invoice lines as UCI publishes them, in its spellings or ours. An event is an invoice's numbered line.
    "online-retail": {
        "product_id": ("stock_code", "StockCode"),
        "occurred_at": ("invoice_ts", "InvoiceDate"),
        "quantity": ("quantity", "Quantity"),
        "unit_price": ("unit_price", "UnitPrice", "Price"),
        "invoice": ("invoice_no", "InvoiceNo", "Invoice"),
        "line": ("line_no",),
        **_OPTIONAL,
    },
}
"""For each form of file, the columns a field of a sale may be read from; the first one that is there wins."""

_TEXTS = frozenset({"product_id", "location_id", "event_id", "category", "invoice", "line"})
_NUMBERS = frozenset({"quantity", "unit_price", "promotion"})
_MONTH_FIRST = "InvoiceDate"
_CHUNK_ROWS = 8_192
_QUOTED_LINES_MAX = 64
_EXACT_IN_A_FLOAT_CHARS = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d\S*)?", re.ASCII)
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_SURROGATE = re.compile("[\ud800-\udfff]")


class UnreadableSales(Exception):
    """The file cannot be replayed at all: one line for whoever named it, with what is wrong and where."""


@dataclass(frozen=True, slots=True, eq=False)
class SalesFile:
    """A file of sales, read. mapping names its form, digest is of its bytes. The days (since the epoch) are
    those of the oldest and the newest time that can be read, be it in the far future, None without any."""

    digest: str
    mapping: str
    total: int
    first_day: int | None
    last_day: int | None
    order: Positions
    rows_at: Callable[[Positions], list[RawRow]]

    @property
    def rows(self) -> Iterator[RawRow]:
        """The rows from the oldest to the newest; each use starts from the beginning."""
        for start in range(0, self.total, _CHUNK_ROWS):
            yield from self.rows_at(self.order[start : start + _CHUNK_ROWS])


def open_sales(path: Path) -> SalesFile:
    """Reads .csv, .jsonl (.ndjson, .json: an object a line), .parquet, also .gz. Raises UnreadableSales."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    zipped = suffixes[-1:] == [".gz"]
    read = _READERS.get("".join(suffixes[-2:-1] if zipped else suffixes[-1:]))
    try:
        if read is None:
            raise UnreadableSales("sales are read from .csv, .jsonl and .parquet files (.gz too)")
        stored = path.read_bytes()
        content = gzip.decompress(stored) if zipped else stored
        if not content or content.isspace():
            raise UnreadableSales("is empty")
        return read(content, hashlib.sha256(stored).hexdigest()[:16])
    except UnreadableSales as exc:
        raise UnreadableSales(f"{path}: {exc}") from None
    except (OSError, EOFError, zlib.error, pa.ArrowException) as exc:
        reason = (isinstance(exc, OSError) and exc.strerror) or " ".join(str(exc).split())
        raise UnreadableSales(f"{path}: cannot be read: {reason}") from exc


def _sales_file(digest: str, mapping: str, micros: pa.Array, rows_at: Callable[[Positions], list[RawRow]]) -> SalesFile:
    """Puts the rows in order. A row whose time cannot be read stays behind the row it stood behind."""
    total = len(micros)
    if not total:
        raise UnreadableSales("holds no sales")
    rows, known = np.arange(total), micros.is_valid().to_numpy(zero_copy_only=False)
    if not known.any():
        return SalesFile(digest, mapping, total, None, None, rows, rows_at)
    times = micros.fill_null(0).to_numpy()
    timed_by = np.maximum.accumulate(np.where(known, rows, known.argmax()))
    first, last = (int(time) // (MS_PER_DAY * 1_000) for time in (times[known].min(), times[known].max()))
    return SalesFile(digest, mapping, total, first, last, np.argsort(times[timed_by], kind="stable"), rows_at)


def _mapping_of(names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The form of a file with these columns, and for each field the column it is read from."""
    mapping = "restock"
    if "product_id" not in names and any(name in names for name in MAPPINGS["online-retail"]["product_id"]):
        mapping = "online-retail"
    chosen = {}
    for field, choices in MAPPINGS[mapping].items():
        column = next((choice for choice in choices if choice in names), None)
        if column is not None:
            chosen[field] = column
        elif field in _REQUIRED:
            found = ", ".join(name if name.isprintable() else ascii(name) for name in names)
            raise UnreadableSales(f"lacks a column {' or '.join(choices)}; found only: {found[:500]}")
    return mapping, chosen


def _read_parquet(content: bytes, digest: str) -> SalesFile:
    file = pq.ParquetFile(pa.BufferReader(content))
    mapping, chosen = _mapping_of(file.schema_arrow.names)
    table = file.read(columns=list(chosen.values()))
    table.validate(full=True)
    return _of_columns(digest, mapping, chosen, {name: table.column(name) for name in table.column_names}, {})


def _read_csv(content: bytes, digest: str) -> SalesFile:
    lines = _lines(content)
    head = next(at for at, line in enumerate(lines) if line.strip())
    names = [name.strip() for name in _cells(lines[head]) or [lines[head]]]
    mapping, chosen = _mapping_of(names)
    kept = {column: names.index(column) for column in chosen.values()}
    blocks: dict[str, list[pa.Array]] = {column: [] for column in kept}
    unsplit: dict[int, str] = {}
    records = enumerate(_csv_records(lines, head + 1, len(names)))
    while block := list(islice(records, _CHUNK_ROWS)):
        for number, (text, cells) in block:
            # Bytes that are no UTF-8 may stand in a column we pass over, as pound signs do in the UCI set's.
            if not cells or not (text.isascii() or all(_is_utf8(cells[place]) for place in kept.values())):
                unsplit[number] = text
        for column, place in kept.items():
            values = [None if number in unsplit else cells[place] for number, (_, cells) in block]
            blocks[column].append(pa.array(values, pa.large_string()))
    columns = {column: pa.chunked_array(arrays, pa.large_string()) for column, arrays in blocks.items()}
    return _of_columns(digest, mapping, chosen, columns, unsplit)


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


def _lines(content: bytes) -> list[str]:
    """A byte that is no UTF-8 becomes a lone surrogate, from which it can be had back."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return [line.removesuffix("\r") for line in text.split("\n")]


def _is_utf8(text: str) -> bool:
    return text.isascii() or not _SURROGATE.search(text)


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
        gaps = [field for field, values in columns.items() if field not in _REQUIRED and None in values]
        rows: list[RawRow] = []
        for number, values in zip(numbers, zip(*columns.values(), strict=True), strict=True):
            row = dict(zip(columns, values, strict=True))
            for field in gaps:
                if row[field] is None:
                    del row[field]
            rows.append(self.unsplit.get(number, row))
        return rows


def _of_columns(
    digest: str,
    mapping: str,
    chosen: Mapping[str, str],
    columns: Mapping[str, pa.ChunkedArray],
    unsplit: Mapping[int, str],
) -> SalesFile:
    arrays = {field: _array(field, columns[column]) for field, column in chosen.items()}
    micros, arrays["occurred_at"] = _moments(arrays["occurred_at"], chosen["occurred_at"] == _MONTH_FIRST)
    invoice, line = arrays.pop("invoice", None), arrays.pop("line", None)
    if invoice is not None and line is not None:
        line_id = pc.binary_join_element_wise(invoice, line, pa.scalar("-", pa.large_string()))
        arrays["event_id"] = pc.coalesce(arrays["event_id"], line_id) if "event_id" in arrays else line_id
    return _sales_file(digest, mapping, micros, _Columns(arrays, unsplit, digest).rows_at)


def _array(field: str, column: pa.ChunkedArray) -> pa.Array:
    """One array, of text where the field is text or the file has text; an empty cell is a null."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_float16(column.type) or pa.types.is_float32(column.type):
        # Widened directly, a price of 2.55 would become 2.549999952316284; its shortest text was meant.
        column = column.cast(pa.large_string()).cast(pa.float64())
    if _is_text(column.type) or (field in _TEXTS and pa.types.is_integer(column.type)):
        column = column.cast(pa.large_string())
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.large_string()), column)
    elif field in _TEXTS:
        return pa.array([_text(value) for value in column.to_pylist()], pa.large_string())
    return column.combine_chunks()


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _moments(column: pa.Array, month_first: bool) -> tuple[pa.Array, pa.Array]:
    """Microseconds since the epoch, null where no time can be read; and ISO 8601, or the text as it was."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    elif not _is_text(column.type):
        column = pa.array([_text(value) for value in column.to_pylist()], pa.large_string())
    encoded = column.dictionary_encode()
    read = [_moment(value, month_first) for value in encoded.dictionary.to_pylist()]
    micros = pa.array([micro for micro, _ in read], pa.int64())
    texts = pa.array([text for _, text in read], pa.large_string())
    return micros.take(encoded.indices), texts.take(encoded.indices)


@lru_cache(maxsize=65_536)
def _moment(value: str | int, month_first: bool) -> tuple[int | None, str]:
    try:
        if isinstance(value, int):
            moment = _EPOCH + timedelta(microseconds=value)
        elif _ISO_TIME.fullmatch(value):
            moment = datetime.fromisoformat(value)
        elif month_first:
            moment = datetime.strptime(value, "%m/%d/%Y %H:%M").replace(tzinfo=UTC)
        else:
            return None, value
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None, str(value)
    return (moment - _EPOCH) // timedelta(microseconds=1), moment.isoformat().replace("+00:00", "Z")


def _values(field: str, array: pa.Array) -> list[Any]:
    values: list[Any] = array.to_pylist()
    if field in _NUMBERS and not pa.types.is_integer(array.type):
        return [_number(value, field == "quantity") for value in values]
    return values


def _number(value: Any, whole: bool) -> Any:
    """A number that JSON can carry exactly, or the text of anything else."""
    if isinstance(value, str):
        return int(value) if whole and _WHOLE_NUMBER.fullmatch(value) else value
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            return "NaN" if math.isnan(value) else str(value)
        if value == int(value):
            return int(value)
        return value if isinstance(value, float) else str(value)
    return value if value is None or isinstance(value, int) else str(value)


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(_number(value, whole=False))


class _JsonLines(NamedTuple):
    """Rows kept as lines. Each names its own fields, so one that lacks some is a bad row, not a bad file."""

    lines: Sequence[str]
    fields: Mapping[str, tuple[str, ...]]
    digest: str

    def rows_at(self, positions: Positions) -> list[RawRow]:
        return [self._row(number) for number in positions.tolist()]

    def _row(self, number: int) -> RawRow:
        sale = _object(self.lines[number])
        if sale is None:
            return self.lines[number]
        row = {}
        for field, choices in self.fields.items():
            value = next((sale[name] for name in choices if sale.get(name) not in (None, "")), None)
            if value is not None:
                row[field] = str(value) if field in _TEXTS and type(value) is int else value
        invoice, line = row.pop("invoice", None), row.pop("line", None)
        given = f"{self.digest}-{number}" if invoice is None or line is None else f"{invoice}-{line}"
        row.setdefault("event_id", given)
        if "occurred_at" in row:
            row["occurred_at"] = self.moment(sale)[1]
        if all(field in row for field in _REQUIRED):
            return row
        # What a bad row has instead of what it lacks is for whoever looks into the quarantine. A nested value
        # could be unwrapped into several sales, or none, on the way there: such a row goes as text.
        nested = any(isinstance(value, dict | list) for value in sale.values())
        return self.lines[number] if nested else {**sale, **row}

    def moment(self, sale: Mapping[str, Any]) -> tuple[int | None, Any]:
        """When the sale was, in microseconds since the epoch and as it will be sent."""
        for name in self.fields["occurred_at"]:
            if (value := sale.get(name)) not in (None, ""):
                return _moment(value, name == _MONTH_FIRST) if isinstance(value, str) else (None, value)
        return None, None


def _read_jsonl(content: bytes, digest: str) -> SalesFile:
    lines = [line for line in _lines(content) if line.strip()]
    mapping = _mapping_of_lines(lines)
    rows = _JsonLines(lines, MAPPINGS[mapping], digest)
    times = (rows.moment(sale)[0] if (sale := _object(line)) is not None else None for line in lines)
    return _sales_file(digest, mapping, pa.array(times, pa.int64(), size=len(lines)), rows.rows_at)


def _mapping_of_lines(lines: Sequence[str]) -> str:
    """The form of the first line that has all it needs."""
    objects = 0
    for line in lines:
        if (sale := _object(line)) is not None:
            objects += 1
            with suppress(UnreadableSales):
                return _mapping_of(tuple(sale))[0]
    if not objects:
        raise UnreadableSales("holds no line that is a JSON object")
    return "restock"


def _object(line: str) -> dict[str, Any] | None:
    if not _is_utf8(line):
        return None
    try:
        value = json.loads(line, parse_float=_exact, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _exact(text: str) -> float | str:
    """The number as a float where a float gives back every digit, else as the text it was."""
    return float(text) if len(text) <= _EXACT_IN_A_FLOAT_CHARS and "e" not in text.lower() else text


_READERS: Mapping[str, Callable[[bytes, str], SalesFile]] = {
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_jsonl,
    ".parquet": _read_parquet,
}
