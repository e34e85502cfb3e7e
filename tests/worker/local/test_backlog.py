"""Is a run known to be over only when nothing is left anywhere?"""

from types import SimpleNamespace

import pytest
import pytest_asyncio

from worker.local.backlog import Backlog
from worker.local.embedded_aws import SALES_TABLE, create_sales_table, only_shard
from worker.sources.shards.leases import LeaseTable
from worker.sources.shards.lineage import Lease
from worker.sources.shards.position import Position

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def stream(aws):
    """A stream of three records, whose backlog is asked for: its shard, the places of the records, and the leases."""
    await create_sales_table(aws.clients.dynamodb, SALES_TABLE)
    for day in range(3):
        item = {"product_id": {"S": "A"}, "sale_date": {"S": f"2024-03-0{day + 1}#e"}}
        await aws.clients.dynamodb.put_item(TableName=SALES_TABLE, Item=item)
    shard = await only_shard(aws.clients.streams, SALES_TABLE)
    page = await Position(aws.clients.streams, shard, "TRIM_HORIZON").read(10)
    return SimpleNamespace(
        shard=shard,
        places=[record["dynamodb"]["SequenceNumber"] for record in page.records],
        leases=LeaseTable(aws.clients.dynamodb, aws.settings.leases_table),
        backlog=Backlog(aws.clients, aws.settings, [aws.queue_url], shard),
    )


async def test_a_message_is_left_until_it_is_deleted(aws):
    backlog = Backlog(aws.clients, aws.settings, [aws.queue_url])
    assert not await backlog.left()
    await aws.clients.sqs.send_message(QueueUrl=aws.queue_url, MessageBody="{}")
    assert await backlog.left()
    (message,) = (await aws.clients.sqs.receive_message(QueueUrl=aws.queue_url))["Messages"]
    assert await backlog.left()
    await aws.clients.sqs.delete_message(QueueUrl=aws.queue_url, ReceiptHandle=message["ReceiptHandle"])
    assert not await backlog.left()


async def test_a_message_in_any_partition_is_left(aws):
    urls = [(await aws.clients.sqs.create_queue(QueueName=f"parted-{n}"))["QueueUrl"] for n in range(3)]
    backlog = Backlog(aws.clients, aws.settings, urls)
    assert not await backlog.left()
    await aws.clients.sqs.send_message(QueueUrl=urls[2], MessageBody="{}")
    assert await backlog.left()


async def test_a_record_is_left_until_a_lease_says_that_it_is_settled(stream):
    assert await stream.backlog.left()  # nobody has a lease yet
    lease = Lease(stream.shard, "worker", 0, "TRIM_HORIZON")
    await stream.leases.create(lease)
    assert await stream.backlog.left()
    for place in stream.places[:2]:
        lease = await stream.leases.replace(lease, "worker", place, 0)
        assert await stream.backlog.left()
    await stream.leases.replace(lease, "worker", stream.places[2], 0)
    assert not await stream.backlog.left()


async def test_what_is_in_a_pipe_is_left(aws):
    till, pipe = SimpleNamespace(written=3), SimpleNamespace(passed=2)
    backlog = Backlog(aws.clients, aws.settings, [aws.queue_url], piped=(till, pipe))
    assert await backlog.left()
    pipe.passed = 3
    assert not await backlog.left()
