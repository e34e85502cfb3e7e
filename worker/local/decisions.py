"""Why was so much ordered, in a run that is over?

The decisions as they are kept: of each order with the order, of those that ordered nothing with the day's forecast. A
report shows each with its reasons."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from domain.explanation import explain_decision
from domain.ruling import DecisionRecord
from handlers.announcements import iso_day
from worker.aws.dynamodb import Item
from worker.aws.order_codec import decision_from, decision_text


async def read_decisions(dynamodb: Any, tables: Sequence[str]) -> list[DecisionRecord]:
    """Every decision that is kept in these tables, once, in the order of product and time."""
    texts = {
        item["decision"]["S"] for table in tables async for item in _having("decision", dynamodb, table, "decision")
    }
    records = [decision_from(text) for text in texts]
    return sorted(records, key=lambda record: (record.known.product, record.known.decided_at))


async def read_insights(dynamodb: Any, table: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Every insight that is kept there, by the product's label and the day of its decision."""
    kept = [item async for item in _having("insight", dynamodb, table, "pk, sk, insight")]
    return {(item["pk"]["S"].removeprefix("I#"), item["sk"]["S"]): from_json(item["insight"]["S"]) for item in kept}


async def _having(attribute: str, dynamodb: Any, table: str, names: str) -> AsyncIterator[Item]:
    request: dict[str, Any] = {
        "TableName": table,
        "FilterExpression": f"attribute_exists({attribute})",
        "ProjectionExpression": names,
        "ConsistentRead": True,
    }
    while True:
        page = await dynamodb.scan(**request)
        for item in page["Items"]:
            yield item
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def decision_lines(
    records: Sequence[DecisionRecord], insights: Mapping[tuple[str, str], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """What a report says of each: product, quantity, the reasons, the insight of that day if there was one, and the
    record itself."""
    for record in records:
        yield {
            "product": record.known.product,
            "quantity": record.ruling.quantity,
            "why": record.ruling.why,
            "said": explain_decision(record),
            "insight": insights.get((record.known.product, str(iso_day(record.known.as_of)))),
            "record": from_json(decision_text(record)),
        }
