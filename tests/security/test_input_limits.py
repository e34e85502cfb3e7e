"""A message as large as SQS lets through costs seconds and memory that are known, whatever is in it."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest

from worker.decode import decode
from worker.order_lines import LINES_MAX
from worker.producer import SQS_BODY_BYTES_MAX

NOW = 1_735_689_600_000
# On a busy machine; each takes a second or less on a quiet one. A message is ours for two minutes.
SECONDS_MAX = 20
PEAK_MB_MAX = 700
SALE = '{"product_id":"A","occurred_at":"2024-09-01","quantity":1}'


def many(element, *, opening="[", closing="]"):
    """As many of an element, with commas between them, as fit into one message."""
    return opening + ",".join([element] * ((SQS_BODY_BYTES_MAX - 100) // (len(element) + 1))) + closing


def image(lines):
    item = {"order_id": {"S": "o"}, "date": {"S": "2024-09-01"}, "lines": {"L": lines}}
    return json.dumps({"eventID": "1", "eventName": "INSERT", "dynamodb": {"NewImage": item}}, separators=(",", ":"))


def wrapped(message):
    return json.dumps({"Type": "Notification", "Message": message})


HOSTILE = {
    "opening brackets": "[" * SQS_BODY_BYTES_MAX,
    "nested objects": '{"a":' * (SQS_BODY_BYTES_MAX // 5),
    "empty objects": many("{}"),
    "numbers": many("1"),
    "sales": many(SALE),
    "broken elements": many("{"),
    "broken commas": many("1", closing=""),
    "quotes": '["' + '\\"' * (SQS_BODY_BYTES_MAX // 2 - 4),
    "one long number": '{"product_id":"A","occurred_at":"2024-09-01","quantity":' + "9" * 1_000_000 + "}",
    "one long fraction": '{"product_id":"A","occurred_at":"2024-09-01","quantity":1,"price":0.' + "1" * 1_000_000 + "}",
    "one long text": '{"product_id":"' + "é" * 500_000 + '","occurred_at":"2024-09-01","quantity":1}',
    "lines of an order": many("1", opening='{"product_id":"A","date":"2024-09-01","lines":[', closing="]}"),
    "fields of an order": '{"lines":[{},{}],' + ",".join(f'"f{n}":0' for n in range(90_000)) + "}",
    "lines of an image": image([{"M": {"product_id": {"S": "A"}, "quantity": {"N": "1"}}}] * 15_000),
    "wrapped in itself": wrapped(wrapped(many("1")[:400_000])),
    "lone surrogates": many('"\\ud800"'),
    "exponents": many('{"product_id":"A","occurred_at":"2024-09-01","quantity":1,"price":1e-999999999}'),
    "an image of large numbers": image([{"M": {"product_id": {"S": "A"}, "quantity": {"N": "1E+999999999"}}}] * 10_000),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_message_has_a_price_that_is_known(what):
    body = HOSTILE[what]
    assert len(body.encode()) <= 1.1 * SQS_BODY_BYTES_MAX
    tracemalloc.start()
    started = time.process_time()
    try:
        events, rejected = decode(body, "m", NOW)
        took_s, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0 < len(events) + len(rejected) <= LINES_MAX
    assert took_s < SECONDS_MAX
    assert peak < PEAK_MB_MAX * 1_000_000
    if len(rejected) == 1:
        assert len(rejected[0].reason) < 300
