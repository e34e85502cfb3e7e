"""Where do the rules lie, and how are they fetched?

RESTOCK_RULES names a file by its path, an object by s3://bucket/key, or a table by dynamodb://name, whose items are
rows. Each reading is a whole one: rules are few, and half of them would be other rules."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from domain.buying import RuleSet
from handlers.order_ports import InvalidRules, RulesSource
from worker.aws.clients import Clients, translated
from worker.rules.formats import BYTES_MAX, rules_in, sections_of
from worker.rules.model import rules_of

ITEMS_MAX = 200_000
READ_S = 30.0


def rules_source(named: str, clients: Clients) -> RulesSource:
    """The source of this name; InvalidRules if it can be none."""
    scheme, separator, rest = named.partition("://")
    if not separator:
        return FileRules(Path(named))
    bucket, _, key = rest.partition("/")
    if scheme == "s3" and bucket and key:
        return S3Rules(clients.s3, bucket, key)
    if scheme == "dynamodb" and rest and "/" not in rest:
        return TableRules(clients.dynamodb, rest)
    raise InvalidRules(f"{named}: rules lie in a file, in s3://bucket/key or in dynamodb://table")


class FileRules:
    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> RuleSet:
        try:
            body = await asyncio.to_thread(self._bytes)
        except OSError as exc:
            raise InvalidRules(f"{self._path}: {exc.strerror or exc}") from exc
        return rules_in(body, self._path.name)

    def _bytes(self) -> bytes:
        with self._path.open("rb") as stream:
            return stream.read(BYTES_MAX + 1)


class S3Rules:
    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key

    async def read(self) -> RuleSet:
        where = f"s3://{self._bucket}/{self._key}"
        with translated(f"GetObject {where}"):
            async with asyncio.timeout(READ_S):
                answer = await self._client.get_object(Bucket=self._bucket, Key=self._key)
                if answer["ContentLength"] > BYTES_MAX:
                    raise InvalidRules(f"{where}: larger than {BYTES_MAX} bytes")
                async with answer["Body"] as stream:
                    body = await stream.read()
        return rules_in(body, where)


class TableRules:
    """Rules as the items of a table with the keys scope and name."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    async def read(self) -> RuleSet:
        where = f"dynamodb://{self._table}"
        rows: list[dict[str, Any]] = []
        request: dict[str, Any] = {"TableName": self._table, "ConsistentRead": True}
        while True:
            with translated(f"Scan {self._table}"):
                async with asyncio.timeout(READ_S):
                    page = await self._client.scan(**request)
            rows += [{name: _value(value) for name, value in item.items()} for item in page["Items"]]
            if len(rows) > ITEMS_MAX:
                raise InvalidRules(f"{where}: more than {ITEMS_MAX} items")
            if "LastEvaluatedKey" not in page:
                break
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        try:
            sections = sections_of(rows)
        except InvalidRules as exc:
            raise InvalidRules(f"{where}: {exc}") from exc
        return rules_of(sections, where)


def _value(attribute: dict[str, Any]) -> Any:
    """What an attribute says. A number comes as text, and pydantic reads it."""
    ((kind, value),) = attribute.items()
    if kind == "L":
        return [_value(each) for each in value]
    return None if kind == "NULL" else value
