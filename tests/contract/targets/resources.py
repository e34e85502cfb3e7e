"""What must exist at AWS before an adapter can work, as the deployment would make it?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from worker.aws.clients import Clients
from worker.aws.eventbridge import SOURCE
from worker.settings import Settings
from worker.sources.shards.discovery import VIEW

RULE = "contract"


def tables_of(settings: Settings) -> dict[str, tuple[str, str]]:
    """Each table with its key."""
    return {
        settings.state_table: ("pk", "sk"),
        settings.inventory_table: ("product_id", "location_id"),
        settings.forecasts_table: ("product_id", "forecast_date"),
    }


def stream_tables_of(settings: Settings) -> dict[str, tuple[str, str]]:
    """Those that a stream needs, each with its key: the one it tells of, and that of the leases."""
    return {settings.stream_table: ("product_id", "sale_date"), settings.leases_table: ("pk", "sk")}


def streaming(settings: Settings, suffix: str) -> Settings:
    """The same with a table of sales and one of leases of their own."""
    named = {name: f"{getattr(settings, name)}{suffix}" for name in ("stream_table", "leases_table")}
    return settings.model_copy(update=named)


async def create_tables(dynamodb: Any, settings: Settings) -> None:
    """Creates the tables and waits until each can be used."""
    waiting: list[str] = []
    for table, keys in tables_of(settings).items():
        waiting += await _create(dynamodb, table, keys)
    await _until_usable(dynamodb, waiting)


async def create_stream_tables(dynamodb: Any, settings: Settings) -> None:
    """Creates the tables of a stream and waits until each can be used."""
    waiting: list[str] = []
    for table, keys in stream_tables_of(settings).items():
        said = with_stream(VIEW) if table == settings.stream_table else {}
        waiting += await _create(dynamodb, table, keys, **said)
    await _until_usable(dynamodb, waiting)


async def create_sales_table(dynamodb: Any, settings: Settings, **said: Any) -> None:
    """Creates the table of sales alone, as said, and waits until it can be used."""
    table = settings.stream_table
    waiting = await _create(dynamodb, table, stream_tables_of(settings)[table], **said)
    await _until_usable(dynamodb, waiting)


def with_stream(view: str) -> dict[str, Any]:
    """What is said of a table with a stream. So little capacity is one partition, and one partition is one shard."""
    return {
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 10, "WriteCapacityUnits": 10},
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": view},
    }


async def _create(
    dynamodb: Any, table: str, keys: tuple[str, str], *typed: tuple[str, str], **more: Any
) -> Sequence[str]:
    """Begins to create a table; its name if it must be waited for. typed are attributes of an index with their types;
    more is said besides."""
    said = {"BillingMode": "PAY_PER_REQUEST", **more}
    made = await dynamodb.create_table(
        TableName=table,
        AttributeDefinitions=[_typed(name, kind) for name, kind in [*((key, "S") for key in keys), *typed]],
        KeySchema=_key(*keys),
        **said,
    )
    return [] if made["TableDescription"]["TableStatus"] == "ACTIVE" else [table]


async def _until_usable(dynamodb: Any, tables: Sequence[str]) -> None:
    for table in tables:
        await dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 2})


def _typed(name: str, kind: str) -> dict[str, str]:
    return {"AttributeName": name, "AttributeType": kind}


def _key(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


async def delete_tables(dynamodb: Any, settings: Settings) -> None:
    for table in tables_of(settings):
        await dynamodb.delete_table(TableName=table)


async def create_buckets(s3: Any, settings: Settings) -> None:
    # us-east-1 is the one region that may not be named.
    where = {"LocationConstraint": settings.region}
    said = {"CreateBucketConfiguration": where} if settings.region != "us-east-1" else {}
    for bucket in (settings.quarantine_bucket, settings.payload_bucket):
        await s3.create_bucket(Bucket=bucket, **said)


async def subscribe(clients: Clients, bus: str, queue: str) -> str:
    """Creates a bus and a queue that receives everything of ours from it; returns the queue's address."""
    await clients.events.create_event_bus(Name=bus)
    url = str((await clients.sqs.create_queue(QueueName=queue))["QueueUrl"])
    answer = await clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = answer["Attributes"]["QueueArn"]
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
    await clients.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    await clients.events.put_rule(Name=RULE, EventBusName=bus, EventPattern=json.dumps({"source": [SOURCE]}))
    await clients.events.put_targets(Rule=RULE, EventBusName=bus, Targets=[{"Id": "subscriber", "Arn": arn}])
    return url
