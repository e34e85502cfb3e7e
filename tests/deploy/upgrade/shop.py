"""What is sold, what is in stock, and what was ordered in the end?"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from chaos.sales import Line

from worker.aws.clients import Clients
from worker.settings import Settings

PRODUCTS, DAYS, SALES_A_MESSAGE = 150, 28, 50
STOCK = 40
DUPLICATES = 0.1
AHEAD_MESSAGES = 30  # what may wait in the queue before more is sent
REST_WITHIN_S = 180.0
FIRST_DAY = date(2024, 3, 1)


@dataclass(slots=True)
class Queue:
    """Sends the sales, never far ahead of the workers. sent: sales, repetitions counted."""

    clients: Clients
    url: str
    lines: Sequence[Line]
    sent: int = 0

    async def send_up_to(self, sales: int) -> None:
        while self.sent < min(sales, len(self.lines)):
            await self.until_depth(AHEAD_MESSAGES)
            await self.send(10)

    async def send(self, messages: int) -> None:
        """Sends at most so many, which are at most ten; none if nothing is left to send."""
        entries = []
        for number in range(messages):
            part = self.lines[self.sent : self.sent + SALES_A_MESSAGE]
            if part:
                body = json.dumps([line.fields for line in part])
                entries.append({"Id": str(number), "MessageBody": body})
                self.sent += len(part)
        if entries:
            await self.clients.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    async def until_depth(self, messages: int) -> None:
        """Waits until no more than so many are left. Whom we kill leaves some behind for their visibility timeout."""
        deadline = time.monotonic() + REST_WITHIN_S
        while await self.depth() > messages and time.monotonic() < deadline:  # noqa: ASYNC110 - other processes work
            await asyncio.sleep(0.1)

    async def depth(self) -> int:
        """Messages that are not deleted yet."""
        said = await self.clients.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return sum(int(said["Attributes"][name]) for name in names)


def sales_of_days(sales: int, chance: Random) -> list[Line]:
    """Sales of many days, the days in order; a tenth is repeated, somewhere behind."""
    placed = []
    for number in range(sales):
        mark = f"upgrade-{number:06d}-a"
        fields = {
            "product_id": f"P{chance.randrange(PRODUCTS):03d}",
            "event_id": mark,
            "occurred_at": f"{FIRST_DAY + timedelta(days=number * DAYS // sales)}T12:00:00Z",
            "quantity": chance.randint(1, 4),
            "unit_price": chance.randint(1, 5_000) / 100,
            "promotion": False,
        }
        placed.append((float(number), Line("sale", fields["product_id"], mark, fields)))
        if chance.random() < DUPLICATES:
            again = number + chance.random() * sales / 10
            placed.append((again, Line("sale", fields["product_id"], mark, fields, repeated=True)))
    return [line for _, line in sorted(placed, key=lambda each: each[0])]


async def put_stock(clients: Clients, settings: Settings) -> None:
    for number in range(PRODUCTS):
        key = {"product_id": {"S": f"P{number:03d}"}, "location_id": {"S": "-"}}
        await clients.dynamodb.put_item(
            TableName=settings.inventory_table, Item=key | {"current_stock": {"N": str(STOCK)}}
        )


async def published_orders(clients: Clients, url: str) -> list[dict[str, Any]]:
    """Every order event that the bus delivered, each once."""
    heard: dict[str, dict[str, Any]] = {}
    while found := (await clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)).get("Messages"):
        for message in found:
            event = json.loads(message["Body"])
            if event["detail-type"] == "Reorder Required":
                heard[event["id"]] = event["detail"]
            await clients.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return list(heard.values())
