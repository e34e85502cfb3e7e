"""What may stand in a message, and must every reader of it hold?

Whatever comes is read or refused with a reason, the same each time; the short way finds what the long way finds; and
a small message never becomes a large one in memory."""

from __future__ import annotations

import json
from contextlib import suppress

from domain.events import SaleRecorded
from handlers.errors import InvalidEvent
from handlers.order_ports import InvalidRules
from worker.decode import as_text, decode, read, read_singles
from worker.dynamodb_json import plain
from worker.json_text import parse
from worker.lambda_entry import messages_of
from worker.order_lines import LINES_MAX
from worker.plain_sales import plain_sales
from worker.producer import pack, pointer_body, read_pointer
from worker.replay.stored_events import in_span, json_values
from worker.rules.formats import rules_in
from worker.suppliers.messages import read_messages

NOW = 1_735_689_600_000
FIELDS = {"product_id": "sku", "event_id": "no", "lines": "positions", "quantity": "qty"}
PLAIN = '{"product_id":"A","occurred_at":"2024-09-01","quantity":1}'
NAMES = ("INSERT", "MODIFY", "REMOVE")


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def body(data: bytes) -> None:
    """worker/decode.py, long way and short, alone and among others."""
    said = text_of(data)
    events, rejected = decode(said, "m", NOW)
    assert len(events) + len(rejected) <= LINES_MAX
    assert all(line.reason for line in rejected)
    texts = [(line.line_id, line.reason, as_text(line.line)) for line in rejected]
    assert len({line_id for line_id, _, _ in texts} | {line.line_id for line in events}) == len(events) + len(rejected)
    once, refused = read(said, "m", NOW)
    assert list(once) == [line.event for line in events]
    assert [(line.line_id, line.reason, as_text(line.line)) for line in refused] == texts
    if said[:1] == "{" and said.count("{") == 1:  # what intake reads together
        sales, rows, others = read_singles([PLAIN, said, PLAIN], ["a", "m", "b"], NOW)
        found = {row: ([sales.sale(place)], ()) for place, row in enumerate(rows)} | dict(others)
        assert list(found[1][0]) == list(once)
        assert [as_text(line.line) for line in found[1][1]] == [text for _, _, text in texts]
        assert [len(found[row][0]) for row in (0, 2)] == [1, 1]


def plain_sale(data: bytes) -> None:
    """worker/plain_sales.py reads what it reads as worker/decode.py does."""
    said = text_of(data)
    sales = plain_sales(said, "m", NOW)
    if sales is not None:
        events, rejected = decode(said, "m", NOW)
        assert not rejected
        assert [line.event for line in events] == sales
        assert all(type(sale) is SaleRecorded for sale in sales)


def stream_record(data: bytes) -> None:
    """worker/stream_images.py: any images under a record's three names, with a table's own fields and without."""
    name, images = NAMES[data[0] % 3] if data else NAMES[0], text_of(data[1:])
    record = f'{{"eventID":"1","eventName":"{name}","dynamodb":{images}}}'
    for fields in ({}, FIELDS):
        first, second = (decode(record, "m", NOW, fields) for _ in range(2))
        assert [line.event for line in first[0]] == [line.event for line in second[0]]
        assert [line.reason for line in first[1]] == [line.reason for line in second[1]]


def json_text(data: bytes) -> None:
    """worker/json_text.py: a broken element costs no other."""
    said = text_of(data)
    with suppress(InvalidEvent):
        parse(said)
    assert len(parse(f"[{PLAIN},{{broken}},{PLAIN}]")) == 3
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        return
    assert json.dumps(parse(said)) == json.dumps(value)


def dynamodb_json(data: bytes) -> None:
    """worker/dynamodb_json.py: plain values, or one of the errors that its callers refuse an image for."""
    try:
        image = json.loads(text_of(data))
    except (ValueError, RecursionError):
        return
    try:
        plain(image)
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return


def pointer(data: bytes) -> None:
    """worker/producer.py: what points to S3, and what does not."""
    said = text_of(data)
    read_pointer(said)
    bucket, _, key = said.partition("/")
    assert read_pointer(pointer_body(bucket, key)) == (bucket, key)


def packed_line(data: bytes) -> None:
    """worker/producer.py: a line that could not be read arrives as one refused line."""
    (message,) = pack([text_of(data)], fifo_groups=None)
    events, rejected = decode(message.body, "m", NOW)
    assert len(rejected) == 1, (events, rejected)
    assert not events


def stored_events(data: bytes) -> None:
    """worker/replay/stored_events.py: nothing of an object is lost."""
    said = text_of(data)
    values = list(json_values(said))
    assert "".join("".join(values).split()) == "".join(said.split())
    for value in values:
        in_span(value, (0, NOW))


def supplier_message(data: bytes) -> None:
    """worker/suppliers/messages.py: what a supplier's message becomes on the queue is an event there."""
    try:
        said = json.loads(text_of(data))
    except (ValueError, RecursionError):
        return
    for row in read_messages(said if isinstance(said, list) else [said], NOW).rows:
        (message,) = pack([row], fifo_groups=None)
        events, rejected = decode(message.body, "m", NOW)
        assert not rejected, (row, rejected)
        assert len(events) == 1


def rules_file(data: bytes) -> None:
    """worker/rules/formats.py: rules, or InvalidRules."""
    for ending in ("json", "toml", "csv"):
        with suppress(InvalidRules):
            rules_in(data, f"rules.{ending}")


def lambda_event(data: bytes) -> None:
    """worker/lambda_entry.py: a batch of messages, or an event that Lambda may send again."""
    try:
        event = json.loads(text_of(data))
    except (ValueError, RecursionError):
        return
    try:
        for _, message in messages_of(event):
            read(message.body, message.message_id, NOW)
    except (ValueError, KeyError, TypeError, RecursionError):
        return
