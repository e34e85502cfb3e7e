"""Who sends the sales, and who delivers what is ordered?

The shop books a sale out of its stock before it tells of it; the supplier hears of orders from the bus, and the shop
books each half of a delivery in before it says so. They reach the server directly: only workers have a bad network."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from chaos.sales import DUPLICATE_WITHIN_S, DUPLICATES, LABELS, Line, Message, group_of, named
from worker.aws.clients import Clients
from worker.aws.dynamodb import batch_write, number, text
from worker.settings import Settings

OPENING_STOCK = 40
DELIVERED_AFTER_S = (0.1, 2.5)
TICK_S = 0.1
SUBSCRIBER_WAIT_S = 1
PART_MAX = 10  # entries of an SQS batch


@dataclass(frozen=True, slots=True)
class Delivery:
    """A part of an order. sent_at (ms) is when the worker was first told of it."""

    product: str
    reorder_id: str
    part: int
    quantity: int
    sent_at: int = 0


@dataclass(slots=True)
class Shop:
    """lines: all that was sent, in order. published: what the bus delivered, each event once, in order."""

    clients: Clients
    settings: Settings
    queue_url: str
    subscriber_url: str
    plan: list[Message]
    chance: Random
    lines: list[Line] = field(default_factory=list)
    messages: int = 0
    shipments_repeated: int = 0
    published: list[dict[str, Any]] = field(default_factory=list)
    delivered: list[Delivery] = field(default_factory=list)
    stock: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LABELS, OPENING_STOCK))
    _heard: set[str] = field(default_factory=set)
    _taken: set[str] = field(default_factory=set)
    _booked: set[str] = field(default_factory=set)
    _due: list[tuple[float, Delivery]] = field(default_factory=list)
    _again: list[tuple[float, Delivery]] = field(default_factory=list)
    _next: int = 0
    _numbers: count[int] = field(default_factory=count)

    async def open(self) -> None:
        await self._write_stock(set(LABELS))

    @property
    def left(self) -> int:
        """Messages of the plan and deliveries that are still to come."""
        return len(self.plan) - self._next + len(self._due) + len(self._again)

    async def trade(self) -> None:
        """Sends and delivers what is due, for ever."""
        started = time.monotonic()
        while True:
            now_s = time.monotonic() - started
            await self._sell(now_s)
            await self._deliver()
            await asyncio.sleep(TICK_S)

    async def _sell(self, now_s: float) -> None:
        first = self._next
        while self._next < len(self.plan) and self.plan[self._next].at_s <= now_s:
            self._next += 1
        due = self.plan[first : self._next]
        touched = set()
        for line in (line for message in due for line in message.lines):
            self.lines.append(line)
            if line.kind == "sale" and line.mark not in self._booked and not isinstance(line.fields, str):
                self._booked.add(line.mark)
                self.stock[line.product] -= line.fields["quantity"]
                touched.add(line.product)
        await self._write_stock(touched)
        await self._send([(message.body, message.group) for message in due])

    async def _deliver(self) -> None:
        now = time.monotonic()
        due = [delivery for at, delivery in self._due if at <= now]
        again = [delivery for at, delivery in self._again if at <= now]
        self._due = [(at, delivery) for at, delivery in self._due if at > now]
        self._again = [(at, delivery) for at, delivery in self._again if at > now]
        for delivery in due:
            self.stock[delivery.product] += delivery.quantity
        await self._write_stock({delivery.product for delivery in due})
        sent_at = int(time.time() * 1000)
        self.delivered += [Delivery(each.product, each.reorder_id, each.part, each.quantity, sent_at) for each in due]
        self.shipments_repeated += len(again)
        await self._send([(_shipment(each), group_of(each.product)) for each in (*due, *again)])
        for delivery in due:
            if self.chance.random() < DUPLICATES:
                self._again.append((now + self.chance.uniform(0, DUPLICATE_WITHIN_S / 3), delivery))

    async def _write_stock(self, labels: set[str]) -> None:
        rows = []
        for label in labels:
            name = named(label)
            item = {
                "product_id": text(name["product_id"]),
                "location_id": text(name.get("location_id", "-")),
                "current_stock": number(self.stock[label]),
            }
            rows.append({"PutRequest": {"Item": item}})
        await batch_write(self.clients.dynamodb, self.settings.inventory_table, rows)

    async def _send(self, bodies: list[tuple[str, str]]) -> None:
        fifo = self.settings.queue_name.endswith(".fifo")
        self.messages += len(bodies)
        for at in range(0, len(bodies), PART_MAX):
            entries = []
            for index, (body, group) in enumerate(bodies[at : at + PART_MAX]):
                entry = {"Id": str(index), "MessageBody": body}
                if fifo:
                    entry |= {"MessageGroupId": group, "MessageDeduplicationId": str(next(self._numbers))}
                entries.append(entry)
            answer = await self.clients.sqs.send_message_batch(QueueUrl=self.queue_url, Entries=entries)
            if answer.get("Failed"):
                raise AssertionError(f"the server refused to take messages: {answer['Failed']}")

    async def listen(self) -> None:
        """Reads what the bus delivers, for ever."""
        while True:
            await self.hear(SUBSCRIBER_WAIT_S)

    async def hear(self, wait_s: int) -> int:
        """Reads a few events of the bus; returns how many."""
        url = self.subscriber_url
        answer = await self.clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_s)
        found = answer.get("Messages", [])
        for message in found:
            event = json.loads(message["Body"])
            if event["detail-type"] == "Reorder Required" and event["id"] not in self._heard:
                self._heard.add(event["id"])
                self.published.append(event["detail"])
                self._take(event["detail"])
        for message in found:
            await self.clients.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(found)

    def _take(self, order: dict[str, Any]) -> None:
        """The supplier takes an order once, whatever he hears, and delivers it in two parts."""
        if order["reorder_id"] in self._taken:
            return
        self._taken.add(order["reorder_id"])
        label = order["reorder_id"].rpartition(":")[0]
        whole = order["recommended_order_quantity"]
        parts = [part for part in (whole // 2, whole - whole // 2) if part > 0]
        for index, quantity in enumerate(parts):
            at = time.monotonic() + self.chance.uniform(*DELIVERED_AFTER_S)
            self._due.append((at, Delivery(label, order["reorder_id"], index, quantity)))


def _shipment(delivery: Delivery) -> str:
    event = {
        "type": "shipment_received",
        "event_id": f"shipment:{delivery.reorder_id}:{delivery.part}",
        **named(delivery.product),
        "reorder_id": delivery.reorder_id,
        "quantity": delivery.quantity,
        # Events other than sales have no horizon: any day will do.
        "occurred_at": "2024-03-01T12:00:00Z",
    }
    return json.dumps(event)
