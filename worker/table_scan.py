"""Which sales stand in a table, whoever still has its stream?

Every item as the INSERT that the stream would have carried when it was put: the same body, read the same way, so that
what was counted is known. Segments are read side by side, of each one page at a time: memory stays flat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple, Self, TextIO

from worker.aws.clients import translated
from worker.aws.dynamodb import Item, gather_bounded
from worker.retry import retrying
from worker.sources.shards.records import as_json
from worker.sources.source import Message

SCAN_ATTEMPTS = 10  # about half a minute: a table is throttled for longer than a queue
TOLD_EVERY_S = 5.0

Take = Callable[[list[Message]], Awaitable[None]]


async def scan_pages(dynamodb: Any, attempts: int = SCAN_ATTEMPTS, **request: Any) -> AsyncIterator[list[Item]]:
    """Every page of a Scan, as DynamoDB answers it; one at a time is in memory."""

    async def page() -> Any:
        with translated(f"Scan {request['TableName']}"):
            return await dynamodb.scan(**request)

    while True:
        answer = await retrying(page, attempts)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


class TableScan(NamedTuple):
    """A table to be read as a whole. keys are the names of its key attributes, stream what its records name as their
    origin."""

    dynamodb: Any
    table: str
    keys: tuple[str, ...]
    stream: str

    @classmethod
    async def of(cls, dynamodb: Any, table: str) -> Self:
        """Misconfigured if there is no such table, or it may not be described."""
        with translated(f"DescribeTable {table}"):
            said = (await dynamodb.describe_table(TableName=table))["Table"]
        keys = tuple(key["AttributeName"] for key in said["KeySchema"])
        return cls(dynamodb, table, keys, said.get("LatestStreamArn") or said["TableArn"])

    async def read(self, segments: int, page_items: int, stop: asyncio.Event, take: Take) -> bool:
        """Awaits take for every page, of at most page_items. Once stop is set, or a segment fails, no further page is
        read; the first failure is raised when all have ended. Returns whether the whole table was read."""
        whole = await gather_bounded(
            partial(self._segment, segments, page_items, stop, take), range(segments), in_flight=segments
        )
        return all(whole)

    async def _segment(self, segments: int, page_items: int, stop: asyncio.Event, take: Take, segment: int) -> bool:
        request = {
            "TableName": self.table,
            "Segment": segment,
            "TotalSegments": segments,
            "Limit": page_items,
            "ConsistentRead": True,
        }
        try:
            while not stop.is_set():
                answer = await retrying(partial(self._page, request), SCAN_ATTEMPTS)
                await take([self.message(item) for item in answer["Items"]])
                if "LastEvaluatedKey" not in answer:
                    return True
                request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        except BaseException:
            stop.set()
            raise
        return False

    async def _page(self, request: dict[str, Any]) -> Any:
        with translated(f"Scan {self.table}"):
            return await self.dynamodb.scan(**request)

    def message(self, item: Item) -> Message:
        """The item as its insertion. The id is the same whenever the item is read, however it was changed."""
        keys = {name: item[name] for name in self.keys}
        known_by = as_json({"Keys": keys}, self.table)
        message_id = f"rebuild-{sha256(known_by.encode()).hexdigest()[:32]}"
        record = {
            "eventID": message_id,
            "eventName": "INSERT",
            "eventSource": "aws:dynamodb",
            "dynamodb": {"Keys": keys, "NewImage": item, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        }
        return Message(message_id, message_id, as_json(record, self.stream), source="rebuild")


@asynccontextmanager
async def telling(line: Callable[[], str], progress: TextIO, every_s: float = TOLD_EVERY_S) -> AsyncIterator[None]:
    """Writes how far it is, line by line, as long as the block runs."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(every_s)
            progress.write(line() + "\n")
            progress.flush()

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
