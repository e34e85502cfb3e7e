"""Does the short way read exactly what the full reader reads, and leave everything else to it?"""

from __future__ import annotations

import json

import pytest
from fakes.clock import NOW
from hypothesis import example, given
from hypothesis import strategies as st

from worker.decode import decode, read, read_singles
from worker.plain_sales import plain_sales
from worker.plain_singles import plain_singles

SALE = {
    "product_id": "85123A",
    "event_id": "e1",
    "occurred_at": "2024-06-01T10:00:00Z",
    "quantity": 3,
    "unit_price": 1.99,
    "promotion": False,
    "category": "mugs",
    "location_id": "north",
}

texts = st.text(max_size=5) | st.sampled_from(["", " ", "a" * 257, "Ä#%", "sale_recorded", "2024-06-01", "1", "null"])
numbers = st.integers(-(10**9), 10**9) | st.floats() | st.sampled_from([0, -1, 3.0, 1e8, 10**8 + 1, 0.145, 1e-9, 29.99])
prices = st.integers(-(10**11), 10**11).map(lambda cents: cents / 100) | st.floats(-(10**9), 10**9)
odd = st.none() | st.booleans() | texts | numbers | st.lists(st.integers(0, 2), max_size=2) | st.just({})
times = st.datetimes().map(lambda moment: moment.isoformat()) | st.sampled_from(
    [
        "2024-06-01",
        "20240601T10Z",
        "2024-06-01T10:00:00.123456+02:00",
        "2024-W22-6",
        " 2024-06-01",
        "9999-12-31",
        "never",
    ]
)
NAMES = [
    "price",
    "type",
    "Type",
    "detail",
    "detail-type",
    "lines",
    "items",
    "line_items",
    "dynamodb",
    "eventName",
    "Records",
]
fields = st.fixed_dictionaries(
    {},
    optional={
        "product_id": texts | odd,
        "event_id": texts | odd,
        "occurred_at": times | odd,
        "quantity": st.integers(-5, 10**8) | odd,
        "unit_price": prices | odd,
        "promotion": st.booleans() | odd,
        "category": texts | odd,
        "location_id": texts | odd,
        "sale_date": times,
        "quantity_sold": odd,
        "date": times,
        "price": prices | odd,
        "season": odd,
        **dict.fromkeys(NAMES, odd),
    },
)
nearly = st.builds(
    lambda changed, left_out: {k: v for k, v in (SALE | changed).items() if k not in left_out},
    fields,
    st.sets(st.sampled_from(sorted(SALE)), max_size=3),
)
sales = (
    st.just(SALE) | nearly | st.builds(lambda name, value: SALE | {name: value}, st.sampled_from([*SALE, *NAMES]), odd)
)
bodies = (sales | st.lists(sales, max_size=4) | odd).map(json.dumps)


@given(body=bodies)
@example(body=json.dumps(SALE)[:-1] + ', "quantity": 4}')
@example(body=json.dumps([SALE, SALE | {"unit_price": 0.285}]))
@example(body=json.dumps(SALE | {"product_id": "\ud800"}))
@example(body=json.dumps(SALE | {"unit_price": 1e308}))
@example(body=json.dumps(SALE | {"quantity": 10**8, "unit_price": 10**9}))
@example(body=json.dumps(SALE | {"type": "shipment_received", "reorder_id": "x:1"}))
@example(body=json.dumps({"product_id": "a", "occurred_at": "2024-06-01", "quantity": 3, "price": 19.99}))
@example(body=json.dumps(SALE | {"lines": [SALE, SALE]}))
@example(body=" " + json.dumps([SALE]))
@example(body='[{"product_id": "a", "occurred_at": "2024-06-01", "quantity": 1, "unit_price": NaN}]')
def test_what_the_short_way_reads_is_what_the_full_reader_reads(body):
    lines, rejected = decode(body, "m1", NOW)
    events = [line.event for line in lines]
    short = plain_sales(body, "m1", NOW)
    if short is not None:
        assert (short, []) == (events, rejected)
    either, refused = read(body, "m1", NOW)
    # By what they print: a line that holds NaN is not equal to itself.
    assert repr((list(either), list(refused))) == repr((events, rejected))


@given(bodies=st.lists(st.just(json.dumps(SALE)) | (sales | odd).map(json.dumps), max_size=5))
@example(bodies=[json.dumps(SALE), json.dumps(SALE)[:-1], "}", json.dumps(SALE)])
@example(
    bodies=[json.dumps(SALE)[:-1] + ', "more": [{"a": 1}', '{"b": 2}]}', json.dumps(SALE) + "," + json.dumps(SALE)]
)
@example(bodies=[json.dumps(SALE) + "," + json.dumps(SALE)])
@example(bodies=[json.dumps(SALE | {"category": "{"}), json.dumps(SALE | {"category": "}"})])
@example(bodies=['{"product_id":"x","event_id":"a}', '{","occurred_at":"2024-06-01","quantity":1}'])
@example(bodies=['{"product_id":"x","occurred_at":"a}', '{","occurred_at":"2024-06-01","quantity":1}'])
@example(bodies=[" " + json.dumps(SALE), json.dumps(SALE) + "\n"])
def test_many_bodies_at_once_are_read_as_each_alone(bodies):
    """What one body begins no other may end, whatever they make together."""
    ids = [f"m{number}" for number in range(len(bodies))]
    alone = [decode(body, message_id, NOW) for body, message_id in zip(bodies, ids, strict=True)]
    expected = [([line.event for line in lines], rejected) for lines, rejected in alone]
    sales, rows, others = read_singles(bodies, ids, NOW)
    together = {row: ([sales.sale(at)], []) for at, row in enumerate(rows)}
    together |= {row: (list(events), list(rejected)) for row, (events, rejected) in others.items()}
    assert repr([together[row] for row in range(len(bodies))]) == repr(expected)


def test_plain_sales_in_many_bodies_are_read_all_at_once():
    bodies = [json.dumps(SALE | {"event_id": f"e{n}"}) for n in range(3)]
    assert [*plain_singles(bodies, ["a", "b", "c"], NOW).sales.event_id] == ["e0", "e1", "e2"]
    nameless = json.dumps({name: value for name, value in SALE.items() if name != "event_id"})
    assert [*plain_singles([nameless] * 2, ["a", "b"], NOW).sales.event_id] == ["a-0", "b-0"]


@pytest.mark.parametrize("left_out", [(), ("event_id",), ("unit_price", "promotion"), ("category", "location_id")])
def test_a_sale_as_it_is_documented_takes_the_short_way(left_out):
    sale = {name: value for name, value in SALE.items() if name not in left_out}
    assert plain_sales(json.dumps(sale), "m1", NOW) is not None
    assert len(plain_sales(json.dumps([sale] * 100), "m1", NOW)) == 100
    assert plain_sales(json.dumps(sale | {"season": "winter", "type": "sale_recorded"}), "m1", NOW) is not None


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("type", "detail-type")])
def test_what_may_be_more_than_a_sale_does_not(name):
    for value in (1, "x", None, [], {}):
        if name != "eventName":
            assert plain_sales(json.dumps(SALE | {name: value}), "m1", NOW) is None


def test_a_sale_from_the_future_or_before_time_began_is_left_to_the_reader_that_says_so():
    for moment in ("2999-01-01", "1969-12-31"):
        assert plain_sales(json.dumps(SALE | {"occurred_at": moment}), "m1", NOW) is None
