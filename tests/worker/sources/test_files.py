"""Does a file of sales come out whole, in order, and as it was written?"""

import csv
import gzip
import hashlib
import io
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.local.sample import SAMPLE_PATH
from worker.producer import pack
from worker.sources.files import UnreadableSales, open_sales

IN_A_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_the_sample_is_whole():
    sales = open_sales(SAMPLE_PATH)
    rows = list(sales.rows)
    twin = pd.read_parquet(SAMPLE_PATH)
    assert sales.mapping == "online-retail"
    assert len(rows) == sales.total == 105_335
    assert len({row["event_id"] for row in rows}) == 105_335
    assert sum(row["quantity"] for row in rows) == twin["quantity"].sum()
    assert (sales.first_day, sales.last_day) == (14_944, 15_033)
    assert rows[0] == {
        "product_id": "85123A",
        "event_id": "536365-1",
        "occurred_at": "2010-12-01T08:26:00Z",
        "quantity": 6,
        "unit_price": 2.55,
    }
    assert {"POST", "DOT", "M", "BANK CHARGES", "15056BL", "15056bl"} <= {row["product_id"] for row in rows}
    assert {column for row in rows for column in row} == set(rows[0])


def test_the_sample_says_whose_it_is_and_carries_no_customers():
    notice = SAMPLE_PATH.with_name("README.md").read_text()
    assert "Chen, D. (2015). Online Retail. UCI Machine Learning Repository." in notice
    assert "CC BY 4.0" in notice
    assert "https://doi.org/10.24432/C5BW33" in notice
    assert pq.read_schema(SAMPLE_PATH).names == [
        *("invoice_no", "stock_code", "description", "quantity"),
        *("invoice_ts", "unit_price", "country", "line_no"),
    ]


def test_rows_can_be_read_again_from_the_beginning():
    sales = open_sales(SAMPLE_PATH)
    assert next(sales.rows) == next(sales.rows)


ONE_SALE = {
    "product_id": "00123",
    "location_id": "L 1",
    "event_id": "e#1",
    "occurred_at": "2024-02-29T00:00:00Z",
    "quantity": 3,
    "promotion": "true",
    "category": "tea",
}


@pytest.mark.parametrize("day", ["occurred_at", "sale_date", "date"])
@pytest.mark.parametrize("units", ["quantity", "quantity_sold"])
@pytest.mark.parametrize("price", ["unit_price", "price"])
def test_a_sale_is_read_from_any_of_its_names(rows_of, day, units, price):
    header = f"season,product_id,location_id,event_id,{day},{units},{price},promotion,category"
    line = "winter,00123,L 1,e#1,2024-02-29,3,2.50,true,tea"
    named = dict(zip(header.split(","), line.split(","), strict=True))
    expected = {**ONE_SALE, "unit_price": "2.50"}
    assert rows_of(f"{header}\n{line}\n") == [expected]
    assert rows_of(json.dumps({**named, units: 3}), "sales.jsonl") == [expected]


@pytest.mark.parametrize(
    ("columns", "moment"),
    [
        ("invoice_no,stock_code,quantity,invoice_ts,unit_price", "2010-12-01 08:26:00"),
        ("InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice", "12/1/2010 8:26"),
        ("Invoice,StockCode,Quantity,InvoiceDate,Price", "2010-12-01 08:26:00"),
    ],
)
def test_online_retail_is_read_in_every_spelling(rows_of, columns, moment):
    content = f"{columns},Customer ID\nC536379,15056bl,-1,{moment},-11062.06,14527\n"
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    expected = {
        "product_id": "15056bl",
        "event_id": f"{digest}-0",
        "occurred_at": "2010-12-01T08:26:00Z",
        "quantity": -1,
        "unit_price": "-11062.06",
    }
    assert rows_of(content) == [expected]
    (line,) = csv.DictReader(io.StringIO(content))
    (row,) = rows_of(json.dumps({**line, "line_no": 7}), "sales.jsonl")
    assert row == {**expected, "quantity": "-1", "event_id": "C536379-7"}


def test_the_american_dates_of_online_retail_are_read_nowhere_else(rows_of):
    (row,) = rows_of("product_id,date,quantity\nA,12/1/2010 8:26,1\n")
    assert row["occurred_at"] == "12/1/2010 8:26"


def test_a_sale_without_an_id_is_named_after_the_file_and_its_row(rows_of):
    content = "product_id,event_id,date,quantity\nA,,2024-01-03,1\nB,b,2024-01-02,1\nC,,2024-01-01,1\n"
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    assert [row["event_id"] for row in rows_of(content)] == [f"{digest}-2", "b", f"{digest}-0"]
    lines = '{"event_id": null}\n\n{"event_id": ""}\n{"event_id": 7}\n'
    digest = hashlib.sha256(lines.encode()).hexdigest()[:16]
    assert [row["event_id"] for row in rows_of(lines, "s.jsonl")] == [f"{digest}-0", f"{digest}-1", "7"]


