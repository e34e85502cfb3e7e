"""Why was so much ordered, in a run that is over?

The decisions as they are kept: of each order with the order, of those that ordered nothing with the day's forecast. A
report shows each with its reasons."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from pydantic_core import from_json

from domain.explanation import explain_decision
from domain.ruling import DecisionRecord
from worker.aws.dynamodb import Item
from worker.aws.order_codec import decision_from, decision_text


async def read_decisions(dynamodb: Any, tables: Sequence[str]) -> list[DecisionRecord]:
    """Every decision that is kept in these tables, once, in the order of product and time."""
    texts = {item["decision"]["S"] for table in tables async for item in _deciding(dynamodb, table)}
    records = [decision_from(text) for text in texts]
    return sorted(records, key=lambda record: (record.known.product, record.known.decided_at))


async def _deciding(dynamodb: Any, table: str) -> AsyncIterator[Item]:
    request: dict[str, Any] = {
        "TableName": table,
        "FilterExpression": "attribute_exists(decision)",
        "ProjectionExpression": "decision",
        "ConsistentRead": True,
    }
    while True:
        page = await dynamodb.scan(**request)
        for item in page["Items"]:
            yield item
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def decision_lines(records: Sequence[DecisionRecord]) -> Iterator[dict[str, Any]]:
    """What a report says of each: product, quantity, the reasons, and the record itself."""
    for record in records:
        yield {
            "product": record.known.product,
            "quantity": record.ruling.quantity,
            "why": record.ruling.why,
            "said": explain_decision(record),
            "record": from_json(decision_text(record)),
        }
