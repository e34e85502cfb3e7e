"""Rules in a bucket and in a table are read as those in a file, by the emulator's S3 and DynamoDB."""

from __future__ import annotations

import pytest

from domain.buying import Rule
from handlers.errors import Misconfigured
from handlers.order_ports import InvalidRules
from worker.rules.formats import rules_in
from worker.rules.sources import rules_source

pytestmark = pytest.mark.asyncio(loop_scope="session")
TEXT = b'{"defaults": {"lead_time_days": 3}, "suppliers": {"acme": {"order_on": ["mon"]}}}'


async def test_an_object_is_read_anew_each_time(aws):
    await aws.clients.s3.create_bucket(Bucket="rules")
    source = rules_source("s3://rules/of/ours.json", aws.clients)
    with pytest.raises(Misconfigured):
        await source.read()
    await aws.clients.s3.put_object(Bucket="rules", Key="of/ours.json", Body=TEXT)
    assert await source.read() == rules_in(TEXT, "rules.json")
    await aws.clients.s3.put_object(Bucket="rules", Key="of/ours.json", Body=b"{")
    with pytest.raises(InvalidRules, match="of/ours"):
        await source.read()


async def test_the_items_of_a_table_are_the_same_rules(aws):
    keys = ("scope", "HASH"), ("name", "RANGE")
    await aws.clients.dynamodb.create_table(
        TableName="rules",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    items = [
        {"scope": {"S": "default"}, "name": {"S": "-"}, "lead_time_days": {"N": "3"}},
        {"scope": {"S": "supplier"}, "name": {"S": "acme"}, "order_on": {"L": [{"S": "mon"}]}},
    ]
    for item in items:
        await aws.clients.dynamodb.put_item(TableName="rules", Item=item)
    rules = await rules_source("dynamodb://rules", aws.clients).read()
    assert (rules.defaults, rules) == (Rule(lead_time_days=3), rules_in(TEXT, "rules.json"))
