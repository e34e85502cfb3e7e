"""Which orders did a product have, and why?

Each order stands in the state table beside its product, with what it was decided from, however long it is closed. What
became of it is known of the open ones and of the last few; of an older one, that it is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from domain.orders import OpenOrder
from domain.product import ProductState, product_label
from domain.ruling import DecisionRecord
from worker.aws.clients import translated
from worker.aws.dynamodb import Item, text
from worker.aws.order_codec import decision_from
from worker.retry import retrying

SHOWN_MAX = 20


class PastOrder(NamedTuple):
    """An order as it was decided. record: what from, None if it was decided before that was kept. now: what is known of
    it still."""

    reorder_id: str
    cycle: int
    quantity: int
    decided_at: int
    record: DecisionRecord | None
    now: OpenOrder | None


class OrderHistory(Protocol):
    async def of(self, state: ProductState) -> list[PastOrder]:
        """The newest orders of a product, the newest first. TransientFailure if they cannot be read."""
        ...


class PastOrders:
    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    async def of(self, state: ProductState) -> list[PastOrder]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :orders)",
            "ExpressionAttributeValues": {":pk": text(f"P#{product_label(state.key)}"), ":orders": text("O#")},
            "ScanIndexForward": False,
            "Limit": SHOWN_MAX,
        }

        async def page() -> Any:
            with translated("Query"):
                return await self._dynamodb.query(**request)

        answer = await retrying(page)
        return list(_orders(answer.get("Items", []), state))


def _orders(items: list[Item], state: ProductState) -> Iterator[PastOrder]:
    known = {order.cycle: order for order in (*state.closed_orders, *state.open_orders)}
    for item in items:
        cycle = int(item["sk"]["S"].removeprefix("O#"))
        record = decision_from(item["decision"]["S"]) if "decision" in item else None
        quantity, decided_at = int(item["quantity"]["N"]), int(item["decided_at"]["N"])
        yield PastOrder(item["reorder_id"]["S"], cycle, quantity, decided_at, record, known.get(cycle))
