"""Which shards does a table's stream have now?

A table that was given a new stream still has the old one for a day, and each is read to its end. Both listings come
in pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import structlog
from botocore.exceptions import ClientError

from handlers.errors import Misconfigured
from worker.aws.clients import error_code, translated
from worker.sources.shards.lineage import Shard, ShardKey
from worker.sources.shards.position import GONE

log = structlog.get_logger()

VIEW = "NEW_AND_OLD_IMAGES"


async def require_readable_stream(dynamodb: Any, table: str) -> None:
    """Misconfigured if the table has a stream that does not tell what an item was and what it is. One without a stream
    may get one, and may still have the rest of an old one."""
    with translated(f"DescribeTable {table}"):
        described = await dynamodb.describe_table(TableName=table)
    said = described["Table"].get("StreamSpecification", {})
    if not said.get("StreamEnabled"):
        log.error("stream.missing", table=table, remedy=f"enable a stream with {VIEW}")
    elif said.get("StreamViewType") != VIEW:
        raise Misconfigured(
            f"the stream of table {table} carries {said.get('StreamViewType')}: a changed or removed sale can only be "
            f"told with {VIEW}"
        )


class Listing(NamedTuple):
    """streams: those that exist. shards: all of theirs that still have records to read."""

    streams: frozenset[str]
    shards: dict[ShardKey, Shard]


class Discovery:
    def __init__(self, streams: Any, table: str) -> None:
        self._streams = streams
        self._table = table

    async def listing(self, known: Iterable[str]) -> Listing:
        """What the table has. known: streams it had before, which may be readable without being listed any more."""
        existing: set[str] = set()
        shards: dict[ShardKey, Shard] = {}
        for arn in sorted({*known, *await self._listed()}):
            described = await self._described(arn)
            if described is not None:
                existing.add(arn)
                shards.update({shard.key: shard for shard in described})
        return Listing(frozenset(existing), shards)

    async def _listed(self) -> list[str]:
        arns: list[str] = []
        page: dict[str, str] = {}
        while True:
            with translated(f"ListStreams {self._table}"):
                answer = await self._streams.list_streams(TableName=self._table, **page)
            arns += [stream["StreamArn"] for stream in answer["Streams"]]
            if "LastEvaluatedStreamArn" not in answer:
                return arns
            page = {"ExclusiveStartStreamArn": answer["LastEvaluatedStreamArn"]}

    async def _described(self, arn: str) -> list[Shard] | None:
        """Every shard of a stream, None if there is no such stream any more."""
        shards: list[Shard] = []
        page: dict[str, str] = {}
        while True:
            said = await self._described_page(arn, page)
            if said is None:
                return None
            shards += [_shard(arn, shard) for shard in said.get("Shards", [])]
            if "LastEvaluatedShardId" not in said:
                return shards
            page = {"ExclusiveStartShardId": said["LastEvaluatedShardId"]}

    async def _described_page(self, arn: str, page: dict[str, str]) -> dict[str, Any] | None:
        with translated(f"DescribeStream {arn}"):
            try:
                answer = await self._streams.describe_stream(StreamArn=arn, **page)
            except ClientError as exc:
                if error_code(exc) == GONE:
                    return None
                raise
        description: dict[str, Any] = answer["StreamDescription"]
        return description


def _shard(arn: str, said: dict[str, Any]) -> Shard:
    parent = said.get("ParentShardId")
    return Shard(ShardKey(arn, said["ShardId"]), ShardKey(arn, parent) if parent else None)
