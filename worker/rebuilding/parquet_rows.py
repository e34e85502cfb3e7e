"""Which sales does a Parquet file hold, a million at a time?

Plain columns are taken whole, as the worker would read each row of them; a row that is odd in any way is read by the
worker's own reader, which also says what is wrong with it. What both can read, both read alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.ledger import ENTRY_BYTES, entry_of
from domain.product import product_label
from handlers.errors import InvalidEvent
from worker.rebuilding.rows import ROW, Rows, joined, rows_of
from worker.schema import (
    CATEGORY_CHARS_MAX,
    FUTURE_MS,
    ID_CHARS_MAX,
    LABEL_BYTES_MAX,
    MINOR_UNITS,
    PRICE_MAX,
    QUANTITY_MAX,
    read_event,
)
from worker.sources.raw_values import MONTH_FIRST, moment_of, number_of, text_of
from worker.sources.sales_file import mapping_of

BATCH_ROWS = 250_000
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_made = tuple.__new__


@dataclass(slots=True)
class _Plain:
    """Columns of a batch, and which rows all of them can be taken of."""

    rows: int
    good: Mask
    columns: dict[str, Any]


def parquet_rows(
    path: Path, groups: Sequence[int], first_row: int, digest: str, now: int, refused: Counter[str]
) -> Iterator[Rows]:
    """The sales of these row groups, batch by batch; first_row is the number of the first of their rows in the file.
    refused counts the reasons of rows that are no sale."""
    with pq.ParquetFile(path) as file:
        _, chosen = mapping_of(file.schema_arrow.names)
        for batch in file.iter_batches(BATCH_ROWS, row_groups=list(groups), columns=list(chosen.values())):
            arrays = {field: batch.column(column) for field, column in chosen.items()}
            yield _batch_rows(arrays, chosen, first_row, digest, now, refused)
            first_row += batch.num_rows


def _batch_rows(
    arrays: dict[str, Any], chosen: Mapping[str, str], first_row: int, digest: str, now: int, refused: Counter[str]
) -> Rows:
    arrays = {field: _exact(array) for field, array in arrays.items()}
    count = len(arrays["product_id"])
    plain = _Plain(count, np.ones(count, dtype=bool), {})
    ids = _event_ids(arrays, first_row, digest, plain)
    month_first = chosen["occurred_at"] == MONTH_FIRST
    micros = _micros(arrays["occurred_at"], month_first, plain)
    occurred_at = micros // 1_000
    plain.good &= (occurred_at >= 0) & (occurred_at <= now + FUTURE_MS)
    quantity = _whole(arrays["quantity"], plain)
    plain.good &= np.abs(quantity) <= QUANTITY_MAX
    revenue = _revenue(arrays.get("unit_price"), quantity, plain)
    promotion = _promotion(arrays.get("promotion"), plain)
    category = _texts(arrays["category"], plain, CATEGORY_CHARS_MAX) if "category" in arrays else [None] * count
    codes, labels = _labels(arrays, plain)
    entries = _entries(ids, occurred_at, quantity, revenue, promotion, category, plain.good)
    taken = Rows(_packed(entries, codes, occurred_at, quantity, revenue, promotion, plain.good), labels)
    odd = np.flatnonzero(~plain.good)
    if not len(odd):
        return taken
    sales = _odd_sales({k: v.take(pa.array(odd)) for k, v in arrays.items()}, [ids[row] for row in odd.tolist()])
    return joined([taken, rows_of(list(_readable(sales, month_first, now, refused)))])


def _exact(array: Any) -> Any:
    """Short floats by their shortest text, which was meant: 2.55 and not 2.549999952316284."""
    if pa.types.is_float16(array.type) or pa.types.is_float32(array.type):
        return array.cast(pa.large_string()).cast(pa.float64())
    return array


def _event_ids(arrays: dict[str, Any], first_row: int, digest: str, plain: _Plain) -> list[str]:
    given = _texts(arrays["event_id"], plain, ID_CHARS_MAX) if "event_id" in arrays else [None] * plain.rows
    if "invoice" in arrays and "line" in arrays:
        invoices, lines = (arrays.pop(name).to_pylist() for name in ("invoice", "line"))
        lined = [
            None if invoice is None or line is None else f"{text_of(invoice)}-{text_of(line)}"
            for invoice, line in zip(invoices, lines, strict=True)
        ]
        given = [own or line for own, line in zip(given, lined, strict=True)]
    arrays.pop("event_id", None)
    return [own or f"{digest}-{first_row + row}" for row, own in enumerate(given)]


def _texts(array: Any, plain: _Plain, chars_max: int) -> list[Any]:
    """Texts, None where there is none; rows with a value that is too long or of another type are not plain."""
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_integer(array.type):
        array = array.cast(pa.large_string())
    if not _is_text(array.type):
        plain.good &= array.is_null().to_numpy(zero_copy_only=False)
        return [None] * plain.rows
    plain.good &= pc.fill_null(pc.less_equal(pc.utf8_length(array), chars_max), True).to_numpy(zero_copy_only=False)
    return [value or None for value in array.to_pylist()]


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _micros(array: Any, month_first: bool, plain: _Plain) -> Ints:
    plain.good &= array.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        whole = array.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        micros: Ints = whole.fill_null(0).to_numpy(zero_copy_only=False)
        return micros
    if not _is_text(array.type):
        plain.good[:] = False
        return np.zeros(plain.rows, dtype=np.int64)
    encoded = array.dictionary_encode()
    read = [moment_of(value, month_first)[0] for value in encoded.dictionary.to_pylist()]
    known = pa.array(read, pa.int64()).take(encoded.indices)
    plain.good &= known.is_valid().to_numpy(zero_copy_only=False)
    found: Ints = known.fill_null(0).to_numpy(zero_copy_only=False)
    return found


def _whole(array: Any, plain: _Plain) -> Ints:
    plain.good &= array.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_integer(array.type):
        whole: Ints = array.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        return whole
    if pa.types.is_floating(array.type):
        values = np.nan_to_num(array.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64), nan=0.5)
        plain.good &= (values == np.floor(values)) & (np.abs(values) <= QUANTITY_MAX)
        return np.where(plain.good, values, 0).astype(np.int64)
    plain.good[:] = False
    return np.zeros(plain.rows, dtype=np.int64)


def _revenue(array: Any, quantity: Ints, plain: _Plain) -> Ints:
    """Quantity x price in minor units where the price has two decimals at most: then it is exact."""
    if array is None:
        return np.zeros(plain.rows, dtype=np.int64)
    if not (pa.types.is_float64(array.type) or pa.types.is_integer(array.type)):
        plain.good &= array.is_null().to_numpy(zero_copy_only=False)
        return np.zeros(plain.rows, dtype=np.int64)
    prices: Floats = array.cast(pa.float64()).fill_null(0).to_numpy(zero_copy_only=False)
    cents = np.rint(prices * MINOR_UNITS)
    with np.errstate(invalid="ignore", over="ignore"):
        # Far below what a revenue may come to: beyond, the exact reader decides.
        exact = (cents / MINOR_UNITS == prices) & (np.abs(prices) <= PRICE_MAX) & (np.abs(cents * quantity) < 10**15)
    plain.good &= exact
    return np.where(exact, cents, 0).astype(np.int64) * quantity


def _promotion(array: Any, plain: _Plain) -> Mask:
    if array is None:
        return np.zeros(plain.rows, dtype=bool)
    if not pa.types.is_boolean(array.type):
        plain.good &= array.is_null().to_numpy(zero_copy_only=False)
        return np.zeros(plain.rows, dtype=bool)
    said: Mask = array.fill_null(False).to_numpy(zero_copy_only=False)
    return said


def _labels(arrays: Mapping[str, Any], plain: _Plain) -> tuple[npt.NDArray[np.int32], list[str]]:
    products = _texts(arrays["product_id"], plain, ID_CHARS_MAX)
    places = _texts(arrays["location_id"], plain, ID_CHARS_MAX) if "location_id" in arrays else [None] * plain.rows
    known: dict[tuple[Any, Any], int] = {}
    codes = np.array([known.setdefault(pair, len(known)) for pair in zip(products, places, strict=True)], np.int32)
    labels = [product_label(ProductKey(product or "", place)) for product, place in known]
    fine = [
        product is not None and len(label.encode("utf-8", "surrogatepass")) <= LABEL_BYTES_MAX
        for (product, _), label in zip(known, labels, strict=True)
    ]
    plain.good &= np.array(fine, dtype=bool)[codes]
    return codes, labels


def _entries(
    ids: list[str], at: Ints, quantity: Ints, revenue: Ints, promotion: Mask, category: list[Any], good: Mask
) -> npt.NDArray[np.uint8]:
    rows = np.flatnonzero(good).tolist()
    chosen = zip(
        [ids[row] for row in rows],
        at[good].tolist(),
        quantity[good].tolist(),
        revenue[good].tolist(),
        promotion[good].tolist(),
        [category[row] for row in rows],
        strict=True,
    )
    said = b"".join([entry_of(_made(SaleRecorded, (None, *values))) for values in chosen])
    return np.frombuffer(said, dtype=np.uint8).reshape(len(rows), ENTRY_BYTES)


def _packed(
    entries: npt.NDArray[np.uint8],
    codes: npt.NDArray[np.int32],
    at: Ints,
    quantity: Ints,
    revenue: Ints,
    promotion: Mask,
    good: Mask,
) -> Any:
    packed = np.zeros(int(good.sum()), dtype=ROW)
    packed["entry"] = entries
    packed["code"], packed["day"] = codes[good], at[good] // MS_PER_DAY
    packed["quantity"], packed["revenue"], packed["promotion"] = quantity[good], revenue[good], promotion[good]
    return packed


def _odd_sales(arrays: Mapping[str, Any], ids: list[str]) -> Iterator[dict[str, Any]]:
    columns = {field: array.to_pylist() for field, array in arrays.items()}
    for row, event_id in enumerate(ids):
        values = {field: column[row] for field, column in columns.items() if column[row] is not None}
        yield {**values, "event_id": event_id}


def _readable(
    rows: Iterator[dict[str, Any]], month_first: bool, now: int, refused: Counter[str]
) -> Iterator[SaleRecorded]:
    for row in rows:
        said = {field: _plain_value(field, value, month_first) for field, value in row.items()}
        try:
            event = read_event(said, None, str(row["event_id"]), now)
        except InvalidEvent as exc:
            refused[exc.reason] += 1
            continue
        if isinstance(event, SaleRecorded):
            yield event


def _plain_value(field: str, value: Any, month_first: bool) -> Any:
    """What a file's reader would send for it."""
    if field == "occurred_at":
        if hasattr(value, "isoformat"):
            return value.isoformat()
        return moment_of(value, month_first)[1] if isinstance(value, str) else value
    if field in ("quantity", "unit_price", "promotion"):
        return value if isinstance(value, bool) else number_of(value, field == "quantity")
    return text_of(value)
