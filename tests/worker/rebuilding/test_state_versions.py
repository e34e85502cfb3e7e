"""A state that an older worker wrote is read for ever; one of a newer worker is refused with a clear line, product by
product, and harms nothing."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import pytest

from domain.buckets import Bucket
from domain.events import ProductKey
from domain.product import StockLevel
from worker.aws.state import DynamoState
from worker.aws.state_codec import SCHEMA, NewerSchema, decode_header, header_key

GOLDEN = Path(__file__).parent / "golden"
PRODUCT = ProductKey("85123A", "LEEDS")
BINARY = "B"


def stored(name):
    """A header as it lay in the table."""
    said = json.loads((GOLDEN / name).read_text())
    return {
        attribute: {kind: b64decode(value) if kind == BINARY else value for kind, value in each.items()}
        for attribute, each in said.items()
    }


def test_a_header_of_schema_1_says_what_it_said():
    state = decode_header(PRODUCT, stored("header_schema_1.json"))
    assert (state.version, state.sales, state.units, state.dirty) == (3, 4, 9, 2)
    assert dict(state.buckets) == {
        19_990: Bucket(5, 1_275, 0, 0, 0),
        19_995: Bucket(7, 1_785, 3, 765, 7),
    }
    assert (state.newest_day, state.category) == (19_995, "tea")
    assert state.stock == StockLevel(40, 1_727_600_000_000)
    assert len(state.ledger.digests()) == 5
    assert state.promotions == ((20_010, 20_012),)


def test_a_newer_header_is_refused_and_says_what_to_do():
    newer = stored("header_schema_1.json") | {"schema": {"N": str(SCHEMA + 1)}}
    with pytest.raises(NewerSchema, match=r"85123A#LEEDS was written with schema \d+, this worker knows \d+: deploy"):
        decode_header(PRODUCT, newer)


@pytest.mark.asyncio(loop_scope="session")
async def test_one_refused_product_keeps_no_other_from_being_read(aws):
    table = aws.settings.state_table
    newer = stored("header_schema_1.json") | {"schema": {"N": str(SCHEMA + 1)}}
    await aws.clients.dynamodb.put_item(TableName=table, Item=newer)
    other = ProductKey("other")
    await aws.clients.dynamodb.put_item(TableName=table, Item=stored("header_schema_1.json") | header_key(other))
    found = await DynamoState(aws.clients.dynamodb, table, 10.0).load([PRODUCT, other])
    assert list(found) == [other]
    assert found[other].sales == 4