@pytest.mark.parametrize("name", ["sales.csv", "sales.jsonl", "sales.ndjson", "sales.parquet"])
def test_a_compressed_file_holds_the_same_sales(tmp_path, rows_of, name):
    frame = pd.DataFrame({"product_id": ["A", "B"], "event_id": ["1", "2"], "quantity": [1, -2]})
    frame["date"] = ["2024-01-02", "2024-01-01"]
    path = tmp_path / f"plain.{name.partition('.')[2]}"
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    plain = list(open_sales(path).rows)
    assert [row["product_id"] for row in plain] == ["B", "A"]
    assert rows_of(gzip.compress(path.read_bytes()), f"{name.upper()}.gz") == plain


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("2010-12-01", "2010-12-01T00:00:00Z"),
        ("2010-12-01 08:26", "2010-12-01T08:26:00Z"),
        ("2010-12-01 08:26:00", "2010-12-01T08:26:00Z"),
        ("2010-12-01T08:26:00.25Z", "2010-12-01T08:26:00.250000Z"),
        ("2010-12-01T01:26:00+02:00", "2010-11-30T23:26:00Z"),
        ("2099-01-01", "2099-01-01T00:00:00Z"),
        ("2010-13-01", "2010-13-01"),
        ("0001-01-01T00:00:00+02:00", "0001-01-01T00:00:00+02:00"),
        ("20101201", "20101201"),
        ("yesterday", "yesterday"),
    ],
)
def test_times_are_sent_as_utc_or_as_they_were_written(rows_of, parquet_rows, written, sent):
    assert rows_of(f"product_id,date,quantity\nA,{written},1\n")[0]["occurred_at"] == sent
    line = json.dumps({"product_id": "A", "date": written, "quantity": 1})
    assert rows_of(line, "sales.jsonl")[0]["occurred_at"] == sent
    assert parquet_rows(product_id=["A"], date=[written], quantity=[1])[0]["occurred_at"] == sent


@given(st.lists(st.sampled_from(["2024-01-01", "2024-01-02", "2024-01-03T10:00", "soon", ""])))
@IN_A_FOLDER
def test_rows_come_in_event_time_order_and_those_without_a_time_follow_their_neighbour(tmp_path, times):
    path = tmp_path / "sales.jsonl"
    lines = [{"product_id": str(n), "date": time, "quantity": 1} for n, time in enumerate(["soon", *times])]
    path.write_text("\n".join(map(json.dumps, lines)))
    readable = [time for time in times if time.startswith("2024")]
    last = min(readable[:1], default="")
    behind: list[tuple[str, int]] = []
    for number, line in enumerate(lines):
        last = line["date"] if line["date"].startswith("2024") else last
        behind.append((last, number))
    assert [int(row["product_id"]) for row in open_sales(path).rows] == [number for _, number in sorted(behind)]


def test_first_and_last_day_are_those_of_readable_times(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text("product_id,date,quantity\nA,1970-01-03T23:59,1\nA,never,1\nA,1969-12-31,1\n")
    sales = open_sales(path)
    assert (sales.total, sales.first_day, sales.last_day) == (3, -1, 2)
    path.write_text("product_id,date,quantity\nA,never,1\n")
    assert (open_sales(path).first_day, open_sales(path).last_day) == (None, None)


@given(st.lists(st.binary(max_size=40), max_size=6))
@IN_A_FOLDER
def test_whatever_stands_in_a_line_can_be_packed_and_sent(tmp_path, lines):
    good = {".csv": b"A,2024-01-01,1", ".jsonl": b'{"product_id":"A","date":"2024-01-01","quantity":1}'}
    for extension, line in good.items():
        path = tmp_path / f"sales{extension}"
        path.write_bytes(b"\n".join([b"product_id,date,quantity", line, *lines, line]))
        sales = open_sales(path)
        rows = list(sales.rows)
        assert len(rows) == sales.total
        assert sum(message.sales for message in pack(rows, fifo_groups=None)) == sales.total


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("sales.xlsx", b"", "sales are read from .csv, .jsonl and .parquet files (.gz too)"),
        ("sales.gz", b"", "sales are read from .csv, .jsonl and .parquet files (.gz too)"),
        ("sales.csv", b"", "is empty"),
        ("sales.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("sales.jsonl", b"\n\n", "is empty"),
        ("sales.csv", b"product_id,date,quantity\n", "holds no sales"),
        ("sales.jsonl", b"[]\nnothing\n", "holds no line that is a JSON object"),
        ("sales.csv", b"sku,date,quantity\n", "lacks a column product_id; found only: sku, date, quantity"),
        (
            "sales.csv",
            b"product_id,when,quantity\n",
            "lacks a column occurred_at or sale_date or date; found only: product_id, when, quantity",
        ),
        (
            "sales.csv",
            b"StockCode,InvoiceDate\n",
            "lacks a column quantity or Quantity; found only: StockCode, InvoiceDate",
        ),
        ("sales.csv", b"\x00\x01,b\n", r"lacks a column product_id; found only: '\x00\x01', b"),
        ("sales.parquet", b"PAR1", "cannot be read: "),
        ("sales.csv.gz", b"product_id", "cannot be read: Not a gzipped file (b'pr')"),
        ("sales.csv.gz", gzip.compress(b"product_id" * 99, mtime=0)[:-9], "cannot be read: "),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_in_one_line(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableSales) as refused:
        open_sales(path)
    assert str(refused.value).startswith(f"{path}: {reason}")
    assert len(str(refused.value).splitlines()) == 1


def test_what_is_no_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for name, reason in {"away.csv": "No such file or directory", "folder.csv": "Is a directory"}.items():
        with pytest.raises(UnreadableSales) as refused:
            open_sales(tmp_path / name)
        assert str(refused.value) == f"{tmp_path / name}: cannot be read: {reason}"
