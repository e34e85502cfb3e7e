"""What stands in one table, and what does a request ask of it?"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from simulation.expressions import Item, size_of
from simulation.network import Said, ServiceError

ITEM_BYTES_MAX = 400 * 1024

Key = tuple[str, ...]
Write = tuple[str, Key, Item | None]  # table, key, the item or None for a deletion


class Table:
    """items by key, and once more by partition. puts counts those made, those lost by their condition, and those
    refused because they met a transaction."""

    def __init__(self, name: str, keys: tuple[str, ...]) -> None:
        self.name = name
        self.keys = keys
        self.items: dict[Key, Item] = {}
        self.partitions: defaultdict[str, dict[Key, Item]] = defaultdict(dict)
        self.puts: Counter[str] = Counter()

    def show(self, key: Key, item: Item | None) -> None:
        """From now on readers see this; None is a deletion."""
        if item is not None:
            self.items[key] = self.partitions[key[0]][key] = item
        elif self.items.pop(key, None) is not None:
            del self.partitions[key[0]][key]

    def key_of(self, item: Item) -> Key:
        return tuple(item[name]["S"] for name in self.keys)


def by_key(row: tuple[Key, Item]) -> Any:
    return row[0]


def key_schema(table: Table) -> list[Said]:
    roles = zip(table.keys, ("HASH", "RANGE"), strict=False)
    return [{"AttributeName": name, "KeyType": role} for name, role in roles]


def written(table: Table, request: Said) -> Write:
    if "PutRequest" in request:
        item = request["PutRequest"]["Item"]
        return table.name, table.key_of(item), item
    return table.name, table.key_of(request["DeleteRequest"]["Key"]), None


def refuse_if(wrong: bool, reason: str) -> None:
    if wrong:
        raise ServiceError("ValidationException", reason)


def refuse_if_too_large(items: list[Item | None]) -> None:
    refuse_if(any(item is not None and size_of(item) > ITEM_BYTES_MAX for item in items), "item over 400 KB")


def cancelled(codes: list[str]) -> ServiceError:
    reasons = [{"Code": code} for code in codes]
    return ServiceError("TransactionCanceledException", f"[{', '.join(codes)}]", CancellationReasons=reasons)
