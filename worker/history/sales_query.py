"""Which sales does a table hold of one product, from one day to another?

A Query by the product, page by page, both days whole: the sort key begins with the time of the sale, and a time of a
day sorts behind that day's name and before what follows it. Each item is read as its stream would tell it, so that
missing names, decimals and orders of several lines are what they are elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import date
from functools import partial
from typing import Any

from domain.events import SaleRecorded
from worker.aws.clients import translated
from worker.aws.dynamodb import Item, text
from worker.rebuilding.item_histories import sales_of
from worker.retry import retrying
from worker.table_scan import TableScan

EPOCH = date(1970, 1, 1)
NEWEST_ITEMS = 10  # some of the last ones may be no sale
BEHIND_ALL = "\U0010ffff"


async def sales_between(
    scan: TableScan,
    product_id: str,
    first: date,
    last: date,
    now: int,
    refused: Counter[str],
    table_fields: Mapping[str, str],
) -> AsyncIterator[SaleRecorded]:
    """The sales of these days, both included. The table's keys must be the product and a text that begins with the time
    of ISO 8601. refused counts the reasons of items that are no sale."""
    product, moment = scan.keys
    request: dict[str, Any] = {
        "TableName": scan.table,
        "KeyConditionExpression": "#product = :product AND #moment BETWEEN :first AND :last",
        "ExpressionAttributeNames": {"#product": product, "#moment": moment},
        "ExpressionAttributeValues": {
            ":product": text(product_id),
            ":first": text(first.isoformat()),
            ":last": text(last.isoformat() + BEHIND_ALL),
        },
    }
    days = range((first - EPOCH).days, (last - EPOCH).days + 1)
    async for items in _pages(scan, request):
        for item in items:
            for sale in sales_of(scan.message(item), table_fields, now, refused):
                if sale.day in days:  # a time with a zone may lie in another day than its text
                    yield sale


async def newest_day(scan: TableScan, product_id: str, now: int, table_fields: Mapping[str, str]) -> int | None:
    """The day of the last sale by its key; None if there is none."""
    product, _ = scan.keys
    request: dict[str, Any] = {
        "TableName": scan.table,
        "KeyConditionExpression": "#product = :product",
        "ExpressionAttributeNames": {"#product": product},
        "ExpressionAttributeValues": {":product": text(product_id)},
        "ScanIndexForward": False,
        "Limit": NEWEST_ITEMS,
    }
    async for items in _pages(scan, request):
        sales = [sale for item in items for sale in sales_of(scan.message(item), table_fields, now, Counter())]
        if sales:
            return max(sale.day for sale in sales)
    return None


async def _pages(scan: TableScan, request: dict[str, Any]) -> AsyncIterator[list[Item]]:
    while True:
        answer = await retrying(partial(_page, scan, request))
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


async def _page(scan: TableScan, request: dict[str, Any]) -> Any:
    with translated(f"Query {scan.table}"):
        return await scan.dynamodb.query(**request)
