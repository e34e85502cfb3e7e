"""Sales of as many products as are asked for, to measure `restock bulk` with:

    .venv/bin/python tests/worker/bulk/many_sales.py 1000000 sales.parquet

Each product sells on a few of the last 56 days, most of them on few and some on many; about 8 rows a product."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LAST_DAY = np.datetime64("2025-04-30", "D")
DAYS = 56
AT_ONCE = 100_000
DAYS_A_PRODUCT = 8.0


def write(products: int, path: Path, seed: int = 1) -> int:
    """Writes the file, some products at a time; returns its rows."""
    draw, rows, writer = np.random.default_rng(seed), 0, None
    for first in range(0, products, AT_ONCE):
        count = min(AT_ONCE, products - first)
        days = np.clip(draw.geometric(1 / DAYS_A_PRODUCT, count), 1, DAYS)
        product = np.repeat(np.arange(first, first + count), days)
        table = pa.table(
            {
                "product_id": [f"sku-{number:07}" for number in product],
                "date": LAST_DAY - draw.integers(0, DAYS, len(product)),
                "quantity": draw.poisson(2.0, len(product)) + 1,
                "price": np.round(draw.uniform(1, 50, len(product)), 2),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
        rows += table.num_rows
    if writer is not None:
        writer.close()
    return rows


if __name__ == "__main__":
    sys.stdout.write(f"{write(int(sys.argv[1]), Path(sys.argv[2])):,} rows\n")
