"""Which sales does a whole worker get in this process, and when is it done with them?

Its queue, tables and bus are the embedded AWS's; what becomes of the sales is read there, from outside."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

from fakes.at_work import at_work

from domain.events import ProductKey
from worker.clock import SystemClock
from worker.settings import Settings
from worker.wiring import build

PRODUCTS = [ProductKey("A"), ProductKey("B", "north"), ProductKey("Grüße #1")]
DAYS = 20


def sales(name="s"):
    """DAYS days of sales of every product, three units a day."""
    return [
        {
            "event_id": f"{name}-{number}-{day}",
            "product_id": key.product_id,
            "location_id": key.location_id,
            "quantity": 3,
            "price": "2.50",
            "date": f"2024-09-{day + 1:02}",
        }
        for day in range(DAYS)
        for number, key in enumerate(PRODUCTS)
    ]


def fast(aws, **changes):
    said = {
        "calendar": "event",
        "long_poll_s": 1,
        "batch_linger_s": 0.01,
        "decide_interval_s": 0.02,
        "sweep_interval_s": 0.2,
        "sweep_age_s": 600,
        "bedrock_model": "",
        **changes,
    }
    return Settings(**{**aws.settings.model_dump(), **said})


@asynccontextmanager
async def running(aws, clients=None, **changes):
    """A worker at work; at the end of the block it is told to stop, and must."""
    runner = await build(fast(aws, **changes), clients or aws.clients, SystemClock())
    async with at_work(runner):
        yield runner


async def send(aws, *bodies):
    for at in range(0, len(bodies), 10):
        entries = [
            {"Id": str(i), "MessageBody": body if isinstance(body, str) else json.dumps(body)}
            for i, body in enumerate(bodies[at : at + 10])
        ]
        answer = await aws.clients.sqs.send_message_batch(QueueUrl=aws.queue_url, Entries=entries)
        assert not answer.get("Failed")


async def stocked(aws, level):
    for key in PRODUCTS:
        await aws.clients.dynamodb.put_item(
            TableName=aws.settings.inventory_table,
            Item={
                "product_id": {"S": key.product_id},
                "location_id": {"S": key.location_id or "-"},
                "current_stock": {"N": str(level)},
            },
        )


async def left(aws):
    """Messages in the queue, in flight or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = await aws.clients.sqs.get_queue_attributes(QueueUrl=aws.queue_url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


async def published(aws):
    """What a subscriber of the bus has received."""
    found = []
    while True:
        answer = await aws.clients.sqs.receive_message(
            QueueUrl=aws.subscriber_url, MaxNumberOfMessages=10, WaitTimeSeconds=0
        )
        if not answer.get("Messages"):
            return found
        found += [json.loads(message["Body"]) for message in answer["Messages"]]


async def until(condition, timeout_s=20):
    async with asyncio.timeout(timeout_s):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.03)


async def settled(aws, truth, units):
    async def done():
        states = await truth.load(PRODUCTS)
        return not await left(aws) and all(s.units == units and not s.dirty for s in states.values())

    await until(done)
