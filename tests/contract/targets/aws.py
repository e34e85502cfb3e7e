"""AWS itself, with the credentials and the region of the environment. It costs money, so it must be asked for twice.

Everything it makes carries one prefix and is deleted at the end, also after a failure; what a killed run leaves behind
is found by that prefix."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from secrets import token_hex

from targets.base import OF_AWS, OF_DYNAMODB, OF_STREAMS, OF_THE_BUS, Fresh, Target, World
from targets.embedded import SETTINGS
from targets.resources import (
    RULE,
    create_buckets,
    create_stream_tables,
    create_tables,
    streaming,
    subscribe,
    tables_of,
)
from targets.trouble import Trouble
from worker.aws.clients import Clients, Endpoints, open_clients
from worker.aws.dynamodb import batch_write
from worker.settings import Settings

OPT_IN = "RESTOCK_CONTRACT_AWS"
ENDPOINT = "RESTOCK_CONTRACT_ENDPOINT"
MODEL = "RESTOCK_CONTRACT_MODEL"
PREFIX = "restock-contract-"
BUS = "bus"
POLL_S = 2


class Aws(Target):
    name = "aws"

    def refusal(self) -> str | None:
        if os.environ.get(OPT_IN) != "1":
            return (
                f"--target aws makes tables, queues, buckets and a bus, which costs money: set {OPT_IN}=1 to allow it"
            )
        if not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
            return "--target aws needs AWS_REGION"
        return None

    def why_not(self, port: str) -> str | None:
        if port == "Forecaster" and not os.environ.get(ENDPOINT):
            return f"no endpoint is made for the tests: name a running one in {ENDPOINT}"
        if port == "Explainer" and not os.environ.get(MODEL):
            return f"name a Bedrock model that may be paid for in {MODEL}"
        if port == "ForecastMetrics":
            return "CloudWatch shows what was put minutes later, and nothing can be taken back"
        return None if port in OF_AWS else "no AWS stands behind it"

    @asynccontextmanager
    async def opened(self, emulator_url: str, folder: Path) -> AsyncIterator[Fresh]:
        settings = _settings(f"{PREFIX}{token_hex(4)}-")
        async with open_clients(settings.region, Endpoints(), validate=True) as clients, AsyncExitStack() as stack:
            stack.push_async_callback(_remove, clients, settings)
            await create_buckets(clients.s3, settings)
            await create_tables(clients.dynamodb, settings)
            url = await subscribe(clients, settings.event_bus, settings.queue_name)
            numbers = count()

            async def fresh(port: str) -> World:
                if port in OF_DYNAMODB:
                    await _empty(clients, settings)
                trouble, number, said = Trouble(), next(numbers), settings
                if port in OF_STREAMS:
                    # What is deleted from a table is still in its stream: every test has a table of its own.
                    said = streaming(settings, f"-{number}")
                    await create_stream_tables(clients.dynamodb, said)
                prefix = f"{_prefix(settings)}{number}-"
                world = World(clients, said, trouble, trouble.before(clients), url, prefix=prefix, poll_s=POLL_S)
                if port in OF_THE_BUS:
                    await world.events(0)
                return world

            yield fresh


def _settings(prefix: str) -> Settings:
    """Our names with a prefix."""
    tables = ("state_table", "inventory_table", "forecasts_table", "stream_table", "leases_table")
    named = (*tables, "quarantine_bucket", "payload_bucket", "queue_name")
    defaults = Settings(stream_table=SETTINGS.stream_table)
    said = {name: f"{prefix}{getattr(defaults, name)}" for name in named}
    return Settings(
        region=os.environ.get("AWS_REGION") or os.environ["AWS_DEFAULT_REGION"],
        event_bus=f"{prefix}{BUS}",
        sagemaker_endpoint=os.environ.get(ENDPOINT) or defaults.sagemaker_endpoint,
        bedrock_model=os.environ.get(MODEL) or defaults.bedrock_model,
        **said,
    )


def _prefix(settings: Settings) -> str:
    return settings.event_bus.removesuffix(BUS)


async def _empty(clients: Clients, settings: Settings) -> None:
    """Deletes every item of every table."""
    for table, keys in tables_of(settings).items():
        pages = clients.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        items = [item async for page in pages for item in page["Items"]]
        deletes = [{"DeleteRequest": {"Key": {name: item[name] for name in keys}}} for item in items]
        await batch_write(clients.dynamodb, table, deletes)


async def _remove(clients: Clients, settings: Settings) -> None:
    """Deletes everything that was made, each by itself: what was never made must not keep the rest alive."""
    bus, failures = settings.event_bus, []
    removals = [
        clients.events.remove_targets(Rule=RULE, EventBusName=bus, Ids=["subscriber"]),
        clients.events.delete_rule(Name=RULE, EventBusName=bus),
        clients.events.delete_event_bus(Name=bus),
        _remove_queues(clients, _prefix(settings)),
        *(_remove_bucket(clients, bucket) for bucket in (settings.quarantine_bucket, settings.payload_bucket)),
        _remove_tables(clients, _prefix(settings)),
    ]
    for removal in removals:
        try:
            await removal
        except Exception as exc:  # noqa: BLE001 - told below, after everything was tried
            failures.append(exc)
    if failures:
        raise ExceptionGroup(f"left behind under {_prefix(settings)}", failures)


async def _remove_tables(clients: Clients, prefix: str) -> None:
    pages = clients.dynamodb.get_paginator("list_tables").paginate()
    for table in [name async for page in pages for name in page["TableNames"] if name.startswith(prefix)]:
        await clients.dynamodb.delete_table(TableName=table)


async def _remove_queues(clients: Clients, prefix: str) -> None:
    pages = clients.sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix)
    for url in [url async for page in pages for url in page.get("QueueUrls", [])]:
        await clients.sqs.delete_queue(QueueUrl=url)


async def _remove_bucket(clients: Clients, bucket: str) -> None:
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    for key in [said["Key"] async for page in pages for said in page.get("Contents", [])]:
        await clients.s3.delete_object(Bucket=bucket, Key=key)
    await clients.s3.delete_bucket(Bucket=bucket)
