"""What is known of all products, ready to be counted, sorted and searched in milliseconds?

A column of numbers for each field of a row, and a slot for each product, never more than products_max of them: those
that come later are counted as left out and not shown. The newer version of a product wins, whoever tells it."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.dashboard.rows import NUMBERS, STATUSES, Row

FIRST_SLOTS = 1_024
LEFT_OUT_MAX = 100_000


class Board:
    def __init__(self, products_max: int) -> None:
        self._max = products_max
        self._slots: dict[str, int] = {}
        self.labels: list[str] = []
        self.by_name: list[str] = []
        self.searched: list[str] = []
        self.categories: list[str] = []
        self._left_out: set[int] = set()
        self._in_order: NDArray[np.int64] | None = None
        self.version = 0
        self._columns: dict[str, NDArray[Any]] = {name: np.zeros(FIRST_SLOTS) for name in NUMBERS}
        self._columns |= {name: np.zeros(FIRST_SLOTS, np.int8) for name in ("status", "reason", "frozen")}
        self._columns["version"] = np.zeros(FIRST_SLOTS, np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, column: str) -> NDArray[Any]:
        """The values of all products, by slot; to read, and only until something is awaited."""
        return self._columns[column][: len(self.labels)]

    @property
    def left_out(self) -> int:
        """How many products there was no place for; no more than LEFT_OUT_MAX are counted."""
        return len(self._left_out)

    def slot_of(self, label: str) -> int | None:
        return self._slots.get(label)

    def put(self, rows: Iterable[Row]) -> None:
        """Takes in rows; one of an older version than is known changes nothing."""
        for row in rows:
            slot = self._slots.get(row.label)
            if slot is None:
                slot = self._new_slot(row)
            if slot is not None and self._is_new(slot, row):
                self._write(slot, row)
                self.version += 1

    def row(self, slot: int) -> Row:
        values: Mapping[str, Any] = {name: column[slot].item() for name, column in self._columns.items()}
        return Row(label=self.labels[slot], category=self.categories[slot], **values)

    def names_in_order(self) -> NDArray[np.int64]:
        """The slots in the order of their products' names; found once until a product is added."""
        if self._in_order is None:
            self._in_order = np.fromiter((self._slots[name] for name in self.by_name), np.int64, len(self.by_name))
        return self._in_order

    def counts(self) -> NDArray[np.int64]:
        """How many products are in each of STATUSES."""
        return np.bincount(self["status"], minlength=len(STATUSES))

    def _new_slot(self, row: Row) -> int | None:
        slot = len(self.labels)
        if slot >= self._max:
            # Their hashes alone, and no more of them than that: there may be millions.
            if len(self._left_out) < LEFT_OUT_MAX:
                self._left_out.add(hash(row.label))
            return None
        if slot == len(self._columns["version"]):
            self._columns = {name: np.concatenate([c, np.zeros_like(c)]) for name, c in self._columns.items()}
        self._slots[row.label] = slot
        self.labels.append(row.label)
        self.categories.append("")
        self.searched.append("")
        insort(self.by_name, row.label)
        self._in_order = None
        return slot

    def _is_new(self, slot: int, row: Row) -> bool:
        known: int = self._columns["version"][slot].item()
        # Read again it is mostly as it was, and then no page need ask for anything.
        return row.version > known or (row.version == known and not _same(row, self.row(slot)))

    def _write(self, slot: int, row: Row) -> None:
        for name, column in self._columns.items():
            column[slot] = getattr(row, name)
        if row.category != self.categories[slot] or not self.searched[slot]:
            self.categories[slot] = row.category
            self.searched[slot] = f"{row.label}\n{row.category}".casefold()


def _same(row: Row, other: Row) -> bool:
    """Whether two rows say the same; what neither knows is the same."""
    return all(a == b or (a != a and b != b) for a, b in zip(row, other, strict=True))
