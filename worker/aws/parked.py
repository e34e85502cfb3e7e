"""What lies in quarantine, and how does a line leave it?

Page by page, as it is stored. A line is deleted only as it was read: one that was parked again meanwhile, with
another reason, stays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from handlers.ports import Quarantined
from worker.aws.clients import error_code, translated
from worker.aws.dynamodb import Item, gather_bounded, number, text
from worker.aws.state_codec import SHARDS
from worker.retry import retrying

PAGE_ITEMS = 200
IN_FLIGHT = 16


class ParkedLine(NamedTuple):
    """A quarantined line; in_s3 is where its body lies if that was too large for an item."""

    record: Quarantined
    pk: str
    in_s3: str = ""


class ParkedLines:
    def __init__(self, dynamodb: Any, s3: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._s3 = s3
        self._table = table

    async def pages(self) -> AsyncIterator[list[ParkedLine]]:
        """Every line, without the bodies that lie in S3."""
        for shard in range(SHARDS):
            request: dict[str, Any] = {
                "TableName": self._table,
                "KeyConditionExpression": "pk = :pk",
                "ExpressionAttributeValues": {":pk": text(f"Q#{shard}")},
                "Limit": PAGE_ITEMS,
                "ConsistentRead": True,
            }
            while True:
                answer = await retrying(partial(self._page, request))
                yield [_line(item) for item in answer["Items"]]
                if "LastEvaluatedKey" not in answer:
                    break
                request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    async def _page(self, request: dict[str, Any]) -> Any:
        with translated("Query"):
            return await self._dynamodb.query(**request)

    async def body_of(self, line: ParkedLine) -> str:
        """The line as it came."""
        if not line.in_s3:
            return line.record.body
        bucket, _, key = line.in_s3.removeprefix("s3://").partition("/")

        async def once() -> bytes:
            with translated(f"GetObject {line.in_s3}"):
                answer = await self._s3.get_object(Bucket=bucket, Key=key)
                async with answer["Body"] as stream:
                    read: bytes = await stream.read()
                    return read

        return (await retrying(once)).decode("utf-8", "surrogatepass")

    async def forget(self, lines: Sequence[ParkedLine]) -> int:
        """Deletes lines that are as they were read; returns how many were not, and stay."""
        deleted = await gather_bounded(self._forget, lines, IN_FLIGHT)
        return deleted.count(False)

    async def _forget(self, line: ParkedLine) -> bool:
        async def once() -> bool:
            try:
                await self._dynamodb.delete_item(
                    TableName=self._table,
                    Key={"pk": text(line.pk), "sk": text(line.record.record_id)},
                    ConditionExpression="attribute_not_exists(pk) OR received_at = :as_read",
                    ExpressionAttributeValues={":as_read": number(line.record.received_at)},
                )
            except ClientError as exc:
                if error_code(exc) == "ConditionalCheckFailedException":
                    return False
                raise
            return True

        async def told() -> bool:
            with translated("DeleteItem"):
                return await once()

        return await retrying(told)


def _line(item: Item) -> ParkedLine:
    body = item.get("body", {})
    said = body["S"] if "S" in body else bytes(body.get("B", b"")).decode("utf-8", "surrogatepass")
    record = Quarantined(item["sk"]["S"], item["reason"]["S"], said, int(item["received_at"]["N"]))
    return ParkedLine(record, item["pk"]["S"], item.get("body_in_s3", {}).get("S", ""))
