"""Which AWS does a laptop have?

ministack as a child process on a free port of the loopback, with the queues, tables, buckets and rules that the
worker expects. It is an emulator: what it answers is not what AWS answers, and a report says which one was used."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from worker.aws.clients import Clients
from worker.aws.eventbridge import SOURCE
from worker.local.processes import child, free_port, listening
from worker.settings import Settings
from worker.sources.shards.lineage import ShardKey

START_TIMEOUT_S = 60.0
SUBSCRIBER_QUEUE = "retail-reorders"
SALES_TABLE = "retail-sales-history"
DEAD_LETTERS_AFTER = 8
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def emulator() -> str:
    """Name and version of the embedded AWS, for reports."""
    return f"ministack {version('ministack')} (an emulator)"


@asynccontextmanager
async def embedded_aws(folder: Path) -> AsyncIterator[str]:
    """Runs the emulator for as long as the block; yields its address."""
    port = free_port()
    environment = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "PERSIST_STATE": "0",
        "STATE_DIR": str(folder / "aws-state"),
        "S3_DATA_DIR": str(folder / "aws-s3"),
        "LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "ministack"]
    async with child("the embedded AWS", command, environment, folder / "aws.log") as running:
        await listening(running, port, START_TIMEOUT_S)
        yield f"http://127.0.0.1:{port}"


async def create_resources(clients: Clients, settings: Settings, sales_table: str = "") -> tuple[str, str]:
    """Creates everything the worker needs, and a table of sales with a stream if the worker or somebody else reads
    one; returns the URLs of the sales queue (its first partition; empty without one) and of the subscriber's queue."""
    queue_url = await _sales_queues(clients.sqs, settings) if settings.queue_name else ""
    await _tables(clients.dynamodb, settings)
    if table := sales_table or settings.stream_table:
        await create_sales_table(clients.dynamodb, table)
    for bucket in {settings.quarantine_bucket, settings.payload_bucket}:
        await clients.s3.create_bucket(Bucket=bucket)
    if settings.event_bus != "default":
        await clients.events.create_event_bus(Name=settings.event_bus)
    return queue_url, await _subscriber(clients, settings.event_bus)


async def _sales_queues(sqs: Any, settings: Settings) -> str:
    fifo = settings.queue_name.endswith(".fifo")
    kind = {"FifoQueue": "true"} if fifo else {}
    dead = f"{settings.queue_name.removesuffix('.fifo')}-dlq{'.fifo' if fifo else ''}"
    dead_arn = await _arn(sqs, (await sqs.create_queue(QueueName=dead, Attributes=kind))["QueueUrl"])
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": DEAD_LETTERS_AFTER})
    urls = [
        str((await sqs.create_queue(QueueName=name, Attributes={**kind, "RedrivePolicy": redrive}))["QueueUrl"])
        for name in settings.queue_names
    ]
    return urls[0]


async def _arn(sqs: Any, queue_url: str) -> str:
    answer = await sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


async def _tables(dynamodb: Any, settings: Settings) -> None:
    await dynamodb.create_table(
        TableName=settings.state_table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=_attributes("pk", "sk"),
        KeySchema=_key("pk", "sk"),
    )
    for table, keys in (
        (settings.inventory_table, ("product_id", "location_id")),
        (settings.forecasts_table, ("product_id", "forecast_date")),
        (settings.leases_table, ("pk", "sk")),
    ):
        await dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=_attributes(*keys),
            KeySchema=_key(*keys),
        )


async def create_sales_table(dynamodb: Any, table: str) -> None:
    """A table of sales as items, with a stream of their changes."""
    await dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=_attributes("product_id", "sale_date"),
        KeySchema=_key("product_id", "sale_date"),
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )


async def only_shard(streams: Any, table: str) -> ShardKey:
    """The one shard that the emulator gives the stream of a table, whatever is written."""
    (stream,) = (await streams.list_streams(TableName=table))["Streams"]
    described = await streams.describe_stream(StreamArn=stream["StreamArn"])
    (shard,) = described["StreamDescription"]["Shards"]
    return ShardKey(stream["StreamArn"], shard["ShardId"])


def _attributes(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": "S"} for name in names]


def _key(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


async def _subscriber(clients: Clients, bus: str) -> str:
    """A queue that receives what a real subscriber of the bus would."""
    url = str((await clients.sqs.create_queue(QueueName=SUBSCRIBER_QUEUE))["QueueUrl"])
    await clients.events.put_rule(
        Name="restock-local", EventBusName=bus, EventPattern=json.dumps({"source": [SOURCE]}), State="ENABLED"
    )
    arn = await _arn(clients.sqs, url)
    await clients.events.put_targets(Rule="restock-local", EventBusName=bus, Targets=[{"Id": "subscriber", "Arn": arn}])
    return url
