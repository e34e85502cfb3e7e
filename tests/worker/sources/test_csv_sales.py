"""Does a CSV file come out as it was written, one bad line costing no other?"""

import csv
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.producer import pack
from worker.sources.files import open_sales

IN_A_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=8)


@pytest.mark.parametrize("product", ["NA", "null", "nan", "00123", "None", "é #%", " A ", "1e5", "-"])
def test_product_ids_are_kept_verbatim(rows_of, product):
    assert rows_of(f"product_id,date,quantity\n{product},2024-01-01,1\n")[0]["product_id"] == product


@pytest.mark.parametrize(
    ("cell", "sent"),
    [("6", 6), ("-6", -6), ("", None), ("abc", "abc"), ("NaN", "NaN"), ("6.0", "6.0"), ("1" + "0" * 30,) * 2],
)
def test_a_quantity_of_a_csv_is_a_whole_number_or_what_was_written(rows_of, cell, sent):
    assert rows_of(f"product_id,date,quantity\nA,2024-01-01,{cell}\n")[0]["quantity"] == sent


BAD_LINES = [
    "A,2024-01-01",
    "A,2024-01-01,1,extra",
    '"A,2024-01-01,1',
    '"A"B,2024-01-01,1',
    "x" * 1_000_000,
    '"' + "x" * 200_000 + '",2024-01-01,1',
]


@pytest.mark.parametrize("bad", BAD_LINES)
def test_a_csv_line_that_cannot_be_split_is_sent_as_text_and_costs_no_other(rows_of, bad):
    good = "A,2024-01-01,1\n"
    rows = rows_of("product_id,date,quantity\n" + good + bad + "\n" + good * 3)
    assert [row if isinstance(row, str) else row["product_id"] for row in rows] == ["A", bad, "A", "A", "A"]


def test_bytes_that_are_no_utf8_make_a_row_bad_only_where_they_matter(rows_of):
    head = b"product_id,date,quantity,description\n"
    first, second = rows_of(head + b"A,2024-01-01,1,\xa3 5\nB\xff,2024-01-01,1,tea\n")
    assert first["product_id"] == "A"
    assert second.encode("utf-8", "surrogateescape") == b"B\xff,2024-01-01,1,tea"
    (message,) = pack([second], fifo_groups=None)
    assert json.loads(message.body) == [second]


def test_a_byte_order_mark_and_windows_line_ends_are_passed_over(rows_of):
    (row,) = rows_of(b"\xef\xbb\xbfproduct_id,date,quantity\r\nA,2024-01-01,1\r\n\r\n")
    assert (row["product_id"], row["quantity"]) == ("A", 1)


@given(st.lists(st.tuples(CELLS.filter(bool), CELLS), min_size=1, max_size=8))
@IN_A_FOLDER
def test_whatever_a_csv_writer_quotes_is_read_back(tmp_path, cells):
    path = tmp_path / "sales.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["product_id", "date", "quantity", "note"])
        writer.writerows((product, "2024-01-01", 1, note) for product, note in cells)
    assert [row["product_id"] for row in open_sales(path).rows] == [product for product, _ in cells]
