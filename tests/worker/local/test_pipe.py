"""Does a pipe bring each record of a stream into the queue, in its order and once?"""

import asyncio
import json

import pytest
import pytest_asyncio
from fakes.proxy import error

from worker.local.embedded_aws import SALES_TABLE, create_sales_table, only_shard
from worker.local.pipe import Pipe
from worker.local.tills import GROUP

pytestmark = pytest.mark.asyncio(loop_scope="session")


def item(product, event_id, **said):
    return {
        "product_id": {"S": product},
        "sale_date": {"S": f"2024-03-01T10:00:00.000Z#{event_id}"},
        "quantity": {"N": "1"},
        GROUP: {"S": f"g-{product}"},
        **said,
    }


@pytest_asyncio.fixture(loop_scope="session")
async def fifo_url(aws):
    await create_sales_table(aws.clients.dynamodb, SALES_TABLE)
    queue = await aws.clients.sqs.create_queue(QueueName="pipe.fifo", Attributes={"FifoQueue": "true"})
    return queue["QueueUrl"]


async def brought(aws, clients, url, count):
    """Runs a pipe until so many records have passed; returns what the queue then holds, which is taken out of it."""
    pipe = Pipe(clients, await only_shard(aws.clients.streams, SALES_TABLE), url)
    running = asyncio.create_task(pipe.run())
    async with asyncio.timeout(10):
        while pipe.passed < count:  # noqa: ASYNC110 - the pipe tells nobody
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    messages = []
    while True:
        answer = await aws.clients.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        if not answer.get("Messages"):
            return messages
        messages += answer["Messages"]
        for message in answer["Messages"]:
            await aws.clients.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


async def test_every_change_is_brought_in_its_order(aws, fifo_url):
    put = aws.clients.dynamodb.put_item
    for n in range(12):
        for product in "AB":
            await put(TableName=SALES_TABLE, Item=item(product, f"e{n:02d}"))
    await put(TableName=SALES_TABLE, Item=item("A", "e00", quantity={"N": "5"}))
    key = {name: item("B", "e00")[name] for name in ("product_id", "sale_date")}
    await aws.clients.dynamodb.delete_item(TableName=SALES_TABLE, Key=key)
    messages = await brought(aws, aws.clients, fifo_url, 26)
    records = [json.loads(message["Body"]) for message in messages]
    assert {record["eventSourceARN"].split("/")[1] for record in records} == {SALES_TABLE}
    assert [m["Attributes"]["MessageDeduplicationId"] for m in messages] == [record["eventID"] for record in records]
    for product, last in (("A", "MODIFY"), ("B", "REMOVE")):
        of_product = [record for record in records if record["dynamodb"]["Keys"]["product_id"]["S"] == product]
        groups = {m["Attributes"]["MessageGroupId"] for m, r in zip(messages, records, strict=True) if r in of_product}
        assert groups == {f"g-{product}"}
        assert [record["eventName"] for record in of_product] == ["INSERT"] * 12 + [last]
        assert [r["dynamodb"]["NewImage"] for r in of_product[:12]] == [item(product, f"e{n:02d}") for n in range(12)]


async def test_what_fails_is_tried_again_and_arrives_once(aws, fifo_url, monkeypatch):
    monkeypatch.setattr("worker.local.pipe.AGAIN_AFTER_S", 0)
    for n in range(25):
        await aws.clients.dynamodb.put_item(TableName=SALES_TABLE, Item=item("A", f"e{n:02d}"))
    busy = error("ServiceUnavailable", 503)
    for operation in ("GetShardIterator", "GetRecords", "SendMessageBatch"):
        aws.proxy.plan(operation, busy)
    messages = await brought(aws, aws.proxied, fifo_url, 25)
    places = [json.loads(m["Body"])["dynamodb"]["Keys"]["sale_date"]["S"] for m in messages]
    assert places == [item("A", f"e{n:02d}")["sale_date"]["S"] for n in range(25)]
    # A pipe that was started anew brings all of it again, and the queue knows the records by their ids.
    assert await brought(aws, aws.clients, fifo_url, 25) == []
