"""Where does an item lie, and which items follow each other?

Items lie by partition and sort key; reads are always consistent. There are no indexes: the worker asks for none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from bench.standin.expressions import Item, value_of
from bench.standin.refusal import Refused

Value = tuple[str, Any]


class Keys(NamedTuple):
    """The names of a key's attributes; sort is empty where there is none."""

    partition: str
    sort: str = ""

    @classmethod
    def read(cls, schema: list[Item]) -> Self:
        named = {part["KeyType"]: part["AttributeName"] for part in schema}
        return cls(named["HASH"], named.get("RANGE", ""))

    def of(self, item: Mapping[str, Any]) -> tuple[Value, Value]:
        """Where an item lies; ValidationException if it lacks its key."""
        try:
            return value_of(item[self.partition]), value_of(item[self.sort]) if self.sort else ("", "")
        except KeyError as exc:
            raise Refused("ValidationException", f"Missing the key {exc.args[0]} in the item") from exc

    @property
    def names(self) -> tuple[str, ...]:
        return (self.partition, self.sort) if self.sort else (self.partition,)


@dataclass(slots=True)
class Table:
    name: str
    keys: Keys
    held: dict[Value, dict[Value, Item]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(map(len, self.held.values()))

    def get(self, key: Mapping[str, Any]) -> Item | None:
        partition, sort = self.keys.of(key)
        return self.held.get(partition, {}).get(sort)

    def put(self, item: Item) -> None:
        partition, sort = self.keys.of(item)
        self.held.setdefault(partition, {})[sort] = item

    def delete(self, key: Mapping[str, Any]) -> None:
        partition, sort = self.keys.of(key)
        self.held.get(partition, {}).pop(sort, None)

    def partition(self, value: Value) -> list[Item]:
        """The items of one partition in the order of their sort keys."""
        return [item for _, item in sorted(self.held.get(value, {}).items())]

    def items(self) -> Iterator[Item]:
        return (item for partition in self.held.values() for item in partition.values())
