"""Does a stand-in refuse what SQS refuses, and allow what SQS allows?"""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.no_fake]
PORT = "SQS"
MEBIBYTE = 1024 * 1024


class Queue:
    def __init__(self, client, url) -> None:
        self.client, self.url = client, url

    async def send(self, *entries):
        return await self.client.send_message_batch(QueueUrl=self.url, Entries=list(entries))

    async def receive(self, **said):
        said = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 0, "VisibilityTimeout": 60, **said}
        return (await self.client.receive_message(QueueUrl=self.url, **said)).get("Messages", [])

    async def delete(self, *receipts, ids=None):
        ids = ids or [str(n) for n in range(len(receipts))]
        entries = [{"Id": i, "ReceiptHandle": receipt} for i, receipt in zip(ids, receipts, strict=True)]
        return await self.client.delete_message_batch(QueueUrl=self.url, Entries=entries)


@pytest_asyncio.fixture(loop_scope="session")
async def queue(world):
    return Queue(world.straight.sqs, await world.queue())


@pytest_asyncio.fixture(loop_scope="session")
async def fifo(world):
    return Queue(world.straight.sqs, await world.queue(fifo=True))


def entry(number=0, body="body", **said):
    return {"Id": str(number), "MessageBody": body, **said}


async def refused(call):
    with pytest.raises(ClientError):
        await call


async def test_more_than_ten_messages_cannot_be_asked_for(queue):
    await refused(queue.receive(MaxNumberOfMessages=11))


async def test_a_poll_longer_than_20_seconds_is_refused(queue):
    # With a message there, a stand-in that takes it does not wait.
    await queue.send(entry())
    await refused(queue.receive(WaitTimeSeconds=21))


async def test_a_visibility_over_12_hours_is_refused(queue):
    await queue.send(entry())
    await refused(queue.receive(VisibilityTimeout=43_201))


async def test_a_batch_of_more_than_ten_is_refused(queue):
    await refused(queue.send(*(entry(n) for n in range(11))))
    await refused(queue.delete(*["r"] * 11))


async def test_two_entries_of_one_id_refuse_the_whole_batch(queue):
    await queue.send(entry())
    [message] = await queue.receive()
    await refused(queue.delete(message["ReceiptHandle"], message["ReceiptHandle"], ids=["0", "0"]))
    await refused(queue.send(entry(), entry()))
    assert await queue.receive() == []


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_message_over_a_mebibyte_is_refused(queue):
    await refused(queue.send(entry(body="x" * (MEBIBYTE + 1))))
    assert await queue.receive() == []


async def test_a_stale_receipt_is_answered_as_a_success(queue):
    """ "The request will succeed, but the message might not be deleted": an adapter that counts successes is wrong."""
    await queue.send(entry())
    [stale] = await queue.receive(VisibilityTimeout=1)
    await asyncio.sleep(1.2)
    assert await queue.receive()
    answer = await queue.delete(stale["ReceiptHandle"])
    assert [done["Id"] for done in answer.get("Successful", [])] == ["0"]


async def test_one_bad_receipt_fails_alone(queue):
    await queue.send(entry())
    [message] = await queue.receive()
    answer = await queue.delete(message["ReceiptHandle"], "no receipt")
    assert [done["Id"] for done in answer["Successful"]] == ["0"]
    assert [(failed["Id"], failed["SenderFault"]) for failed in answer["Failed"]] == [("1", True)]


async def test_a_deduplication_id_that_was_seen_is_not_delivered_again(fifo):
    said = {"MessageGroupId": "g", "MessageDeduplicationId": "once"}
    await fifo.send(entry(body="first", **said))
    await fifo.send(entry(body="second", **said))
    assert [message["Body"] for message in await fifo.receive()] == ["first"]


async def test_a_fifo_message_needs_a_group(fifo):
    try:
        failed = (await fifo.send(entry(MessageDeduplicationId="d"))).get("Failed")
    except ClientError:
        failed = True
    assert failed
    assert await fifo.receive() == []
