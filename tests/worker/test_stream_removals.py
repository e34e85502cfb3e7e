"""What is taken back of a removed item, and what becomes of a record that nobody can read?"""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from fakes.clock import NOW
from stream_records import (
    EXPIRED,
    NEEDS_BOTH,
    A,
    B,
    corrected,
    decoded,
    events_of,
    image,
    insert,
    line,
    modify,
    order,
    reasons_of,
    record,
    remove,
    sold,
    written_at,
)

from domain.events import MS_PER_DAY
from worker.decode import decode
from worker.order_lines import LINES_MAX
from worker.schema import FUTURE_MS
from worker.stream_images import record_lines

# A removed item


def test_a_removed_item_is_taken_back():
    expected = corrected(sales=-1, sold=-6, revenue=-900, promoted=-6)
    assert events_of(remove(sold(6, promotion=True))) == [expected]


def test_a_removed_order_is_taken_back_line_by_line():
    assert events_of(remove(order(line("A", 1), line("B", -2), line("A", 3)))) == [
        corrected("x1-0", A, sales=-2, sold=-4, revenue=-400),
        corrected("x1-1", B, sales=-1, returned=-2, refunded=-200),
    ]


def test_a_sale_of_nothing_was_a_sale():
    assert events_of(remove(sold(0))) == [corrected(sales=-1)]


@pytest.mark.parametrize(
    "identity",
    [
        EXPIRED,
        {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"},
        {"Type": "Service", "principalId": "dynamodb.amazonaws.com"},
    ],
    ids=str,
)
def test_an_item_that_expired_was_sold_all_the_same(identity):
    assert decoded(remove(sold(), userIdentity=identity)) == ([], [])
    assert decoded(remove(None, userIdentity=identity, event_id=None)) == ([], []), "whatever the stream shows"


@pytest.mark.parametrize(
    "identity",
    [
        None,
        {},
        "Service",
        [EXPIRED],
        {**EXPIRED, "type": "User"},
        {**EXPIRED, "principalId": "arn:aws:iam::1:user/x"},
        {"type": "Service"},
    ],
    ids=str,
)
def test_whoever_else_removes_an_item_takes_it_back(identity):
    [event] = events_of(remove(sold(), userIdentity=identity))
    assert event.sold == -6


def test_a_change_by_dynamodb_itself_is_a_change():
    assert len(events_of(modify(sold(6), sold(4), userIdentity=EXPIRED))) == 1


# What cannot be read


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (insert(None), NEEDS_BOTH),
        (modify(None, sold()), NEEDS_BOTH),
        (modify(sold(), None), NEEDS_BOTH),
        (modify(None, None), NEEDS_BOTH),
        (remove(None), NEEDS_BOTH),
        (record("REMOVE", None, sold()), NEEDS_BOTH),
        (modify(sold(6), sold(4), event_id=None), "eventID"),
        (modify(sold(6), sold(4), event_id=""), "eventID"),
        (modify(sold(6), sold(4), event_id="x" * 300), "eventID"),
        (modify(sold(6), sold(4), event_id="\ud800"), "eventID"),
        (remove(sold(), event_id=5), "eventID"),
        (record("UNKNOWN_TO_SDK_VERSION", sold(), sold()), "UNKNOWN_TO_SDK_VERSION"),
        (record(None, sold(), sold()), "eventName"),
        (record(["INSERT"], sold(), sold()), "eventName"),
        (record("insert", sold(), sold()), "eventName"),
        (record("\ud800", sold(), sold()), "eventName"),
        (modify({"a": 1}, sold()), "not DynamoDB JSON"),
        (modify(sold(), {"a": {"N": "many"}}), "not DynamoDB JSON"),
        (remove({"a": {"\ud800": 1}}), "not DynamoDB JSON"),
        ({**insert(sold()), "dynamodb": {"NewImage": sold(), "Keys": {"a": {"S": "\ud800"}}}}, "not DynamoDB JSON"),
        ({**insert(sold()), "dynamodb": {"NewImage": sold(), "Keys": 5}}, "not DynamoDB JSON"),
        (modify(order(*[{}] * (LINES_MAX + 1)), order()), f"more than {LINES_MAX} lines"),
        (modify(order(), order(*[{}] * (LINES_MAX + 1))), f"more than {LINES_MAX} lines"),
    ],
    ids=lambda said: said if isinstance(said, str) else "",
)
def test_a_record_that_cannot_be_read_is_quarantined_with_the_reason(said, reason):
    [told] = reasons_of(said)
    assert reason in told
    told.encode()
    events, rejected = decoded([said, insert(sold())])
    assert ([d.line_id for d in events], [r.line_id for r in rejected]) == (["m-1"], ["m-0"])


