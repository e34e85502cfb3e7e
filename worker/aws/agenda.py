"""Which products are still to be decided, should the worker that knows it be gone?

Before its messages are acknowledged, the products that a micro-batch made dirty stand in an entry of the agenda: one
write, however many products. It is deleted when each of them was decided since. What has stood there for some time was
left behind by a dead worker, and whoever finds it takes it over. An entry too many costs a look at its products; one
too few would lose an order, so it is written after the commits and before the acknowledgement."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from random import getrandbits
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from domain.events import ProductKey
from domain.product import product_label, product_of
from handlers.ports import Clock
from worker.aws.dynamodb import Item, batch_write, gather_bounded, query, text
from worker.aws.state_codec import SHARDS, shard_of

ENTRY_CHARS_MAX = 50_000  # of labels, a character being at most four bytes; an item may have 400 KB


class _Entry(NamedTuple):
    """An entry this worker has to do with: where it lies, when it was noted (see mark), and what of it is not done."""

    pk: str
    sk: str
    noted: int
    left: set[ProductKey]


class DynamoAgenda:
    def __init__(self, client: Any, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._me = f"{getrandbits(64):016x}"
        self._noted = 0
        self._entries: dict[str, _Entry] = {}
        self._found: dict[str, _Entry] = {}

    def mark(self) -> int:
        return self._noted

    async def add(self, keys: Collection[ProductKey]) -> None:
        entries = [self._new(part) for part in _parts(keys)]
        # Known before it is written: should the answer be lost, it is deleted all the same.
        self._entries.update({entry.sk: entry for entry in entries})
        await batch_write(self._client, self._table, [{"PutRequest": {"Item": _item(entry)}} for entry in entries])

    def _new(self, part: set[ProductKey]) -> _Entry:
        self._noted += 1
        sk = f"{self._clock.now():015d}#{self._me}#{self._noted}"
        return _Entry(f"A#{shard_of(sk)}", sk, self._noted, part)

    async def done(self, keys: Collection[ProductKey], mark: int) -> None:
        through = []
        for entry in (*self._entries.values(), *self._found.values()):
            if entry.noted <= mark:
                entry.left.difference_update(keys)
                if not entry.left:  # now, or before, and could not be deleted then
                    through.append(entry)
        deletes = [{"DeleteRequest": {"Key": {"pk": text(entry.pk), "sk": text(entry.sk)}}} for entry in through]
        await batch_write(self._client, self._table, deletes)
        for entry in through:
            self._entries.pop(entry.sk, None)
            self._found.pop(entry.sk, None)

    async def due(self, before: int, limit: int) -> list[ProductKey]:
        shards = await gather_bounded(partial(self._due_shard, before, limit), range(SHARDS))
        items = sorted((item for shard in shards for item in shard), key=lambda item: item["sk"]["S"])
        keys: dict[ProductKey, None] = {}
        found = {}
        for item in items:
            if len(keys) >= limit:
                break
            entry = self._entries.get(item["sk"]["S"]) or self._taken_over(item)
            found[entry.sk] = entry
            keys.update(dict.fromkeys(sorted(entry.left, key=str)))
        # Those of others that stand there no longer were finished by them.
        self._found = {sk: entry for sk, entry in found.items() if sk not in self._entries}
        return list(keys)[:limit]

    async def _due_shard(self, before: int, limit: int, shard: int) -> list[Item]:
        return await query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk < :before",
            ExpressionAttributeValues={":pk": text(f"A#{shard}"), ":before": text(f"{before:015d}")},
            Limit=limit,
            ConsistentRead=True,
        )

    def _taken_over(self, item: Item) -> _Entry:
        """Another's entry, as we know it or as it was found."""
        sk = item["sk"]["S"]
        if sk in self._found:
            return self._found[sk]
        self._noted += 1
        keys = {product_of(label) for label in from_json(item["products"]["S"])}
        return _Entry(item["pk"]["S"], sk, self._noted, keys)


def _item(entry: _Entry) -> Item:
    labels = sorted(product_label(key) for key in entry.left)
    return {"pk": text(entry.pk), "sk": text(entry.sk), "products": text(to_json(labels).decode())}


def _parts(keys: Collection[ProductKey]) -> Iterator[set[ProductKey]]:
    """The products in as many entries as they need."""
    part: set[ProductKey] = set()
    chars = 0
    for key in keys:
        label = len(product_label(key)) + 3
        if part and chars + label > ENTRY_CHARS_MAX:
            yield part
            part, chars = set(), 0
        part.add(key)
        chars += label
    if part:
        yield part
