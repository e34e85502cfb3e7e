"""Does every sale reach a message, whole, alone in its place, and within what SQS takes?"""

import json
import math
import zlib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.producer import SQS_BODY_BYTES_MAX, PackedMessage, batches, pack, partition_of, pointer_body, read_pointer

TEXT = st.text(st.characters(), max_size=12)
ROWS = st.fixed_dictionaries(
    {"product_id": TEXT, "quantity": st.integers()}, optional={"location_id": TEXT | st.none()}
)


def sqs_takes(body: str) -> bool:
    """The characters the SendMessage reference allows."""
    return bool(body) and all(
        code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
        for code in map(ord, body)
    )


def carried(message: PackedMessage) -> list:
    """What a receiver finds in a message; text that is no JSON is one element."""
    try:
        return json.loads(message.body)
    except ValueError:
        return [message.body]


@given(st.lists(ROWS | TEXT), st.none() | st.integers(1, 5), st.integers(1, 4), st.integers(3, 200))
def test_every_row_is_carried_once_and_in_order_within_its_group(rows, groups, sales, bytes_max):
    messages = list(pack(rows, fifo_groups=groups, sales_per_message=sales, bytes_max=bytes_max))
    assert all(len(carried(message)) == message.sales for message in messages)
    for kind in (dict, str):
        for group in {message.group_id for message in messages}:
            given_rows = [
                row for row in rows if isinstance(row, kind) and next(pack([row], fifo_groups=groups)).group_id == group
            ]
            arrived = [
                row
                for message in messages
                if message.group_id == group
                for row in carried(message)
                if isinstance(row, kind)
            ]
            assert given_rows == arrived


@given(st.lists(ROWS | TEXT), st.integers(1, 4), st.integers(3, 200))
def test_a_message_keeps_its_limits_and_holds_only_what_sqs_takes(rows, sales, bytes_max):
    for message in pack(rows, fifo_groups=None, sales_per_message=sales, bytes_max=bytes_max):
        assert 1 <= message.sales <= sales
        assert message.size_bytes == len(message.body.encode())
        assert message.size_bytes <= bytes_max or message.sales == 1
        assert sqs_takes(message.body)


def test_a_body_is_a_compact_json_array():
    row = {"product_id": "A#é", "quantity": -2, "unit_price": -11062.06}
    (message,) = pack([row, row], fifo_groups=None)
    one = '{"product_id":"A#\\u00e9","quantity":-2,"unit_price":-11062.06}'
    assert message == PackedMessage(f"[{one},{one}]", None, 2)


def test_the_sales_of_a_product_at_a_location_stay_in_one_group():
    rows = [{"product_id": f"P{n % 50}", "location_id": "L", "event_id": str(n)} for n in range(1_000)]
    groups: dict[str, set[str | None]] = {}
    for message in pack(rows, fifo_groups=8, sales_per_message=7):
        for row in json.loads(message.body):
            groups.setdefault(row["product_id"], set()).add(message.group_id)
    assert all(len(of_product) == 1 for of_product in groups.values())
    assert {f"g{n}" for n in range(8)} == set().union(*groups.values())


def test_a_group_is_the_same_in_every_process():
    (message,) = pack([{"product_id": "85123A", "location_id": None}], fifo_groups=64)
    (again,) = pack([{"product_id": "85123A"}], fifo_groups=64)
    assert message.group_id == "g4"
    assert again.group_id == "g4"


PRODUCTS = st.fixed_dictionaries({"product_id": st.text(max_size=3), "location_id": st.none() | st.text(max_size=1)})


@given(TEXT, TEXT | st.none(), st.integers(1, 64))
def test_a_partition_is_what_any_language_can_compute(product_id, location_id, partitions):
    name = product_id.encode("utf-8", "surrogatepass") + b"\x00" + (location_id or "").encode("utf-8", "surrogatepass")
    assert partition_of(product_id, location_id, partitions) == zlib.crc32(name) % partitions


@pytest.mark.parametrize(
    ("product_id", "location_id", "number"),
    [("85123A", None, 1_534_797_508), ("P1", "LEEDS", 536_828_522), ("Grüße #1", "北", 3_352_527_318)],
)
@pytest.mark.parametrize("partitions", [1, 2, 8, 64])
def test_the_examples_of_the_docs_hold(product_id, location_id, number, partitions):
    assert partition_of(product_id, location_id, partitions) == number % partitions
    page = (Path(__file__).parents[2] / "docs" / "messages.md").read_text()
    place = f"`{location_id}` " if location_id else ""
    assert f"| `{product_id}` | {place}| {number} | {number % 8} |" in page


@given(st.lists(PRODUCTS, max_size=30), st.integers(1, 8), st.none() | st.integers(1, 4), st.integers(1, 4))
def test_all_sales_of_a_message_belong_to_its_partition_and_a_product_to_one(rows, partitions, groups, sales):
    messages = list(pack(rows, fifo_groups=groups, partitions=partitions, sales_per_message=sales))
    packed = [(row, message.partition) for message in messages for row in json.loads(message.body)]
    assert {(r["product_id"], r["location_id"] or None, at) for r, at in packed} == {
        (r["product_id"], r["location_id"] or None, partition_of(r["product_id"], r["location_id"], partitions))
        for r in rows
    }
    assert len(packed) == len(rows)


