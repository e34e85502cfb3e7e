"""Records of a table's stream, as its tests write them, and what the worker reads of them."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

from fakes.clock import NOW

from domain.buckets import Bucket, bucket_of
from domain.events import MS_PER_DAY, ProductKey, SaleCorrected
from domain.folding import fold
from domain.product import ProductState
from worker.decode import decode

GOLDEN = Path(__file__).parent / "golden"
A, B = ProductKey("A"), ProductKey("B")
DAY = 19_997  # 2024-10-01
AT = DAY * MS_PER_DAY
EXPIRED = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
NUMBERED = {"event_id": "id", "lines": "order_lines", "product_id": "sku", "quantity": "qty"}
NEEDS_BOTH = "the stream must show NEW_AND_OLD_IMAGES"


def attribute(value):
    """A plain value in DynamoDB's JSON."""
    match value:
        case bool():
            return {"BOOL": value}
        case None:
            return {"NULL": True}
        case int() | float() | Decimal():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case list():
            return {"L": [attribute(each) for each in value]}
    return {"M": {name: attribute(each) for name, each in value.items()}}


def image(**fields):
    return {name: attribute(value) for name, value in fields.items()}


def numbered(order_id, *lines):
    return image(id=order_id, sale_date="2024-10-01", order_lines=list(lines))


def sold(quantity=6, **said):
    fields = {"product_id": "A", "sale_date": "2024-10-01#e1", "quantity": quantity, "price": Decimal("1.50"), **said}
    return image(**{name: value for name, value in fields.items() if value is not ...})


def record(name, old=None, new=None, event_id="x1", keys=("product_id", "sale_date"), **said):
    some = new or old or {}
    images = {"OldImage": old, "NewImage": new}
    body = {"Keys": {k: some[k] for k in keys if k in some}, **{n: i for n, i in images.items() if i is not None}}
    return {"eventID": event_id, "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": body, **said}


def insert(new, **said):
    return record("INSERT", None, new, **said)


def modify(old, new, **said):
    return record("MODIFY", old, new, **said)


def remove(old, **said):
    return record("REMOVE", old, **said)


def decoded(said, table_fields=None, now=NOW):
    return decode(json.dumps(said), "m", now, table_fields or {})


def events_of(said, table_fields=None):
    events, rejected = decoded(said, table_fields)
    assert rejected == []
    return [line.event for line in events]


def reasons_of(said, table_fields=None):
    events, rejected = decoded(said, table_fields)
    assert events == []
    return [line.reason for line in rejected]


def corrected(event_id="x1", product=A, at=AT, sales=0, **parts):
    return SaleCorrected(product, event_id, at, sales, *Bucket(**parts))


def written_at(said, at):
    """The record with the time at which DynamoDB wrote it."""
    return {**said, "dynamodb": {"ApproximateCreationDateTime": at, **said["dynamodb"]}}


def order(*lines, **said):
    return image(order_id="o1", sale_date="2024-10-01", lines=list(lines), **said)


def line(product, quantity, price=1, **said):
    return {"product_id": product, "quantity": quantity, "price": price, **said}


def worth(state):
    """What is counted; a day that comes to nothing is as good as none."""
    return {day: b for day, b in state.buckets.items() if any(b)}, state.sales, state.units


def summed(events):
    """The number of sales and the parts of its bucket, by product and day, as far as they are not zero."""
    sums = Counter()
    for event in events:
        parts = event[3:] if isinstance(event, SaleCorrected) else (1, *bucket_of(event))
        for part, value in enumerate(parts):
            sums[event.product, event.day, part] += value
    return {key: value for key, value in sums.items() if value}


def counted(product, *records):
    """The state and the outcomes of a product's part of some records, each with an eventID of its own."""
    told = [e for n, said in enumerate(records) for e in events_of({**said, "eventID": f"x{n}"})]
    done = fold(ProductState(product), [e for e in told if e.product == product], NOW)
    return done.state, done.outcomes
