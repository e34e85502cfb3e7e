"""Which sales does a training file hold?

CSV, JSON Lines or Parquet (.gz too), one sale or one product's day a row, in the field names a sale may have. Ids are
kept as the text they are: `00123` and `NA` stay. A row that cannot be used is counted and left out; a file that
cannot be read, or lacks a column, is an error that says which."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from forecaster.dataset import SALES_COLUMNS

# The names a field may have, first choice first; the last ones are those of a wholesaler's raw invoice lines.
FIELDS = {
    "product_id": ("product_id", "stock_code"),
    "location_id": ("location_id",),
    "date": ("occurred_at", "sale_date", "date", "invoice_ts"),
    "quantity": ("quantity", "quantity_sold"),
    "price": ("unit_price", "price"),
    "promotion": ("promotion",),
    "category": ("category",),
    "in_stock": ("in_stock",),
}
REQUIRED = ("product_id", "date", "quantity")
NAMES = [name for names in FIELDS.values() for name in names]
SUFFIXES = (".csv", ".jsonl", ".ndjson", ".json", ".parquet")
YES = frozenset({"true", "1", "1.0", "yes", "y", "t"})
NO = frozenset({"false", "0", "0.0", "no", "n", "f"})
BLANK = frozenset({"", "nan", "none", "null"})

# What a sale may hold; the worker refuses more.
QUANTITY_MAX = 10**8
PRICE_MAX = 10**9
REVENUE_MINOR_MAX = 10**15
MINOR_UNITS = 100
EPOCH_MS_ABOVE = 10**11
YYYYMMDD = (19000101, 21001231)
WHOLE_FLOAT_MAX = 2**53  # beyond it neighbouring ids are one and the same float
LINE_BYTES_MAX = 16 * 1024**2


class UnreadableSales(ValueError):
    """The file is no sales file; the message says what is wrong and where."""


def read_sales(paths: Iterable[Path], today: int) -> tuple[pd.DataFrame, int]:
    """The usable rows of all files as SALES_COLUMNS with category (null if none is said) and in_stock (true unless it
    is denied), and the number of rows that were not. Days after `today` (since the epoch) are of no use: such a date
    is a slip."""
    tables, skipped = [], 0
    for path in paths:
        raw, broken = _read(path)
        usable = _usable(raw, today)
        tables.append(usable)
        skipped += broken + len(raw) - len(usable)
    if not tables:
        return pd.DataFrame({name: [] for name in (*SALES_COLUMNS, "category", "in_stock")}), 0
    return pd.concat(tables, ignore_index=True), skipped


def is_sales_file(path: Path) -> bool:
    return _kind(path) in SUFFIXES and not path.name.startswith((".", "_"))


def _kind(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _read(path: Path) -> tuple[pd.DataFrame, int]:
    """The file's columns under their own names, and how many rows were not even rows."""
    try:
        with _opened(path) as stream:
            if _kind(path) == ".parquet":
                frame, broken = _read_parquet(stream), 0
            elif _kind(path) == ".csv":
                frame, broken = _read_csv(stream)
            else:
                frame, broken = _read_json(stream)
    except (OSError, EOFError, ValueError, KeyError, pa.ArrowException) as exc:
        raise UnreadableSales(f"{path}: {str(exc) or type(exc).__name__}") from exc
    for field in REQUIRED:
        if not any(name in frame for name in FIELDS[field]):
            raise UnreadableSales(f"{path}: lacks a column {' or '.join(FIELDS[field])}")
    return frame, broken


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb"))


def _read_parquet(stream: BinaryIO) -> pd.DataFrame:
    file = pyarrow.parquet.ParquetFile(stream)
    kept = [name for name in file.schema_arrow.names if name in NAMES]
    return cast(pd.DataFrame, file.read(columns=kept).to_pandas(date_as_object=False, integer_object_nulls=True))


def _read_csv(stream: BinaryIO) -> tuple[pd.DataFrame, int]:
    broken = 0

    def skip(_: object) -> str:
        nonlocal broken
        broken += 1
        return "skip"

    table = pyarrow.csv.read_csv(
        stream,
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=LINE_BYTES_MAX),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(NAMES, pa.string()), strings_can_be_null=False
        ),
    )
    kept = [name for name in table.column_names if name in NAMES]
    return cast(pd.DataFrame, table.select(kept).to_pandas()), broken


def _read_json(stream: BinaryIO) -> tuple[pd.DataFrame, int]:
    rows: list[dict[str, Any]] = []
    broken = 0
    for line in stream:
        if not line.strip():
            continue
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict):
            rows.append(said)
        else:
            broken += 1
    present = set().union(*rows) if rows else set()
    columns = {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in NAMES if name in present}
    return pd.DataFrame(columns), broken


