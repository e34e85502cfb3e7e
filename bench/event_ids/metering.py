"""What would DynamoDB bill for these requests?

Every request of a design to the table in memory is counted, by the sizes of its items before and after and AWS's
published rule, whether its conditions held or not. The worker's own metering (worker/aws/metering.py) sees requests
alone and must come to the same. Nothing here has a clock."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from worker.aws.dynamodb import Item
from worker.aws.item_size import READ_UNIT_BYTES, WRITE_UNIT_BYTES, item_bytes, units

TABLE = "restock-state"
TRANSACTIONAL = 2


@dataclass(slots=True)
class Meter:
    """What was asked of a table, in the units it is billed by."""

    items: int = 0
    bytes: int = 0
    write_units: int = 0
    put_write_units: int = 0  # of them, those of puts
    single_write_units: int = 0  # of them, those of items that were all their transaction wrote of a product
    read_units: int = 0
    largest: int = 0
    transactions: int = 0

    def put(self, before: Item | None, after: Item) -> None:
        """The larger of old and new, in whole KB."""
        self.put_write_units += self._wrote(before, after, 1)

    def transacted(self, before: Item | None, after: Item | None, single: bool) -> None:
        """Twice what a put is billed."""
        billed = self._wrote(before, after, TRANSACTIONAL)
        self.single_write_units += billed if single else 0

    def _wrote(self, before: Item | None, after: Item | None, factor: int) -> int:
        new = item_bytes(after) if after is not None else 0
        larger = max(new, item_bytes(before) if before is not None else 0)
        billed = factor * units(larger, WRITE_UNIT_BYTES)
        self.items += 1
        self.bytes += new
        self.write_units += billed
        self.largest = max(self.largest, new)
        return billed

    def read(self, size: int) -> None:
        """Consistent: one unit for each begun 4 KB."""
        self.read_units += units(size, READ_UNIT_BYTES)


class MemoryTable:
    """The few DynamoDB calls that DynamoState makes, on a dict, metered. Its conditions are the three we use."""

    def __init__(self, like: MemoryTable | None = None) -> None:
        self.partitions: dict[str, dict[str, Item]] = defaultdict(dict)
        self.meter = Meter()
        if like is not None:
            self.partitions.update({pk: dict(items) for pk, items in like.partitions.items()})

    async def put_item(self, **said: Any) -> Item:
        item = said["Item"]
        before = self._stored(item)
        self.meter.put(before, item)
        if not _holds(said, before):
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")
        self.partitions[item["pk"]["S"]][item["sk"]["S"]] = item
        return {}

    async def transact_write_items(self, *, TransactItems: Sequence[Item]) -> Item:  # noqa: N803
        actions = [next(iter(action.items())) for action in TransactItems]
        keys = [(said.get("Item") or said["Key"]) for _, said in actions]
        before = [self._stored(key) for key in keys]
        refused = [not _holds(said, old) for (_, said), old in zip(actions, before, strict=True)]
        actions_of = Counter(key["pk"]["S"] for key in keys)
        self.meter.transactions += 1
        for (_, said), key, old in zip(actions, keys, before, strict=True):
            self.meter.transacted(old, said.get("Item"), actions_of[key["pk"]["S"]] == 1)
        if any(refused):
            raise _cancelled(refused)
        for (verb, said), key in zip(actions, keys, strict=True):
            if verb == "Put":
                self.partitions[key["pk"]["S"]][key["sk"]["S"]] = said["Item"]
            else:
                self.partitions[key["pk"]["S"]].pop(key["sk"]["S"], None)
        return {}

    async def batch_get_item(self, *, RequestItems: Mapping[str, Item]) -> Item:  # noqa: N803
        found = [self._stored(key) for key in RequestItems[TABLE]["Keys"]]
        for item in found:
            self.meter.read(item_bytes(item) if item is not None else 0)
        return {"Responses": {TABLE: [item for item in found if item is not None]}}

    async def query(self, *, ExpressionAttributeValues: Mapping[str, Item], **_: object) -> Item:  # noqa: N803
        values = {name: value["S"] for name, value in ExpressionAttributeValues.items()}
        partition = self.partitions[values[":pk"]]
        items = [partition[sk] for sk in sorted(partition) if values[":first"] <= sk <= values[":last"]]
        self.meter.read(sum(map(item_bytes, items)))
        return {"Items": items}

    def _stored(self, key: Item) -> Item | None:
        return self.partitions[key["pk"]["S"]].get(key["sk"]["S"])


def _holds(said: Item, old: Item | None) -> bool:
    condition = said.get("ConditionExpression")
    if condition == "version = :was":
        return old is not None and bool(old["version"] == said["ExpressionAttributeValues"][":was"])
    return condition is None or old is None


def _cancelled(refused: Sequence[bool]) -> ClientError:
    reasons = [{"Code": "ConditionalCheckFailed" if each else "None"} for each in refused]
    error = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    return ClientError(error, "TransactWriteItems")