STOCK = image(type="stock_changed", product_id="A", sale_date="2024-10-01#s1", level=5)


@pytest.mark.parametrize("said", [modify(STOCK, STOCK), remove(STOCK), modify(sold("many"), STOCK)])
def test_only_sales_can_be_corrected(said):
    assert reasons_of(said) == ["only sales can be corrected"]


def test_a_sale_that_becomes_something_else_is_withdrawn_and_the_other_way_round():
    events, [rejected] = decoded(modify(sold(6), STOCK))
    assert ([d.event.sold for d in events], rejected.reason) == ([-6], "only sales can be corrected")
    assert events_of(modify(STOCK, sold(6))) == [corrected(sales=1, sold=6, revenue=900)]


def test_what_is_no_sale_under_the_id_of_one_is_a_bad_line():
    same = sold(6, event_id="s1")
    assert reasons_of(modify(same, STOCK)) == ["only sales can be corrected"], "it may become one again"
    assert events_of(modify(STOCK, same)) == events_of(insert(same))


def test_an_image_deeper_than_python_goes_is_no_image():
    deep = '{"M":{"a":' * 400 + '{"S":"x"}' + "}}" * 400
    body = json.dumps(insert(sold())).replace('{"S": "A"}', deep, 1)
    events, [rejected] = decode(body, "m", NOW)
    assert events == []
    assert rejected.reason.startswith("not DynamoDB JSON")


# The future


def ahead(ms, quantity=6, name="e1"):
    at = (NOW + FUTURE_MS + ms) / 1000
    return sold(quantity, sale_date=..., occurred_at=Decimal(str(at)), event_id=name)


def test_what_lies_in_the_future_is_no_valid_image():
    assert reasons_of(insert(ahead(1))) == ["occurred_at: in the future"]
    assert reasons_of(modify(sold(6), ahead(MS_PER_DAY))) == ["occurred_at: in the future"]
    assert events_of(modify(ahead(1), sold(6))) == events_of(insert(sold(6))), "it was not counted"
    assert decoded(remove(ahead(1))) == ([], [])
    assert len(events_of(remove(ahead(0)))) == 1


@pytest.mark.parametrize("name", ["e1", "e2"])
@pytest.mark.parametrize(
    "change",
    [insert, remove, lambda item: modify(sold(6), item), lambda item: modify(item, sold(6))],
    ids=["new", "removed", "changed", "mended"],
)
@pytest.mark.parametrize("ms", [0, 1, MS_PER_DAY])
def test_a_record_tells_the_same_whenever_it_is_read(change, ms, name):
    said = written_at(change(ahead(ms, name=name)), NOW / 1000)
    first = decoded(said)
    assert decoded(said, now=NOW + 2 * MS_PER_DAY) == first
    assert decoded(said, now=NOW - FUTURE_MS) == first
    assert any(r.reason == "occurred_at: in the future" for r in first[1]) == (
        ms > 0 and said["dynamodb"].get("NewImage") == ahead(ms, name=name)
    )


@pytest.mark.parametrize("at", [NOW // 1000 - 86_400, NOW / 1000 - 86_400, Decimal(NOW - MS_PER_DAY) / 1000], ids=repr)
def test_what_was_the_future_when_a_record_was_written_stays_it(at):
    """A body in JSON has no Decimal, a record from elsewhere may."""
    item = sold(sale_date=..., occurred_at=NOW, event_id="e1")
    assert len(events_of(insert(item))) == 1
    [told] = record_lines(written_at(insert(item), at), {}, NOW)
    assert told.told_at == NOW - MS_PER_DAY
    if not isinstance(at, Decimal):
        assert reasons_of(written_at(insert(item), at)) == ["occurred_at: in the future"]


@pytest.mark.parametrize(
    "at",
    [
        None,
        "1727771163",
        True,
        [1],
        {},
        -1,
        float("nan"),
        float("inf"),
        float("-inf"),
        10**400,
        -(10**400),
        (NOW + FUTURE_MS + 1) / 1000,
        NOW,
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("9E+999999"),
    ],
    ids=lambda said: f"{said!r:.20}",
)
def test_a_time_of_writing_that_cannot_be_is_none(at):
    [told] = record_lines(written_at(insert(sold()), at), {}, NOW)
    assert told.told_at == NOW


def test_a_record_may_be_written_a_little_ahead_of_our_clock():
    [told] = record_lines(written_at(insert(sold()), (NOW + FUTURE_MS) / 1000), {}, NOW)
    assert told.told_at == NOW + FUTURE_MS
