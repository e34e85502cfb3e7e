"""Does a Parquet file come out as it was written, whatever the types of its columns?"""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from worker.producer import pack
from worker.sources.files import UnreadableSales


@pytest.mark.parametrize(
    ("times", "sent"),
    [
        (pa.array([date(2024, 2, 29)]), "2024-02-29T00:00:00Z"),
        (pa.array([datetime(2024, 2, 29, 12, 30, tzinfo=UTC)], pa.timestamp("s")), "2024-02-29T12:30:00Z"),
        (pa.array([datetime(2024, 2, 29, 12, 30, tzinfo=UTC)], pa.timestamp("ns")), "2024-02-29T12:30:00Z"),
        (
            pa.array([datetime(2024, 2, 29, 12, 30, tzinfo=UTC)], pa.timestamp("ms", "Asia/Tokyo")),
            "2024-02-29T12:30:00Z",
        ),
        (pa.array([date(2024, 2, 29)], pa.date64()), "2024-02-29T00:00:00Z"),
        (pa.array(["2024-02-29"]).dictionary_encode(), "2024-02-29T00:00:00Z"),
        (pa.array([2**62], pa.int64()).cast(pa.timestamp("us")), str(2**62)),
        (pa.array([None], pa.timestamp("us")), None),
    ],
)
def test_parquet_times_of_every_type_are_sent_as_utc(parquet_rows, times, sent):
    assert parquet_rows(product_id=["A"], date=times, quantity=[1])[0]["occurred_at"] == sent


def test_parquet_values_keep_what_they_say(parquet_rows):
    rows = parquet_rows(
        product_id=[123, 7],
        date=["2024-01-01"] * 2,
        quantity=pa.array([2.0, float("nan")]),
        unit_price=pa.array([2.55, float("inf")], pa.float32()),
        promotion=[True, None],
        category=pa.array(["tea", None]).dictionary_encode(),
    )
    assert [{**row, "event_id": ""} for row in rows] == [
        {
            "product_id": "123",
            "event_id": "",
            "occurred_at": "2024-01-01T00:00:00Z",
            "quantity": 2,
            "unit_price": 2.55,
            "promotion": True,
            "category": "tea",
        },
        {
            "product_id": "7",
            "event_id": "",
            "occurred_at": "2024-01-01T00:00:00Z",
            "quantity": "NaN",
            "unit_price": "inf",
        },
    ]


def test_decimals_and_odd_types_of_parquet_are_fit_for_json(parquet_rows):
    rows = parquet_rows(
        product_id=pa.array([b"A", b"\xff"]),
        date=pa.array([1, None], pa.int64()),
        quantity=pa.array([Decimal("1e30"), None], pa.decimal128(38, 2)),
        unit_price=pa.array([Decimal("2.55"), Decimal("2.00")]),
        location_id=pa.array([1.0, float("nan")]),
        promotion=pa.array([[1], None]),
    )
    assert [row["product_id"] for row in rows] == ["A", "\\xff"]
    assert [row["occurred_at"] for row in rows] == ["1", None]
    assert [row["quantity"] for row in rows] == [10**30, None]
    assert [row["unit_price"] for row in rows] == ["2.55", 2]
    assert [row.get("location_id") for row in rows] == ["1", None]
    assert [row.get("promotion") for row in rows] == ["[1]", None]
    list(pack(rows, fifo_groups=None))


def test_a_parquet_file_without_a_column_or_without_rows_is_refused(parquet_rows):
    with pytest.raises(UnreadableSales, match="lacks a column quantity or quantity_sold; found only: product_id"):
        parquet_rows(product_id=["A"], date=["2024-01-01"])
    with pytest.raises(UnreadableSales, match="holds no sales"):
        parquet_rows(product_id=pa.array([], "str"), date=pa.array([], "str"), quantity=pa.array([], "int64"))
