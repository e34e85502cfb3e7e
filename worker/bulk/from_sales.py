"""Which products have sales, and what is known of them the day before as_of?

One shard's rows become a panel of its last WINDOW_DAYS days, the same that training sees, and are let go before the
next one is read. A product that has sold nothing in the window has no row in it: its forecast would be next to zero."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from domain.buckets import WINDOW_DAYS
from domain.product import product_label
from forecaster.dataset import panel_of
from worker.bulk.records import Part

PART_PRODUCTS = 3_000


def parts_of(spill: Path | None, as_of: int) -> Iterator[Part]:
    """The products of one shard that have sold in the window."""
    if spill is None:
        return
    table = pq.read_table(spill)
    inside = pc.and_(pc.greater_equal(table["day"], as_of - WINDOW_DAYS), pc.less(table["day"], as_of))
    panel = panel_of(table.filter(inside).to_pandas(), as_of)
    labels = [product_label(product) for product in panel.products]
    for at in range(0, len(labels), PART_PRODUCTS):
        rows = np.arange(at, min(len(labels), at + PART_PRODUCTS))
        yield Part([labels[row] for row in rows], panel.series(as_of, rows))