@given(st.lists(PRODUCTS), st.integers(1, 8))
def test_a_products_sales_keep_their_order_in_their_partition(rows, partitions):
    numbered = [{**row, "event_id": number} for number, row in enumerate(rows)]
    arrived: dict[tuple, list[int]] = {}
    for message in pack(numbered, fifo_groups=None, partitions=partitions, sales_per_message=3):
        for row in json.loads(message.body):
            arrived.setdefault((row["product_id"], row["location_id"] or None), []).append(row["event_id"])
    assert all(order == sorted(order) for order in arrived.values())


def test_the_products_of_a_partition_are_spread_over_all_groups():
    rows = [{"product_id": f"P{n}"} for n in range(1_000)]
    groups: dict[int, set[str | None]] = {}
    for message in pack(rows, fifo_groups=8, partitions=8):
        groups.setdefault(message.partition, set()).add(message.group_id)
    assert all(of_partition == {f"g{n}" for n in range(8)} for of_partition in groups.values())
    assert set(groups) == set(range(8))


def test_text_that_is_no_json_goes_verbatim():
    (message,) = pack(['{"product_id": "A", '], fifo_groups=None)
    assert message == PackedMessage('{"product_id": "A", ', None, 1)


@pytest.mark.parametrize("text", ["", "  ", "a\x00b", "\ud800", "\ufffe", "[]", "5", "{}", "[" * 100_000])
def test_text_that_would_be_refused_or_taken_for_something_else_is_wrapped_without_loss(text):
    (message,) = pack([text], fifo_groups=None)
    assert json.loads(message.body) == [text]
    assert sqs_takes(message.body)


def test_a_long_row_goes_alone_and_its_neighbours_stay_together():
    small, long = {"product_id": "A"}, {"product_id": "B" * 500}
    messages = list(pack([small, small, long, small], fifo_groups=None, bytes_max=100))
    assert [message.sales for message in messages] == [2, 1, 1]
    assert [message.oversized for message in messages] == [False, False, False]


def test_only_a_body_beyond_the_limit_of_sqs_is_oversized():
    def oversized(text: str) -> bool:
        return next(pack([text], fifo_groups=None)).oversized

    assert not oversized("x" * SQS_BODY_BYTES_MAX)
    assert oversized("x" * (SQS_BODY_BYTES_MAX + 1))
    assert oversized("é" * (SQS_BODY_BYTES_MAX // 2 + 1))


def test_money_and_times_of_a_customer_keep_their_digits():
    (message,) = pack([{"product_id": "A", "unit_price": Decimal("19.990000000000000001")}], fifo_groups=None)
    assert json.loads(message.body) == [{"product_id": "A", "unit_price": "19.990000000000000001"}]


def test_what_is_no_json_is_the_callers_error():
    with pytest.raises(ValueError, match="not JSON compliant"):
        list(pack([{"quantity": math.nan}], fifo_groups=None))
    with pytest.raises(TypeError, match="a sale cannot carry a bytes"):
        list(pack([{"product_id": b"A"}], fifo_groups=None))


@pytest.mark.parametrize(
    "limits", [{"fifo_groups": 0}, {"partitions": 0}, {"sales_per_message": 0}, {"bytes_max": 2}, {"bytes_max": 2**21}]
)
def test_limits_that_cannot_work_are_refused(limits):
    with pytest.raises(ValueError, match="pack needs"):
        list(pack([], **{"fifo_groups": None, **limits}))


@given(st.lists(st.integers(1, 30)), st.integers(1, 10), st.integers(30, 100))
def test_batches_keep_every_message_in_order_and_both_limits(sizes, entries_max, bytes_max):
    messages = [PackedMessage("é" * (size // 2) + "x" * (size % 2), None, 1) for size in sizes]
    calls = list(batches(messages, entries_max, bytes_max))
    assert [message for call in calls for message in call] == messages
    for call in calls:
        assert 1 <= len(call) <= entries_max
        assert sum(len(message.body.encode()) for message in call) <= bytes_max


def test_a_message_that_fits_no_batch_is_the_callers_error():
    with pytest.raises(ValueError, match="send a pointer"):
        list(batches([PackedMessage("x" * (SQS_BODY_BYTES_MAX + 1), None, 1)]))


@given(TEXT, TEXT)
def test_a_pointer_is_read_back(bucket, key):
    assert read_pointer(pointer_body(bucket, key)) == (bucket, key)


def test_a_pointer_has_the_form_of_amazons_extended_client():
    expected = '["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"b","s3Key":"k"}]'
    assert pointer_body("b", "k") == expected
    older = '["com.amazon.sqs.javamessaging.MessageS3Pointer", {"s3BucketName": "b", "s3Key": "k"}]'
    assert read_pointer(older) == ("b", "k")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        '[{"product_id":"A"}]',
        '["software.amazon.payloadoffloading.PayloadS3Pointer"]',
        '["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"b"}]',
        '["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"b","s3Key":1}]',
        '["software.amazon.payloadoffloading.PayloadS3Pointer",',
        '["software.amazon.payloadoffloading.PayloadS3Pointer",' + "[" * 100_000,
    ],
)
def test_what_is_no_pointer_points_nowhere(body):
    assert read_pointer(body) is None
