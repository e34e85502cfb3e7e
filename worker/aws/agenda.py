"""Which products are still to be decided, should the worker that knows it be gone?

Before a micro-batch is committed, its products are put on the agenda: one entry, however many they are. It is deleted
when all of them were decided after the commit. What has stood there for some time was left behind by a dead worker, and
whoever finds it takes it over. An entry too many costs a look at its products; one too few would lose an order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import getrandbits
from sys import maxsize
from typing import Any

from pydantic_core import from_json, to_json

from domain.events import ProductKey
from domain.product import product_label, product_of
from handlers.ports import Clock
from worker.aws.dynamodb import Item, batch_write, gather_bounded, query, text
from worker.aws.state_codec import SHARDS, shard_of

NEVER = maxsize
LATE_MS = 5_000  # a commit that took so long may have been overtaken by a sweep
ENTRY_CHARS_MAX = 50_000  # of labels, a character being at most four bytes; an item may have 400 KB


@dataclass(slots=True)
class Entry:
    """An entry this worker has to do with: where it lies, when it was written (ms), what of it is not done, and since
    which mark that may be done: never while its products are not committed."""

    pk: str
    sk: str
    written_at: int
    left: set[ProductKey]
    since: int = NEVER


class DynamoAgenda:
    def __init__(self, client: Any, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._me = f"{getrandbits(64):016x}"
        self._numbered = 0
        self._marks = 0
        self._entries: dict[str, Entry] = {}
        self._found: dict[str, Entry] = {}

    def mark(self) -> int:
        return self._marks

    async def add(self, keys: Collection[ProductKey]) -> list[Entry]:
        entries = [self._new(part) for part in _parts(keys)]
        # Should the answer be lost it is found by a sweep, like anybody's.
        await self._write(entries)
        self._entries.update({entry.sk: entry for entry in entries})
        return entries

    def _new(self, part: set[ProductKey]) -> Entry:
        self._numbered += 1
        now = self._clock.now()
        sk = f"{now:015d}#{self._me}#{self._numbered}"
        return Entry(f"A#{shard_of(sk)}", sk, now, part)

    async def _write(self, entries: Sequence[Entry]) -> None:
        await batch_write(self._client, self._table, [{"PutRequest": {"Item": _item(entry)}} for entry in entries])

    async def committed(self, entries: Sequence[Entry], dirty: Collection[ProductKey]) -> None:
        late = []
        self._marks += 1
        for entry in entries:
            entry.left.intersection_update(dirty)
            entry.since = self._marks
            if entry.left and self._clock.now() - entry.written_at > LATE_MS:
                late.append(entry)
        # Somebody may have found it before the commit, and nothing to do.
        await self._write(late)

    async def done(self, keys: Collection[ProductKey], mark: int) -> None:
        for entry in (*self._entries.values(), *self._found.values()):
            if entry.since <= mark:
                entry.left.difference_update(keys)
        await self._strike_through()

    async def _strike_through(self) -> None:
        """Deletes the entries of which nothing is left, also those that could not be deleted before."""
        known = (*self._entries.values(), *self._found.values())
        through = [entry for entry in known if not entry.left and entry.since != NEVER]
        deletes = [{"DeleteRequest": {"Key": {"pk": text(entry.pk), "sk": text(entry.sk)}}} for entry in through]
        await batch_write(self._client, self._table, deletes)
        for entry in through:
            self._entries.pop(entry.sk, None)
            self._found.pop(entry.sk, None)

    async def due(self, before: int, limit: int) -> list[ProductKey]:
        await self._strike_through()
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

    def _taken_over(self, item: Item) -> Entry:
        """Another's entry, as we know it or as it was found."""
        sk = item["sk"]["S"]
        if sk in self._found:
            return self._found[sk]
        self._marks += 1
        keys = {product_of(label) for label in from_json(item["products"]["S"])}
        return Entry(item["pk"]["S"], sk, int(sk[:15]), keys, self._marks)


def _item(entry: Entry) -> Item:
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
