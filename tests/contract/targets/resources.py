"""What must exist at AWS before an adapter can work, as the deployment would make it?"""

from __future__ import annotations

import json
from typing import Any

from worker.aws.clients import Clients
from worker.aws.eventbridge import SOURCE
from worker.aws.state import DIRTY_INDEX
from worker.settings import Settings

RULE = "contract"


def tables_of(settings: Settings) -> dict[str, tuple[str, str]]:
    """Each table with its key."""
    return {
        settings.state_table: ("pk", "sk"),
        settings.inventory_table: ("product_id", "location_id"),
        settings.forecasts_table: ("product_id", "forecast_date"),
    }


async def create_tables(dynamodb: Any, settings: Settings) -> None:
    """Creates the tables and waits until each can be used."""
    waiting: list[str] = []
    for table, keys in tables_of(settings).items():
        index = [("dirty_shard", "S"), ("dirty_since", "N")] if table == settings.state_table else []
        said: dict[str, Any] = {
            "TableName": table,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [_typed(name, kind) for name, kind in [*((key, "S") for key in keys), *index]],
            "KeySchema": _key(*keys),
        }
        if index:
            projection = {"ProjectionType": "KEYS_ONLY"}
            schema = _key(*(name for name, _ in index))
            said["GlobalSecondaryIndexes"] = [
                {"IndexName": DIRTY_INDEX, "KeySchema": schema, "Projection": projection},
            ]
        made = await dynamodb.create_table(**said)
        waiting += [table] if made["TableDescription"]["TableStatus"] != "ACTIVE" else []
    for table in waiting:
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
