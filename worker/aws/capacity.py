"""How many capacity units does DynamoDB bill for a request?

The rule is AWS's, from the sizes of items; what an emulator says of it is not asked. Source: DynamoDB Developer Guide,
"DynamoDB read and write operations": a write takes a unit a begun KB of the larger of the old and the new item, twice
in a transaction; a read one a begun 4 KB, half if eventually consistent; a missing item one as a small item does. Our
tables have no index, which would be billed for what changes in it.

What an item was before is not in a request. It is remembered for the state table, for the newest KNOWN_MAX items; of
another item that is replaced the new size counts, of one that is deleted a single unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from worker.aws.item_size import READ_UNIT_BYTES, WRITE_UNIT_BYTES, item_bytes, units

Item = Mapping[str, Any]

KNOWN_MAX = 100_000
TRANSACTIONAL = 2
UNSEEN_ITEM_BYTES = 1_024  # what a filter has read and not returned is taken for this large if nothing is known
OF_PRODUCTS = {"H": "header", "E": "segment", "O": "order"}
OF_OTHERS = {"X#": "outbox", "A#": "agenda", "Q#": "quarantined", "L#": "late", "I#": "insight"}
SOLD, DECIDED = "header, sold", "header, decided"
"""A header is written when its product has sold, which leaves it dirty, or when it was decided."""


class Capacity:
    """Units billed since the start. written holds how many items of each kind were written, with their units and bytes;
    reads the read units of each table and index."""

    def __init__(self, state_table: str = "") -> None:
        self.write_units = 0
        self.written: dict[str, list[int]] = {}
        self.reads: defaultdict[str, float] = defaultdict(float)
        self._state_table = state_table
        self._known: dict[tuple[str, str], int] = {}

    def put(self, table: str, item: Item, factor: int = 1, *, applied: bool = True, whole: bool = True) -> None:
        """An item that was written, or was not because its condition failed: both are billed. whole: nothing of the
        old item stays."""
        size = item_bytes(item)
        if table != self._state_table:
            self._count(table, factor * units(size, WRITE_UNIT_BYTES), size)
            return
        key = item["pk"]["S"], item["sk"]["S"]
        largest = max(size, self._known.get(key, 0))
        if applied:
            self._remember(key, size if whole else largest)
        kind = _kind(*key)
        if kind == "header":
            kind = SOLD if "dirty_since" in item else DECIDED
        self._count(kind, factor * units(largest, WRITE_UNIT_BYTES), size)

    def delete(self, table: str, key: Item, factor: int = 1, *, applied: bool = True) -> None:
        """An item that was deleted, or was not."""
        if table != self._state_table:
            self._count(f"{table}, deleted", factor, 0)
            return
        pk, sk = key["pk"]["S"], key["sk"]["S"]
        size = self._known.get((pk, sk), 0)
        if applied:
            self._known.pop((pk, sk), None)
        self._count(f"{_kind(pk, sk)}, deleted", factor * units(size, WRITE_UNIT_BYTES), 0)

    def check(self, table: str, key: Item) -> None:
        """A ConditionCheck of a transaction: it writes nothing and is billed as if it did."""
        size = self._known.get((key["pk"]["S"], key["sk"]["S"]), 0) if table == self._state_table else 0
        self._count(f"{table}, checked", TRANSACTIONAL * units(size, WRITE_UNIT_BYTES), 0)

    def got(self, table: str, items: Iterable[Item], missing: int, *, consistent: bool) -> None:
        """Items read by their keys: each is rounded up by itself."""
        billed = missing
        for item in items:
            billed += units(self._seen(table, item), READ_UNIT_BYTES)
        self.reads[table] += billed if consistent else billed / 2

    def queried(
        self, table: str, items: Iterable[Item], scanned: int, *, consistent: bool, index: str | None = None
    ) -> None:
        """A page of a Query or Scan: all that was read is rounded up together, what a filter held back included. Of an
        index it reads the entries, not the items."""
        sizes = [self._seen(table, item) if index is None else item_bytes(item) for item in items]
        held_back = max(0, scanned - len(sizes))
        mean = sum(sizes) / len(sizes) if sizes else UNSEEN_ITEM_BYTES
        billed = units(int(sum(sizes) + held_back * mean), READ_UNIT_BYTES)
        self.reads[index or table] += billed if consistent else billed / 2

    def _seen(self, table: str, item: Item) -> int:
        size = item_bytes(item)
        if table == self._state_table and "pk" in item and "sk" in item:
            self._remember((item["pk"]["S"], item["sk"]["S"]), size)
        return size

    def _remember(self, key: tuple[str, str], size: int) -> None:
        self._known.pop(key, None)
        self._known[key] = size
        if len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]

    def _count(self, kind: str, billed: int, size_bytes: int) -> None:
        if kind not in self.written:
            self.written[kind] = [0, 0, 0]
        counts = self.written[kind]
        counts[0] += 1
        counts[1] += billed
        counts[2] += size_bytes
        self.write_units += billed


def _kind(pk: str, sk: str) -> str:
    """As worker/aws/state_codec.py, agenda.py and parking.py lay the table out."""
    return OF_PRODUCTS.get(sk[:1], "other") if pk.startswith("P#") else OF_OTHERS.get(pk[:2], "other")
