"""How messages come, stay ours and go, on a real queue and through faults that an emulator never makes."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from fakes import proxy as faulty

from handlers.errors import Misconfigured, TransientFailure
from worker.sources.source import Message
from worker.sources.sqs import SqsSource

pytestmark = pytest.mark.asyncio(loop_scope="session")
DELETE, CHANGE, RECEIVE = "DeleteMessageBatch", "ChangeMessageVisibilityBatch", "ReceiveMessage"


@pytest_asyncio.fixture(loop_scope="session")
async def source(aws):
    return SqsSource(aws.proxied.sqs, aws.queue_url, 60)


async def send(aws, count):
    for at in range(0, count, 10):
        entries = [{"Id": str(n), "MessageBody": f"body {n}"} for n in range(at, min(count, at + 10))]
        await aws.clients.sqs.send_message_batch(QueueUrl=aws.queue_url, Entries=entries)


async def received(source, count):
    messages = []
    while len(messages) < count:
        messages += await source.receive(0)
    return messages


async def left(aws):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = await aws.clients.sqs.get_queue_attributes(QueueUrl=aws.queue_url, AttributeNames=names)
    return [int(answer["Attributes"][name]) for name in names]


async def test_what_is_acknowledged_is_gone(aws, source):
    await send(aws, 25)
    messages = await received(source, 25)
    assert sorted(m.body for m in messages) == sorted(f"body {n}" for n in range(25))
    await source.acknowledge(messages)
    assert await left(aws) == [0, 0]
    await source.acknowledge([])


async def test_an_empty_queue_gives_nothing(source):
    assert await source.receive(0) == []


async def test_what_was_not_deleted_is_deleted_again(aws, source):
    await send(aws, 10)
    aws.proxy.plan(DELETE, faulty.deletes_failed(4), faulty.deletes_failed(0), faulty.cut_after)
    await source.acknowledge(await received(source, 10))
    assert await left(aws) == [0, 0]
    assert [len(call.said["Entries"]) for call in aws.proxy.calls if call.operation == DELETE] == [10, 6, 6, 6]


async def test_a_receipt_that_is_no_longer_ours_is_not_insisted_on(aws, source):
    await send(aws, 3)
    aws.proxy.plan(DELETE, faulty.deletes_failed(2, sender_fault=True))
    await source.acknowledge(await received(source, 3))
    assert aws.proxy.count(DELETE) == 1


async def test_what_cannot_be_deleted_comes_again_and_nothing_raises(aws, source):
    await send(aws, 2)
    aws.proxy.always(DELETE, faulty.deletes_failed(0))
    await source.acknowledge(await received(source, 2))
    assert await left(aws) == [0, 2]
    assert aws.proxy.count(DELETE) == 5


async def test_what_is_handed_over_is_there_again_at_once(aws, source):
    await send(aws, 12)
    messages = await received(source, 12)
    await source.hand_over()
    assert sorted(m.message_id for m in await received(source, 12)) == sorted(m.message_id for m in messages)


async def test_what_could_not_be_settled_comes_back_later_each_time(aws):
    source = SqsSource(aws.proxied.sqs, aws.queue_url, 60)
    await send(aws, 1)
    [message] = await received(source, 1)
    for receives in (1, 3, 30):
        await source.hand_back([message._replace(receives=receives)])
    delays = [e["VisibilityTimeout"] for c in aws.proxy.calls if c.operation == CHANGE for e in c.said["Entries"]]
    assert delays == [2, 8, 300]


async def test_a_failed_hand_back_only_loses_time(aws, source):
    await send(aws, 1)
    aws.proxy.plan(CHANGE, faulty.error("InternalError", 500), faulty.error("AccessDeniedException"))
    messages = await received(source, 1)
    await source.hand_back(messages)
    await source.hand_back(messages)


async def test_only_what_is_owned_is_kept_visible(aws):
    source = SqsSource(aws.proxied.sqs, aws.queue_url, 60)
    await send(aws, 3)
    done, back, ours = await received(source, 3)
    await source.acknowledge([done])
    await source.hand_back([back])
    aws.proxy.calls.clear()
    source._visibility_timeout_s = 1
    keeping = asyncio.create_task(source.keep())
    async with asyncio.timeout(5):
        while not aws.proxy.count(CHANGE):  # noqa: ASYNC110 - only the server sees the renewal
            await asyncio.sleep(0.01)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    receipts = {e["ReceiptHandle"] for c in aws.proxy.calls if c.operation == CHANGE for e in c.said["Entries"]}
    assert receipts == {ours.receipt}


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (faulty.error("ServiceUnavailable", 503), TransientFailure),
        (faulty.error("RequestThrottled"), TransientFailure),
        (faulty.cut_after, TransientFailure),
        (faulty.error("AWS.SimpleQueueService.NonExistentQueue"), Misconfigured),
        (faulty.error("ExpiredTokenException"), TransientFailure),
    ],
)
async def test_a_receive_that_fails_has_one_of_our_names(aws, source, fault, raised):
    aws.proxy.plan(RECEIVE, fault)
    with pytest.raises(raised):
        await source.receive(0)


async def test_a_message_is_as_it_was_sent(aws, source):
    body = '{"product_id": "Grüße 🛒"}'
    await aws.clients.sqs.send_message(QueueUrl=aws.queue_url, MessageBody=body)
    [message] = await source.receive(0)
    assert isinstance(message, Message)
    assert message.body == body
