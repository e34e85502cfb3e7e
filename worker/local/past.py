"""What may a model in a local run learn from?

The usable sales of the replayed file, written once in the form that `restock train` reads, whatever form the file
itself has. Which days count is decided at each training, by its cut-off."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from worker.local.items import sale_of
from worker.producer import Row

SCHEMA = pa.schema(
    [
        ("product_id", pa.string()),
        ("location_id", pa.string()),
        ("date", pa.date32()),
        ("quantity", pa.int64()),
        ("unit_price", pa.string()),
        ("promotion", pa.string()),
    ]
)


def write_past(rows: Iterable[Row], path: Path) -> Path:
    """Writes the usable rows as Parquet; returns the path."""
    columns: dict[str, list[object]] = {name: [] for name in SCHEMA.names}
    for row in rows:
        sale = sale_of(row)
        if sale is None or isinstance(row, str):
            continue
        values = (
            sale.product.product_id,
            sale.product.location_id,
            sale.day,
            sale.quantity,
            _text(row.get("unit_price")),
            _text(row.get("promotion")),
        )
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    pq.write_table(pa.table(columns, schema=SCHEMA), path)
    return path


def _text(value: object) -> str | None:
    return None if value is None else str(value)
