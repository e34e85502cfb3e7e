"""What does a subscriber of the event bus really receive?

A queue behind an EventBridge rule, read as any subscriber would: reports show what arrived here, not what the worker
believes it sent. It deduplicates orders by their id before the supplier acts, as every subscriber is told to."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from domain.events import ProductKey
from handlers.announcements import INSIGHT_PUBLISHED, REORDER_REQUIRED
from worker.local.shop import Shop

WAIT_S = 1


@dataclass(slots=True)
class Subscriber:
    sqs: Any
    queue_url: str
    shop: Shop
    reorders: list[dict[str, Any]] = field(default_factory=list)
    insights: list[dict[str, Any]] = field(default_factory=list)
    order_ids: set[str] = field(default_factory=set)
    first_reorder_after_s: float | None = None
    started_at: float = 0.0
    ended: bool = False

    async def listen(self) -> None:
        """Reads until it is told to end: a receive that is cancelled would take along what it was given."""
        while not self.ended:
            await self.read(WAIT_S)

    async def read(self, wait_s: int) -> int:
        """Reads one batch of events; returns how many there were."""
        answer = await self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_s)
        messages = answer.get("Messages", [])
        for message in messages:
            self._take(json.loads(message["Body"]))
        if messages:
            entries = [
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]} for index, message in enumerate(messages)
            ]
            await self.sqs.delete_message_batch(QueueUrl=self.queue_url, Entries=entries)
        return len(messages)

    def _take(self, event: dict[str, Any]) -> None:
        if event["detail-type"] == INSIGHT_PUBLISHED:
            self.insights.append(event)
        elif event["detail-type"] == REORDER_REQUIRED:
            self._order(event)

    def _order(self, event: dict[str, Any]) -> None:
        detail = event["detail"]
        self.reorders.append(event)
        if self.first_reorder_after_s is None:
            self.first_reorder_after_s = asyncio.get_running_loop().time() - self.started_at
        if detail["reorder_id"] in self.order_ids:
            return
        self.order_ids.add(detail["reorder_id"])
        product = ProductKey(detail["product_id"], detail["location_id"])
        self.shop.order(product, detail["reorder_id"], detail["recommended_order_quantity"], detail["lead_time_days"])