def _usable(raw: pd.DataFrame, today: int) -> pd.DataFrame:
    product_id, location_id = _texts(_field(raw, "product_id")), _texts(_field(raw, "location_id"))
    day, said = _days(_field(raw, "date")), _field(raw, "quantity")
    out = _field(raw, "in_stock").astype(str).str.lower().isin(NO)
    # An empty shelf of which no quantity is told sold nothing; the row still says that the shelf was empty.
    untold = said.isna() | said.astype(str).str.strip().str.lower().isin(BLANK)
    quantity = _numbers(said).mask(out & untold, 0.0)
    priced = _field(raw, "price")
    priced = priced.mask(priced == "")
    price = _numbers(priced)
    # Half-even, as the stream rounds; the first rounding takes away what binary fractions add.
    revenue = (quantity * price.fillna(0.0) * MINOR_UNITS).round(6).round()
    good = (
        product_id.notna()
        & day.between(0, today)
        & (quantity.abs() <= QUANTITY_MAX)
        & (quantity == quantity.round())
        & (priced.isna() | (price.abs() <= PRICE_MAX))
        & (revenue.abs() <= REVENUE_MINOR_MAX)
    )
    frame = pd.DataFrame(
        {
            "product_id": product_id[good],
            "location_id": location_id[good],
            "day": day[good].astype(np.int64),
            "quantity": quantity[good].astype(np.int64),
            "revenue_minor": revenue[good].astype(np.int64),
            "promotion": _field(raw, "promotion")[good].astype(str).str.lower().isin(YES),
            "category": _texts(_field(raw, "category"))[good],
            "in_stock": ~out[good],
        }
    )
    return frame.astype({"product_id": "str", "location_id": "str", "category": "str"})


def _field(raw: pd.DataFrame, field: str) -> pd.Series[Any]:
    """The first of the field's names that a row has."""
    columns = [raw[name] for name in FIELDS[field] if name in raw]
    if not columns:
        return pd.Series([None] * len(raw), index=raw.index, dtype=object)
    first, *others = columns
    for other in others:
        first = first.where(first.notna() & (first != ""), other)
    return first


def _texts(column: pd.Series[Any]) -> pd.Series[Any]:
    """Text as it is, whole numbers as their digits; null for what is blank or no id."""
    if pd.api.types.is_integer_dtype(column.dtype):
        return column.astype("str")
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if not isinstance(column.dtype, pd.StringDtype):
        column = column.map(_text)
    return column.mask(column == "").astype("str")


def _text(said: object) -> str | None:
    if isinstance(said, str):
        return said
    if isinstance(said, (float, np.floating)):
        # Whole numbers with a gap among them are written as floats by pandas.
        number = float(said)
        return str(int(number)) if abs(number) <= WHOLE_FLOAT_MAX and number.is_integer() else None
    return str(said) if isinstance(said, (int, np.integer)) and not isinstance(said, bool) else None


def _numbers(column: pd.Series[Any]) -> pd.Series[float]:
    """As float64, NaN for what is no number."""
    if column.dtype == object:
        column = column.where(~column.map(lambda said: isinstance(said, bool)), None)
    return pd.to_numeric(column, errors="coerce").astype(np.float64)


def _days(column: pd.Series[Any]) -> pd.Series[float]:
    """Days since the epoch (UTC) of ISO 8601 dates and times, epoch numbers or numbers such as 20111101; NaN for what
    is none of them."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return _days_of_numbers(column.astype(np.float64))
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    number = column.map(lambda said: isinstance(said, (int, float)) and not isinstance(said, bool))
    moments = pd.to_datetime(column.mask(number, None), errors="coerce", utc=True, format="ISO8601")
    days = (moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    floored = _floored(days.astype(np.float64))
    if number.any():
        floored = floored.mask(number, _days_of_numbers(_numbers(column.where(number, None))))
    return floored


def _days_of_numbers(number: pd.Series[float]) -> pd.Series[float]:
    """Of seconds or milliseconds since the epoch, and of eight digits that are a date: what they would be as seconds
    lies in 1970, where nobody's sales are."""
    seconds = number.where(number.abs() <= EPOCH_MS_ABOVE, number / 1000)
    days = _floored(seconds / 86_400)
    dated = number.between(*YYYYMMDD) & (number == number.round())
    if not dated.any():
        return days
    dates = pd.to_datetime(number[dated].astype(np.int64).astype(str), errors="coerce", format="%Y%m%d")
    found = ((dates - pd.Timestamp(0)) / pd.Timedelta(days=1)).astype(np.float64)
    return found.reindex(number.index).fillna(days)


def _floored(numbers: pd.Series[float]) -> pd.Series[float]:
    return pd.Series(np.floor(numbers.to_numpy()), index=numbers.index)
