"""What do the workers know of all products?

The state table's headers, by a parallel scan: a segment of the scan is a shard, read page by page, so that neither the
number of products nor the size of the table matters to memory. Event ids are not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from domain.features import series_of
from domain.product import ProductState, product_label
from worker.aws import state_codec as codec
from worker.aws.dynamodb import text
from worker.bulk.records import Part
from worker.table_scan import scan_pages

PART_PRODUCTS = 3_000


async def parts_of(dynamodb: Any, table: str, segment: int, segments: int, as_of: int) -> AsyncIterator[Part]:
    """The products of one segment that have ever sold."""
    waiting: list[ProductState] = []
    async for state in _states(dynamodb, table, segment, segments):
        if state.newest_day is not None:
            waiting.append(state)
        if len(waiting) >= PART_PRODUCTS:
            yield _part(waiting, as_of)
            waiting = []
    if waiting:
        yield _part(waiting, as_of)


def _part(states: list[ProductState], as_of: int) -> Part:
    return Part([product_label(state.key) for state in states], series_of(states, as_of))


async def _states(dynamodb: Any, table: str, segment: int, segments: int) -> AsyncIterator[ProductState]:
    headers = scan_pages(
        dynamodb,
        TableName=table,
        Segment=segment,
        TotalSegments=segments,
        FilterExpression="sk = :header",
        ExpressionAttributeValues={":header": text(codec.HEADER)},
    )
    async for items in headers:
        for item in items:
            yield codec.decode_header(codec.product_in(item), item)
        await asyncio.sleep(0)
