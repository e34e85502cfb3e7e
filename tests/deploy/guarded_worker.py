"""One life of the worker in which it makes every kind of call that it can make, under whatever permissions it has.

It is watched through botocore's events, which the lane emits too: what was called, and what was refused."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from guarded_account import ENDPOINT, Account, client
from iam_grants import ACCOUNT, Need, needs_of

from domain.events import ProductKey
from domain.product import product_label
from handlers.errors import Misconfigured
from worker.aws.clients import Clients, Endpoints, open_clients
from worker.clock import SystemClock
from worker.producer import pointer_body
from worker.settings import Settings
from worker.wiring import build

REFUSED = re.compile(r"not authorized to perform: ([\w-]+:\w+)")
DENIALS = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"}
SEGMENT_SALES = 20  # more than a header's tail of ids holds, so that a segment is written
LONG_AGO_DAYS = 60  # by now its ids are forgotten: the segment is deleted with the next commit
NEWER_SCHEMA = 99
LARGE_BYTES = 210_000
WITHIN_S = 30.0
PARAMETERS = {
    "Partitions": "2",
    "StreamTable": "retail-sales-history",
    "RulesTable": "retail-rules",
    "Guardrail": "abcd1234",
}
SETTINGS = Settings(
    insights_per_hour=1_000_000,  # many lives ask within one hour of the clock
    insight_tokens_per_hour=10**12,
    queue_partitions=2,
    stream_table="retail-sales-history",
    rules="dynamodb://retail-rules",
    rules_interval_s=0.3,
    purchases_interval_s=0.3,
    event_bus="retail-inventory",
    quarantine_bucket=f"retail-quarantine-{ACCOUNT}",
    payload_bucket=f"retail-payloads-{ACCOUNT}",
    sagemaker_endpoint=ENDPOINT,
    bedrock_guardrail="abcd1234",
    metrics_products=(),
    long_poll_s=0,
    lease_s=1,
    checkpoint_interval_s=0.2,
    discover_interval_s=1,
    shard_idle_s=0.1,
    decide_interval_s=0.1,
    sweep_interval_s=0.5,
    sweep_age_s=0,
    visibility_timeout_s=12,
    commit_deadline_s=3,
    drain_timeout_s=5,
    watch_products=0,
)


class LongAgo(SystemClock):
    """A worker's clock two months ago."""

    def now(self) -> int:
        return super().now() - LONG_AGO_DAYS * 86_400_000


@dataclass(slots=True)
class Watched:
    """What a worker called, what that needs, and the actions that it was refused."""

    calls: set[tuple[str, str]] = field(default_factory=set)
    needs: set[Need] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def watch(self, clients: Clients) -> None:
        for each in fields(clients):
            events = getattr(clients, each.name).meta.events
            events.register("before-parameter-build", self._asked)
            events.register("after-call", self._answered)

    def _asked(self, params: Mapping[str, Any], model: Any, context: dict[str, Any], **_: object) -> None:
        context["watched"] = (model.service_model.service_name, model.name, dict(params))

    def _answered(self, parsed: Mapping[str, Any], context: Mapping[str, Any], **_: object) -> None:
        service, operation, request = context["watched"]
        needs = needs_of(service, operation, request)
        self.calls.add((service, operation))
        self.needs |= needs
        error = parsed.get("Error", {})
        if error.get("Code") in DENIALS or "not authorized" in str(error.get("Message")):
            named = REFUSED.search(str(error.get("Message")))
            # Of several needs, a transaction's or a guarded question's, one is refused: the message says which.
            action = named.group(1) if named and len(needs) > 1 else None
            self.refused |= {action} if action else {need.action for need in needs}
        self.changed.set()


