"""History as packed rows: whatever way a sale is read, it is the very sale that the worker counts."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.buckets import NO_SALES, bucket_of
from domain.events import ProductKey, SaleRecorded
from domain.ledger import entry_of
from domain.product import product_label
from handlers.errors import InvalidEvent
from worker.local.sample import SAMPLE_PATH
from worker.rebuilding.rows import ROW, Rows, joined, read_shard, rows_of, shard_of, write_piece
from worker.rebuilding.shadow import shadow_of
from worker.rebuilding.spreading import pieces_of, spread
from worker.schema import read_event
from worker.sources.files import open_sales

NOW = int(datetime(2024, 10, 4, tzinfo=UTC).timestamp() * 1000)
SHARDS = 3


def as_read_by_the_worker(path):
    """Row by row, as `restock replay file` would send them; and how many are no sale."""
    sales, refused = [], Counter()
    for row in open_sales(path).rows:
        try:
            sales.append(read_event(dict(row), None, "row", NOW))
        except (InvalidEvent, ValueError) as exc:
            refused[str(exc)] += 1
    return sales, refused


def as_read_by_columns(path, folder):
    figures = [spread(piece, folder / piece.name, SHARDS, NOW) for piece in pieces_of(path, "p")]
    pieces = sorted(folder.glob("p*"))
    return [read_shard(pieces, shard) for shard in range(SHARDS)], figures


def told(rows: Rows):
    """Each packed row in plain values."""
    return Counter(
        (
            rows.labels[row["code"]],
            row["entry"].tobytes(),
            *(int(row[name]) for name in ("day", "quantity", "revenue")),
            bool(row["promotion"]),
        )
        for row in rows.packed
    )


def expected(sales):
    return Counter(
        (product_label(s.product), entry_of(s), s.day, s.quantity, s.revenue_minor, s.promotion) for s in sales
    )


def write(path, **columns):
    pq.write_table(pa.table(columns), path, row_group_size=40)
    return path


def moments(count):
    first = datetime(2024, 9, 1, 8, tzinfo=UTC)
    return [first.replace(tzinfo=None) + timedelta(minutes=37 * n, microseconds=n * 1_003) for n in range(count)]


N = 200
CASES = {
    "plain": {
        "product_id": [f"P{n % 7}" for n in range(N)],
        "location_id": [None if n % 3 else f"L#{n % 2}" for n in range(N)],
        "event_id": [f"e{n}" for n in range(N)],
        "occurred_at": moments(N),
        "quantity": [n % 11 - 3 for n in range(N)],
        "unit_price": [n / 100 for n in range(N)],
        "promotion": [n % 5 == 0 for n in range(N)],
        "category": [None if n % 4 else "tea" for n in range(N)],
    },
    "without ids": {
        "product_id": ["A"] * N,
        "date": [f"2024-09-{1 + n % 28:02}" for n in range(N)],
        "quantity": [1] * N,
    },
    "odd rows": {
        "product_id": [None if n == 3 else "x" * 300 if n == 4 else "" if n == 5 else "A" for n in range(N)],
        "event_id": ["y" * 300 if n == 6 else "" if n == 7 else f"e{n}" for n in range(N)],
        "occurred_at": ["nonsense", "2034-01-01", *["2024-09-01T10:00:00+02:00"] * (N - 2)],
        "quantity": [1.0] * 10 + [1.5, float("nan"), 10.0**9] + [float(n) for n in range(13, N)],
        "unit_price": [0.125 if n % 2 else 1e12 if n == 14 else float("nan") if n == 16 else 2.55 for n in range(N)],
    },
    "other types": {
        "product_id": list(range(N)),
        "sale_date": [f"2024-09-{1 + n % 28:02}" for n in range(N)],
        "quantity_sold": [str(n) for n in range(N)],
        "price": [Decimal(n) / 8 for n in range(N)],
        "promotion": ["true" if n % 2 else "false" for n in range(N)],
    },
}  # fmt: skip


@pytest.mark.parametrize("columns", CASES.values(), ids=CASES)
def test_columns_are_read_as_the_worker_reads_their_rows(columns, tmp_path):
    path = write(tmp_path / "sales.parquet", **columns)
    sales, refused = as_read_by_the_worker(path)
    shards, figures = as_read_by_columns(path, tmp_path / "pieces")
    assert sum(map(told, shards), Counter()) == expected(sales)
    assert sum(each["refused"] for each in figures) == refused.total()
    assert sum(each["rows"] for each in figures) == len(sales)


def test_short_floats_mean_their_shortest_text(tmp_path):
    columns = {"product_id": ["A"], "date": ["2024-09-01"], "quantity": [100]}
    path = write(tmp_path / "sales.parquet", **columns, unit_price=pa.array([2.55], pa.float32()))
    shards, _ = as_read_by_columns(path, tmp_path / "pieces")
    assert [int(row["revenue"]) for shard in shards for row in shard.packed] == [25_500]


def test_the_whole_sample_of_invoices_is_read_alike(tmp_path):
    path = SAMPLE_PATH
    sales, _ = as_read_by_the_worker(path)
    shards, _ = as_read_by_columns(path, tmp_path / "pieces")
    assert sum(map(told, shards), Counter()) == expected(sales)


def test_rows_of_a_csv_file_keep_the_ids_that_any_reader_gives_them(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text("product_id,date,quantity\nA,2024-09-02,1\nB,2024-09-01,2\nA,never,3\n")
    sales, _ = as_read_by_the_worker(path)
    shards, [figures] = as_read_by_columns(path, tmp_path / "pieces")
    assert sum(map(told, shards), Counter()) == expected(sales)
    assert figures["refused"] == 1


def sold(event_id, product="A", quantity=1, day=20_000, revenue=100):
    return SaleRecorded((product, None), event_id, day * 86_400_000, quantity, revenue, quantity % 2 == 0)


def keyed(sale):
    return sale._replace(product=ProductKey(*sale.product))


def test_a_shard_holds_its_products_and_no_others(tmp_path):
    sales = [keyed(sold(f"e{n}", product=f"P{n % 50}")) for n in range(500)]
    for part in range(2):
        write_piece(tmp_path / f"p{part}", rows_of(sales[part::2]), SHARDS)
    shards = [read_shard([tmp_path / "p0", tmp_path / "p1"], shard) for shard in range(SHARDS)]
    for number, rows in enumerate(shards):
        assert {shard_of(label, SHARDS) for label in rows.labels} <= {number}
    assert sum(map(told, shards), Counter()) == expected(sales)


def test_a_fold_comes_to_what_each_sale_brings_one_by_one():
    chance = random.Random(7)
    sales = [
        keyed(sold(f"e{n}", f"P{chance.randrange(9)}", chance.randint(-5, 9), 20_000 + chance.randrange(30)))
        for n in range(2_000)
    ]
    days = {}
    for sale in sales:
        key = (product_label(sale.product), sale.day)
        days[key] = bucket_of(sale, days.get(key, NO_SALES))
    shadow = shadow_of(rows_of(sales + sales[::3]))
    found = {(p.label, day): parts for p in shadow.products() for day, parts in p.by_day().items()}
    assert found == {key: tuple(bucket) for key, bucket in days.items()}
    assert shadow.duplicates == len(sales[::3])
    assert shadow.sums.sum(axis=0).tolist() == np.sum([list(b) for b in days.values()], axis=0).tolist()


def test_of_rows_that_share_an_id_the_first_counts_and_the_others_are_told():
    rows = [sold("e1", quantity=3), sold("e1", quantity=3), sold("e1", quantity=5), sold("e1", product="B", quantity=7)]
    shadow = shadow_of(rows_of([keyed(row) for row in rows]))
    assert (shadow.duplicates, shadow.conflicts) == (1, 1)
    assert {p.label: p.units for p in shadow.products()} == {"A": 3, "B": 7}


def test_nothing_folds_to_nothing():
    shadow = shadow_of(joined([]))
    assert list(shadow.products()) == []
    assert shadow.packed.dtype == ROW
