"""What is a file of sales, once it is read?

Rows in event-time order, each of them once; a row whose time cannot be read stays behind the row it stood behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from domain.events import MS_PER_DAY

RawRow = dict[str, Any] | str
"""The fields of a sale, fit for JSON; or a line that could not be split into fields, as the text it was."""

Positions = npt.NDArray[np.int64]

CHUNK_ROWS = 8_192
REQUIRED = ("product_id", "occurred_at", "quantity")
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
        for start in range(0, self.total, CHUNK_ROWS):
            yield from self.rows_at(self.order[start : start + CHUNK_ROWS])


def in_event_time_order(
    digest: str, mapping: str, micros: pa.Array, rows_at: Callable[[Positions], list[RawRow]]
) -> SalesFile:
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


def mapping_of(names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The form of a file with these columns, and for each field the column it is read from."""
    mapping = "restock"
    if "product_id" not in names and any(name in names for name in MAPPINGS["online-retail"]["product_id"]):
        mapping = "online-retail"
    chosen = {}
    for field, choices in MAPPINGS[mapping].items():
        column = next((choice for choice in choices if choice in names), None)
        if column is not None:
            chosen[field] = column
        elif field in REQUIRED:
            found = ", ".join(name if name.isprintable() else ascii(name) for name in names)
            raise UnreadableSales(f"lacks a column {' or '.join(choices)}; found only: {found[:500]}")
    return mapping, chosen
