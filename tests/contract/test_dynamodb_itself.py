"""Does a stand-in refuse what DynamoDB refuses, and answer in part where DynamoDB does?

The adapters are written for these limits. Where a stand-in is kinder, only the others can show that they are kept."""

from __future__ import annotations

import asyncio

import pytest
from botocore.exceptions import ClientError

from worker.aws.dynamodb import Item, number, text

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.no_fake,
    pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning"),
]
PORT = "DynamoDB"
KILOBYTE = "x" * 1024
INVALID, CANCELLED = "ValidationException", "TransactionCanceledException"
FAILED, CONFLICT = "ConditionalCheckFailedException", "TransactionConflictException"


def item(pk="a", sk="H", size=0, **said) -> Item:
    """An item of a little more than size kilobytes."""
    return {"pk": text(pk), "sk": text(sk), "body": text(KILOBYTE * size), **said}


def key(pk="a", sk="H") -> Item:
    return {"pk": text(pk), "sk": text(sk)}


class Table:
    def __init__(self, world) -> None:
        self.client, self.name, self.world = world.straight.dynamodb, world.settings.state_table, world

    async def transact(self, *items, condition=None, values=None):
        extra = {"ConditionExpression": condition} if condition else {}
        extra |= {"ExpressionAttributeValues": values} if values else {}
        actions = [{"Put": {"TableName": self.name, "Item": each, **extra}} for each in items]
        await self.client.transact_write_items(TransactItems=actions)

    async def put(self, each, condition=None, values=None):
        extra = {"ConditionExpression": condition} if condition else {}
        extra |= {"ExpressionAttributeValues": values} if values else {}
        await self.client.put_item(TableName=self.name, Item=each, **extra)

    async def write(self, *items):
        requests = [{"PutRequest": {"Item": each}} for each in items]
        return await self.client.batch_write_item(RequestItems={self.name: requests})

    async def get(self, *keys):
        wanted = {self.name: {"Keys": list(keys), "ConsistentRead": True}}
        return await self.client.batch_get_item(RequestItems=wanted)

    async def count(self):
        return len(await self.world.items(self.name))


@pytest.fixture
def table(world):
    return Table(world)


async def refused(call, *codes) -> dict:
    """The answer of a call that must be refused, with one of these codes."""
    with pytest.raises(ClientError) as caught:
        await call
    assert caught.value.response["Error"]["Code"] in (codes or [INVALID])
    return caught.value.response


async def test_a_transaction_of_more_than_100_actions_is_refused(table):
    await refused(table.transact(*(item(f"p{n}") for n in range(101))))
    assert await table.count() == 0


async def test_a_transaction_with_two_actions_on_one_item_is_refused(table):
    await refused(table.transact(item("a"), item("b"), item("a")))
    assert await table.count() == 0


async def test_a_transaction_of_more_than_4_megabytes_is_refused(table):
    await refused(table.transact(*(item(f"p{n}", size=390) for n in range(11))))
    assert await table.count() == 0


async def test_an_item_of_more_than_400_kilobytes_is_refused(table):
    await refused(table.transact(item("a"), item("b", size=400)))
    await refused(table.write(item("a"), item("b", size=400)))
    await refused(table.put(item("b", size=400)))
    assert await table.count() == 0


async def test_a_cancelled_transaction_names_its_reasons_by_position(table):
    await table.transact(item("b"))
    answer = await refused(
        table.transact(item("a"), item("b"), item("c"), condition="attribute_not_exists(pk)"),
        CANCELLED,
    )
    assert [reason["Code"] for reason in answer["CancellationReasons"]] == ["None", "ConditionalCheckFailed", "None"]
    assert await table.count() == 1


async def test_a_condition_on_an_item_that_is_not_there_fails(table):
    values = {":was": number(1)}
    call = table.transact(item("a", version=number(2)), condition="version = :was", values=values)
    await refused(call, CANCELLED)


async def test_transactions_that_meet_on_an_item_conflict(table):
    """On AWS that is likely and not certain."""
    calls = [table.transact(*(item(f"p{n}", size=20) for n in range(20))) for _ in range(12)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    failures = [result for result in results if isinstance(result, ClientError)]
    codes = {reason["Code"] for exc in failures for reason in exc.response.get("CancellationReasons", [])}
    assert "TransactionConflict" in codes


async def test_a_put_is_made_under_its_condition_only(table):
    absent, was = "attribute_not_exists(pk)", {":was": number(1)}
    await refused(table.put(item("a", version=number(2)), "version = :was", was), FAILED)
    await table.put(item("a", version=number(1)), absent)
    await refused(table.put(item("a", version=number(1)), absent), FAILED)
    await table.put(item("a", version=number(2)), "version = :was", was)
    await refused(table.put(item("a", version=number(2)), "version = :was", was), FAILED)
    assert [each["version"] for each in await table.world.items(table.name)] == [number(2)]


async def test_a_put_that_meets_a_transaction_conflicts(table):
    """On AWS that is likely and not certain."""
    transactions = [table.transact(*(item(f"p{n}", size=20) for n in range(20))) for _ in range(12)]
    puts = [table.put(item(f"p{n}", size=20)) for _ in range(4) for n in range(20)]
    results = await asyncio.gather(*transactions, *puts, return_exceptions=True)
    failures = [result for result in results[12:] if isinstance(result, ClientError)]
    assert {exc.response["Error"]["Code"] for exc in failures} == {CONFLICT}


async def test_a_batch_of_more_than_100_keys_is_refused(table):
    await refused(table.get(*(key(f"p{n}") for n in range(101))))


async def test_a_key_twice_in_a_batch_is_refused(table):
    await refused(table.get(key(), key()))
    await refused(table.write(item(), item()))


async def test_a_batch_of_more_than_25_writes_is_refused(table):
    await refused(table.write(*(item(f"p{n}") for n in range(26))))
    assert await table.count() == 0


async def test_a_batch_of_more_than_16_megabytes_is_answered_in_part(table):
    names = [f"p{n:02}" for n in range(48)]
    for at in range(0, 48, 8):
        await table.write(*(item(name, size=380) for name in names[at : at + 8]))
    answer = await table.get(*(key(name) for name in names))
    left = answer["UnprocessedKeys"][table.name]["Keys"]
    assert len(left) + len(answer["Responses"][table.name]) == 48


async def test_a_page_of_a_query_ends_at_a_megabyte(table):
    await table.write(*(item("a", f"E#{n}", size=300) for n in range(5)))
    answer = await table.client.query(
        TableName=table.name, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": text("a")}
    )
    assert len(answer["Items"]) < 5
    assert "LastEvaluatedKey" in answer


@pytest.mark.parametrize(("pk", "sk"), [("x" * 2_049, "H"), ("a", "x" * 1_025), ("", "H"), ("a", "")])
async def test_a_key_that_is_too_long_or_empty_is_refused(table, pk, sk):
    await refused(table.transact(item(pk, sk)), INVALID, CANCELLED)
    await refused(table.write(item(pk, sk)))


async def test_a_table_that_does_not_exist_is_named_so(table):
    table.name += "-gone"
    await refused(table.write(item()), "ResourceNotFoundException")
