"""Does an item of the shop's table tell the very sale that its row tells?"""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.decode import decode
from worker.local.items import item_of, sale_of
from worker.producer import pack
from worker.sources.shards.records import as_json

NOW = 1_800_000_000_000
ROW = {"product_id": "A", "occurred_at": "2024-03-01T10:00:00Z", "quantity": 2, "event_id": "e1"}
IDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8) | st.sampled_from(["a#b", "#", "é 💥"])
TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2024, 12, 31)).map(datetime.isoformat)  # noqa: DTZ001
PRICES = (
    st.integers(-(10**6), 10**6)
    | st.floats(-(10**6), 10**6).filter(lambda price: not 0 < abs(price) < 1e-120)  # DynamoDB's end at 1E-130
    | st.decimals(-(10**6), 10**6, allow_nan=False, places=6).map(str)
)
ROWS = st.fixed_dictionaries(
    {
        "product_id": IDS,
        "event_id": IDS,
        "quantity": st.integers(-1000, 1000),
        "occurred_at": TIMES
        | TIMES.map(lambda time: f"{time}+05:30")
        | st.dates(date(1971, 1, 1), date(2024, 12, 31)).map(str),
    },
    optional={
        "unit_price": PRICES,
        "location_id": IDS | st.just(""),
        "promotion": st.booleans() | st.sampled_from(["yes", "no", 1, "0"]),
        "category": st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
    },
)


def told_by_queue(row):
    (message,) = pack([row], fifo_groups=None)
    ((decoded,), []) = decode(message.body, "m", NOW)
    return decoded.event


def told_by_stream(item):
    keys = {name: item[name] for name in ("product_id", "sale_date")}
    record = {"eventID": "r", "eventName": "INSERT", "dynamodb": {"Keys": keys, "NewImage": item}}
    ((decoded,), []) = decode(as_json(record, "arn"), "r", NOW)
    return decoded.event


def item(**said):
    row = {**ROW, **said}
    return item_of(row, sale_of(row))


@given(ROWS)
def test_the_queue_and_the_stream_tell_the_same_sale(row):
    assert told_by_stream(item_of(row, sale_of(row))) == told_by_queue(row)


def test_an_item_says_what_a_shop_would_write():
    assert item(
        unit_price=2.50, occurred_at="2024-03-01T10:00:00.123456+01:00", location_id="L", category="Lights"
    ) == {
        "product_id": {"S": "A"},
        "sale_date": {"S": "2024-03-01T09:00:00.123Z#e1"},
        "event_id": {"S": "e1"},
        "quantity": {"N": "2"},
        "promotion": {"BOOL": False},
        "unit_price": {"N": "2.5"},
        "location_id": {"S": "L"},
        "category": {"S": "Lights"},
    }


def test_a_price_keeps_every_digit():
    assert item(unit_price="2.550")["unit_price"] == {"N": "2.550"}
    assert item(unit_price=1e-7)["unit_price"] == {"N": "0.0000001"}
    assert item(unit_price=Decimal("1E+2"))["unit_price"] == {"N": "100"}
    assert "unit_price" not in item()


@pytest.mark.parametrize(
    "said",
    [
        {"event_id": None},
        {"event_id": ""},
        {"event_id": "💥" * 250},  # a sort key is at most 1,024 bytes long
        {"unit_price": "0." + "1" * 39},
        {"unit_price": "1E-140"},
        {"price": 3},  # another name than the one an item has for it
    ],
    ids=str,
)
def test_what_an_item_cannot_tell_exactly_is_none(said):
    row = {**ROW, **said}
    assert sale_of(row) is not None
    assert item_of(row, sale_of(row)) is None


@pytest.mark.parametrize("row", ["no row", {**ROW, "quantity": "x"}, {**ROW, "type": "stock_changed", "level": 1}, {}])
def test_what_is_no_sale_left_no_shelf(row):
    assert sale_of(row) is None
