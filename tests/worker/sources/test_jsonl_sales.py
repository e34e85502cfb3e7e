"""Do JSON lines come out as they were written, one bad line costing no other?"""

import hashlib

import pytest


@pytest.mark.parametrize(
    ("number", "sent"),
    [
        ("1e400", "1e400"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("0.001", 0.001),
        ("-11062.06", -11062.06),
        ("19.990000000000000001", "19.990000000000000001"),
        ("1" + "0" * 30, 10**30),
    ],
)
def test_a_number_of_a_jsonl_keeps_its_digits(rows_of, number, sent):
    line = f'{{"product_id": "A", "date": "2024-01-01", "quantity": 1, "price": {number}}}'
    assert rows_of(line, "sales.jsonl")[0]["unit_price"] == sent


@pytest.mark.parametrize(
    "bad",
    ["not json", "{", "[]", "5", '"text"', '{"lines": []}', "1" * 5_000, "[" * 100_000, "x" * 1_000_000],
)
def test_a_jsonl_line_that_is_no_sale_is_sent_as_text_and_costs_no_other(rows_of, bad):
    good = '{"product_id": "A", "date": "2024-01-01", "quantity": 1}\n'
    rows = rows_of(f"{good}{bad}\n\n{good}", "sales.jsonl")
    assert [row if isinstance(row, str) else row["product_id"] for row in rows] == ["A", bad, "A"]


def test_a_jsonl_line_that_lacks_a_field_shows_what_it_has(rows_of):
    content = '{"product_id": "A", "date": "2024-01-01", "quantity": 1}\n{"sku": "B", "quantity": 2}\n'
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    _, bad = rows_of(content, "sales.jsonl")
    assert bad == {"sku": "B", "quantity": 2, "event_id": f"{digest}-1"}
