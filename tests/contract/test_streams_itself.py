"""Does a stand-in tell of a change as DynamoDB Streams does, and refuse what it refuses?

The reader is written for these answers: what is read, in which order, where one can go on, and when a shard is over."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError
from contract_streams import WITHIN_S

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.no_fake]
PORT = "Streams"
DIGITS_38 = "12345678901234567890123456789012345678"
HORIZON, AFTER = {"ShardIteratorType": "TRIM_HORIZON"}, "AFTER_SEQUENCE_NUMBER"
INVALID, GONE = "ValidationException", "ResourceNotFoundException"


class Stream:
    """The only stream of the table of sales, which has one shard."""

    def __init__(self, world, arn, shard_id) -> None:
        self.world, self.client, self.dynamodb = world, world.straight.streams, world.straight.dynamodb
        self.table, self.arn, self.shard_id = world.settings.stream_table, arn, shard_id

    async def iterator(self, shard_id=None, **where):
        said = {"StreamArn": self.arn, "ShardId": shard_id or self.shard_id, **(where or HORIZON)}
        return (await self.client.get_shard_iterator(**said))["ShardIterator"]

    async def after(self, record):
        return await self.iterator(ShardIteratorType=AFTER, SequenceNumber=number(record))

    async def read(self, count, iterator=None, limit=1_000):
        """This many records, page by page, and where to go on: a page may bring fewer than there are."""
        found, deadline = [], time.monotonic() + WITHIN_S
        iterator = iterator or await self.iterator()
        while len(found) < count and iterator is not None:
            assert time.monotonic() < deadline, found
            answer = await self.client.get_records(ShardIterator=iterator, Limit=limit)
            assert len(answer["Records"]) <= limit
            found += answer["Records"]
            iterator = answer.get("NextShardIterator")
        assert len(found) == count
        return found, iterator

    async def ended(self, iterator):
        """Reads to the end of the shard, of which nothing is left."""
        deadline = time.monotonic() + WITHIN_S
        while iterator is not None:
            assert time.monotonic() < deadline
            answer = await self.client.get_records(ShardIterator=iterator, Limit=1_000)
            assert answer["Records"] == []
            iterator = answer.get("NextShardIterator")
            await asyncio.sleep(0.01)

    async def write(self, *requests):
        await self.dynamodb.batch_write_item(RequestItems={self.table: list(requests)})


@pytest_asyncio.fixture(loop_scope="session")
async def stream(world):
    listed = await world.straight.streams.list_streams(TableName=world.settings.stream_table)
    [arn] = [stream["StreamArn"] for stream in listed["Streams"]]
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        said = await world.straight.streams.describe_stream(StreamArn=arn)
        # A new stream may have none for a moment.
        if shards := said["StreamDescription"]["Shards"]:
            break
        await asyncio.sleep(0.5)
    [shard] = shards
    return Stream(world, arn, shard["ShardId"])


def key(name):
    return {"product_id": {"S": name}, "sale_date": {"S": "2024-10-01"}}


def item(name, **said):
    return {**key(name), **said}


def put(name, **said):
    return {"PutRequest": {"Item": item(name, **said)}}


def number(record):
    return record["dynamodb"]["SequenceNumber"]


def told(record):
    """What happened, the item as it is now, and as it was."""
    return record["eventName"], record["dynamodb"].get("NewImage"), record["dynamodb"].get("OldImage")


async def refused(call, code):
    with pytest.raises(ClientError) as caught:
        async with asyncio.timeout(5):
            await call
    assert caught.value.response["Error"]["Code"] == code


async def test_each_change_is_told_with_the_item_before_and_after(stream):
    one, two = {"n": {"N": "1"}}, {"n": {"N": "2"}}
    await stream.write(put("a", **one))
    await stream.write(put("a", **two))
    await stream.write({"DeleteRequest": {"Key": key("a")}})
    records, _ = await stream.read(3)
    a_one, a_two = item("a", **one), item("a", **two)
    assert [told(r) for r in records] == [("INSERT", a_one, None), ("MODIFY", a_two, a_one), ("REMOVE", None, a_two)]
    assert all(record["dynamodb"]["Keys"] == key("a") for record in records)
    assert all("userIdentity" not in record for record in records)


async def test_what_is_written_as_it_was_is_not_told(stream):
    for name in "aab":
        await stream.dynamodb.put_item(TableName=stream.table, Item=item(name, n={"N": "1"}))
    await stream.write({"DeleteRequest": {"Key": key("never there")}}, put("a", n={"N": "1"}))
    await stream.write(put("c"))
    records, _ = await stream.read(3)
    assert [record["dynamodb"]["Keys"] for record in records] == [key("a"), key("b"), key("c")]


async def test_batches_and_transactions_are_told_item_by_item(stream):
    await stream.write(*(put(f"b{n}") for n in range(3)))
    actions = [{"Put": {"TableName": stream.table, "Item": item(f"t{n}")}} for n in range(3)]
    await stream.dynamodb.transact_write_items(TransactItems=actions)
    records, _ = await stream.read(6)
    names = [record["dynamodb"]["Keys"]["product_id"]["S"] for record in records]
    assert (sorted(names[:3]), sorted(names[3:])) == (["b0", "b1", "b2"], ["t0", "t1", "t2"])


async def test_changes_of_an_item_are_in_order_and_every_record_has_its_own_ids(stream):
    for n in range(12):
        await stream.write(put("a", n={"N": str(n)}))
    records, _ = await stream.read(12, limit=5)
    assert [record["dynamodb"]["NewImage"]["n"]["N"] for record in records] == [str(n) for n in range(12)]
    assert all(int(number(one)) < int(number(other)) for one, other in pairwise(records))
    assert len({record["eventID"] for record in records}) == 12


async def test_every_type_of_an_attribute_is_told_as_it_is(stream):
    image = {
        "number": {"N": DIGITS_38},
        "small": {"N": f"-0.{DIGITS_38}"},
        "bytes": {"B": b"\x00\xff"},
        "texts": {"SS": ["a", "ü 🛒"]},
        "byte_set": {"BS": [b"a"]},
        "number_set": {"NS": ["2.5"]},
        "map": {"M": {"list": {"L": [{"NULL": True}, {"BOOL": False}]}}},
    }
    await stream.write(put("a", **image))
    [record], _ = await stream.read(1)
    found = record["dynamodb"]["NewImage"]
    found["texts"]["SS"].sort()
    assert found == item("a", **image)


async def test_one_can_go_on_after_any_record_and_miss_or_repeat_none(stream):
    await stream.write(*(put(f"a{n}") for n in range(5)))
    records, _ = await stream.read(5)
    for at, record in enumerate(records[:-1]):
        rest, _ = await stream.read(4 - at, await stream.after(record), limit=2)
        assert rest == records[at + 1 :]
    await stream.write(put("later"))
    [later], _ = await stream.read(1, await stream.after(records[-1]))
    assert later["dynamodb"]["Keys"] == key("later")


async def test_an_open_shard_has_no_end(stream):
    _, iterator = await stream.read(0)
    for _ in range(3):
        answer = await stream.client.get_records(ShardIterator=iterator, Limit=10)
        assert answer["Records"] == []
        iterator = answer["NextShardIterator"]
    await stream.write(put("a"))
    [record], _ = await stream.read(1, iterator)
    assert record["dynamodb"]["Keys"] == key("a")


async def test_one_iterator_may_be_used_again_and_gives_the_same(stream):
    """As after an answer that was lost."""
    await stream.write(*(put(f"a{n}") for n in range(3)))
    iterator = await stream.iterator()
    first, _ = await stream.read(3, iterator)
    again, _ = await stream.read(3, iterator)
    assert again == first


async def test_a_stream_that_was_ended_is_read_to_its_end_and_then_has_no_next_iterator(stream):
    await stream.write(*(put(f"a{n}") for n in range(3)))
    await stream.world.end_stream()
    records, iterator = await stream.read(3, limit=2)
    await stream.ended(iterator)
    await stream.ended(await stream.after(records[-1]))


async def test_a_table_with_a_new_stream_still_has_the_old_one(stream):
    await stream.write(put("old"))
    await stream.world.end_stream()
    await stream.world.begin_stream()
    listed = await stream.client.list_streams(TableName=stream.table)
    arns = {said["StreamArn"] for said in listed["Streams"]}
    assert (len(arns), stream.arn in arns) == (2, True)
    [record], _ = await stream.read(1)
    assert record["dynamodb"]["Keys"] == key("old")


async def test_more_than_1000_records_cannot_be_asked_for(stream):
    await refused(stream.client.get_records(ShardIterator=await stream.iterator(), Limit=1_001), INVALID)


async def test_after_needs_a_sequence_number(stream):
    await refused(stream.iterator(ShardIteratorType=AFTER), INVALID)


async def test_the_oldest_record_takes_none(stream):
    await stream.write(put("a"))
    [record], _ = await stream.read(1)
    await refused(stream.iterator(**HORIZON, SequenceNumber=number(record)), INVALID)


async def test_a_shard_or_a_stream_that_is_not_there_is_named_so(stream):
    await refused(stream.iterator(shard_id="shardId-00000000000000000009-deadbeef"), GONE)
    gone = stream.arn.replace("/stream/2", "/stream/1")
    await refused(stream.client.describe_stream(StreamArn=gone), GONE)
    stream.arn = gone
    await refused(stream.iterator(), GONE)
