"""Who reads which shard, for all to see?

One item a shard in a table of ours: pk is the ARN of its stream, sk its id (`stream` and `shard` are reserved words).
Every write carries the version it was made from, so that two workers that both believe to own a shard can never both
move its checkpoint, and a write that comes late, after its answer was given up, changes nothing. The lease of a shard
that was read to its end expires. One more item says when the table's streams were last looked at, and which they were:
who comes back after a day must know that there may have been shards that he never saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from worker.aws.clients import error_code, translated
from worker.aws.dynamodb import Item, number, query, text
from worker.sources.shards.lineage import Lease, ShardKey

CONDITION_FAILED = "ConditionalCheckFailedException"
ENDED_KEPT_S = 2 * 86_400  # a shard is listed for a day after it was closed, and must not seem new
LOOK = "LOOK"


class Look(NamedTuple):
    """When the streams of a table were last listed and had a lease for each shard (ms), and which streams there were
    that are not read to their end."""

    at: int
    streams: frozenset[str]


class LeaseTable:
    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    async def of(self, stream: str) -> dict[ShardKey, Lease]:
        """Every lease of a stream."""
        items = await query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": text(stream)},
            ConsistentRead=True,
        )
        return {lease.key: lease for lease in map(_lease, items)}

    async def last_look(self, watched: str) -> Look | None:
        """The last look at the streams of the watched table, None if nobody ever looked."""
        key = {"pk": text(f"T#{watched}"), "sk": text(LOOK)}
        with translated("GetItem"):
            answer = await self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        item = answer.get("Item")
        return Look(int(item["looked_at"]["N"]), frozenset(item.get("streams", {}).get("SS", ()))) if item else None

    async def looked(self, watched: str, look: Look) -> None:
        """Takes note of a look; of two at about the same time either may stay."""
        item = {
            "pk": text(f"T#{watched}"),
            "sk": text(LOOK),
            "looked_at": number(look.at),
        }
        if look.streams:  # an empty set is none that DynamoDB has
            item["streams"] = {"SS": sorted(look.streams)}
        with translated(f"PutItem {self._table}"):
            await self._dynamodb.put_item(TableName=self._table, Item=item)

    async def create(self, lease: Lease) -> bool:
        """Makes a lease that is not there; False if it is."""
        return await self._put(lease, {"ConditionExpression": "attribute_not_exists(version)"}, 0)

    async def replace(self, lease: Lease, owner: str, checkpoint: str, now: int) -> Lease | None:
        """The lease with this owner and checkpoint and the next version; None if anybody has written it since it was
        read. After a failure nobody knows: read() tells. now (ms) dates the end of a shard."""
        changed = lease._replace(owner=owner, checkpoint=checkpoint, version=lease.version + 1)
        condition = {
            "ConditionExpression": "version = :version",
            "ExpressionAttributeValues": {":version": number(lease.version)},
        }
        return changed if await self._put(changed, condition, now) else None

    async def read(self, key: ShardKey) -> Lease | None:
        """The lease as it stands, None if there is none."""
        with translated("GetItem"):
            answer = await self._dynamodb.get_item(TableName=self._table, Key=_key(key), ConsistentRead=True)
        return _lease(answer["Item"]) if "Item" in answer else None

    async def _put(self, lease: Lease, condition: Mapping[str, Any], now: int) -> bool:
        item = {
            **_key(lease.key),
            "owner": text(lease.owner),
            "version": number(lease.version),
            "checkpoint": text(lease.checkpoint),
            "parent": text(lease.parent),
            "read_at": number(lease.read_at),
        }
        if lease.ended:
            item["expires_at"] = number(now // 1000 + ENDED_KEPT_S)
        with translated(f"PutItem {self._table}"):
            try:
                await self._dynamodb.put_item(TableName=self._table, Item=item, **condition)
            except ClientError as exc:
                if error_code(exc) != CONDITION_FAILED:
                    raise
                return False
        return True


def _key(key: ShardKey) -> Item:
    return {"pk": text(key.stream), "sk": text(key.shard_id)}


def _lease(item: Mapping[str, Any]) -> Lease:
    return Lease(
        ShardKey(item["pk"]["S"], item["sk"]["S"]),
        item["owner"]["S"],
        int(item["version"]["N"]),
        item["checkpoint"]["S"],
        item["parent"]["S"],
        int(item["read_at"]["N"]),
    )
