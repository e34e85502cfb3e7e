"""Where do the words about a product stand, for whoever shows it?

In restock-state: pk `I#<product>`, sk the day that the decision was made for, the insight as it was published. Apart
from the product's own partition, where nothing is written but what a commit writes. A product has one insight in a
fortnight, and one for each shelf that empties; TTL on expires_at removes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from domain.events import MS_PER_DAY, InsightPublished, ProductKey
from domain.product import product_label
from handlers.announcements import announce_insight, iso_day
from worker.aws.dynamodb import Item, batch_write, number, query, text

KEPT_DAYS = 400


class DynamoInsights:
    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    async def keep(self, insights: Sequence[InsightPublished]) -> None:
        items = [_item(insight) for insight in insights]
        await batch_write(self._client, self._table, [{"PutRequest": {"Item": item}} for item in items])

    async def of(self, product: ProductKey) -> list[Mapping[str, Any]]:
        """A product's insights as they were published, the newest day first."""
        items = await query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": _pk(product)},
        )
        return [from_json(item["insight"]["S"]) for item in reversed(items)]


def _pk(product: ProductKey) -> Item:
    return text(f"I#{product_label(product)}")


def _item(insight: InsightPublished) -> Item:
    return {
        "pk": _pk(insight.product),
        "sk": text(str(iso_day(insight.as_of))),
        "insight": text(announce_insight(insight).detail),
        "expires_at": number((insight.occurred_at // MS_PER_DAY + KEPT_DAYS) * MS_PER_DAY // 1000),
    }