@dataclass(slots=True)
class Lives:
    """Lives of the worker, one after the other, each with products of its own."""

    account: Account
    count: int = 0
    seeded: int = 0

    async def seed(self, lives: int) -> None:
        """Two months ago so many products were sold often enough to have a segment of ids, and so many had stock,
        and of so many an order is out."""
        long_ago = datetime.now(UTC) - timedelta(days=LONG_AGO_DAYS)
        numbers = range(1, lives + 1)
        self._stock([f"short-{life}" for life in numbers], 10_000)
        self._stock([f"due-{life}" for life in numbers], 0)
        often = [[_sale(f"often-{life}", f"{life}-{n}", long_ago) for n in range(SEGMENT_SALES)] for life in numbers]
        self._send([json.dumps(rows) for rows in often])
        self._send([json.dumps([_sale(f"short-{life}", f"{life}-first", long_ago) for life in numbers])])
        # Sold day by day until the day before, and out of stock: ordered.
        before = [long_ago - timedelta(days=days) for days in range(1, 15)]
        due = [[_sale(f"due-{life}", f"due-{life}-{at:%d}", at) for at in before] for life in numbers]
        self._send([json.dumps(rows) for rows in due])
        async with open_clients("us-east-1", Endpoints(self.account.url, self.account.gateway.url)) as root:
            stop = asyncio.Event()
            settings = SETTINGS.model_copy(update={"stream_table": "", "bedrock_model": ""})
            runner = await build(settings, root, LongAgo())
            running = asyncio.create_task(runner.run(stop))
            await asyncio.to_thread(self._wait_until_seeded, numbers)
            stop.set()
            await running
        self.seeded = lives

    def _wait_until_seeded(self, numbers: range) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not self._seeded(numbers):
            assert time.monotonic() < deadline
            time.sleep(0.3)

    def _seeded(self, numbers: range) -> bool:
        dynamodb = client(self.account.url, "dynamodb")
        forecast = {item["product_id"]["S"] for item in dynamodb.scan(TableName=SETTINGS.forecasts_table)["Items"]}
        return all(
            {f"short-{life}", f"due-{life}"} <= forecast and _has_segment(dynamodb, f"often-{life}") for life in numbers
        )

    def _stock(self, products: list[str], units: int) -> None:
        dynamodb = client(self.account.url, "dynamodb")
        for product in products:
            key = {"product_id": {"S": product}, "location_id": {"S": "-"}}
            dynamodb.put_item(
                TableName=SETTINGS.inventory_table,
                Item=key | {"current_stock": {"N": str(units)}, "supplier": {"S": "acme"}},
            )

    async def live(self, enough: Callable[[set[Need]], bool]) -> Watched:
        """Works until what was called is enough, or something was refused, or time is up; then drains."""
        self.count += 1
        assert self.count <= self.seeded
        self._clean()
        self._offer()
        watched = Watched()
        endpoints = Endpoints(self.account.url, self.account.gateway.url)
        async with open_clients("us-east-1", endpoints, session=self.account.session) as clients:
            watched.watch(clients)
            with suppress(Misconfigured):
                runner = await build(SETTINGS, clients, SystemClock())
                await self._run(runner, watched, enough)
        return watched

    async def _run(self, runner: Any, watched: Watched, enough: Callable[[set[Need]], bool]) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(runner.run(stop))
        deadline = asyncio.get_running_loop().time() + WITHIN_S
        while not watched.refused and not enough(watched.needs) and not running.done():
            watched.changed.clear()
            if asyncio.get_running_loop().time() > deadline:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await watched.changed.wait()
        if watched.refused:  # seen: what the rest of the life brings is no matter
            running.cancel()
        stop.set()
        with suppress(asyncio.CancelledError, Misconfigured):
            await running

    def _clean(self) -> None:
        """Takes away what the life before left: messages and leases."""
        sqs, dynamodb = client(self.account.url, "sqs"), client(self.account.url, "dynamodb")
        for name in SETTINGS.queue_names:
            sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
        for item in dynamodb.scan(TableName=SETTINGS.leases_table)["Items"]:
            key = {name: item[name] for name in ("pk", "sk")}
            dynamodb.delete_item(TableName=SETTINGS.leases_table, Key=key)

    def _offer(self) -> None:
        """A sale that leads to an order and an insight, one that lets a segment go, one by a table, one of a product
        that a newer version wrote, a receipt, a body that lies in S3, and a bad line too large for an item."""
        life, now = self.count, datetime.now(UTC)
        dynamodb, s3 = client(self.account.url, "dynamodb"), client(self.account.url, "s3")
        self._stock([f"short-{life}", f"often-{life}", f"tabled-{life}"], 0)
        header = {"pk": f"P#{product_label(ProductKey(f'newer-{life}', None))}", "sk": "H"}
        newer = {name: {"S": value} for name, value in header.items()} | {"schema": {"N": str(NEWER_SCHEMA)}}
        dynamodb.put_item(TableName=SETTINGS.state_table, Item=newer)
        row = {"product_id": f"tabled-{life}", "sale_date": now.isoformat(), "event_id": f"tabled-{life}"}
        tabled = {name: {"S": value} for name, value in row.items()} | {"quantity": {"N": "2"}}
        dynamodb.put_item(TableName="retail-sales-history", Item=tabled)
        key = f"bodies/{life}"
        s3.put_object(
            Bucket=SETTINGS.payload_bucket,
            Key=key,
            Body=json.dumps(_sale(f"short-{life}", f"far-{life}", now)).encode(),
        )
        self._send(
            [
                json.dumps(_sale(f"short-{life}", f"near-{life}", now)),
                json.dumps(_sale(f"often-{life}", f"again-{life}", now)),
                json.dumps(_sale(f"newer-{life}", f"newer-{life}", now)),
                json.dumps(_received(f"due-{life}", now)),
                pointer_body(SETTINGS.payload_bucket, key),
                json.dumps({"product_id": f"bad-{life}", "quantity": "x" * LARGE_BYTES}),
            ]
        )

    def _send(self, bodies: list[str]) -> None:
        sqs = client(self.account.url, "sqs")
        urls = [sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in SETTINGS.queue_names]
        for number, body in enumerate(bodies):
            sqs.send_message(QueueUrl=urls[number % len(urls)], MessageBody=body)


def _sale(product: str, event: str, at: datetime) -> dict[str, Any]:
    return {"product_id": product, "event_id": event, "occurred_at": at.isoformat(), "quantity": 3, "unit_price": 9.99}


def _received(product: str, at: datetime) -> dict[str, Any]:
    """A part of the product's first order has come: of that its supplier's lead time is learnt."""
    order = {"type": "shipment_received", "reorder_id": f"{product}:1", "event_id": f"receipt-{product}"}
    return {**order, "product_id": product, "quantity": 1, "occurred_at": at.isoformat()}


def _has_segment(dynamodb: Any, product: str) -> bool:
    pk = {"S": f"P#{product_label(ProductKey(product, None))}"}
    found = dynamodb.query(
        TableName=SETTINGS.state_table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": pk},
        ConsistentRead=True,
    )
    return found["Count"] > 1
