"""What did a product sell on each day?

Integer sums, which commute: a day comes to the same in whatever order its sales and their corrections arrive. One
that a correction reached before its sale is below zero until the sale is there. The days lie in a ring, a slot a day,
so that many products are one matrix for numpy (domain/day_table.py), and what is too old is overwritten."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from domain.events import SaleRecorded

HORIZON_DAYS = 35
WINDOW_DAYS = 56
KEPT_DAYS = WINDOW_DAYS + HORIZON_DAYS
SLOTS = KEPT_DAYS + 1  # the newest day and KEPT_DAYS before it
NO_DAY = -(10**6)
"""The newest day of a product that has none."""

NOTHING_SOLD = bytes(2 * SLOTS * 4)
NOTHING_RARE = bytes(3 * SLOTS * 4)
NARROW = (len(NOTHING_SOLD), len(NOTHING_RARE))


class Bucket(NamedTuple):
    """One day of one product: units sold and returned, what they brought and cost in minor units, promoted units."""

    sold: int = 0
    revenue: int = 0
    returned: int = 0
    refunded: int = 0
    promoted: int = 0

    @property
    def net(self) -> int:
        return self.sold - self.returned


NO_SALES = Bucket()


def bucket_of(sale: SaleRecorded, so_far: Bucket = NO_SALES) -> Bucket:
    """What a sale makes of its day so far; of an empty day, what the sale alone comes to."""
    sold, revenue, returned, refunded, promoted = so_far
    if sale.quantity >= 0:
        sold += sale.quantity
        revenue += sale.revenue_minor
        promoted += sale.quantity if sale.promotion else 0
    else:
        returned -= sale.quantity
        refunded -= sale.revenue_minor
    return Bucket(sold, revenue, returned, refunded, promoted)


Block = bytes
"""The sums of SLOTS days: some columns one after the other, 32 bits a sum where all of them fit, else 64."""


def sums_of(block: Block) -> memoryview:
    """The sums in a block, for reading."""
    return memoryview(block).cast("i" if len(block) in NARROW else "q")


def _widened(block: Block) -> array[int]:
    if len(block) not in NARROW:
        return array("q", block)
    return array("q", np.frombuffer(block, dtype=np.int32).astype(np.int64).tobytes())


def _narrowed(sums: array[int]) -> Block:
    wide = np.frombuffer(sums, dtype=np.int64)
    narrow = wide.astype(np.int32)
    return narrow.tobytes() if np.array_equal(narrow, wide) else wide.tobytes()


class Days(Mapping[int, Bucket]):
    """The newest SLOTS days of a product, as a mapping of those that came to anything.

    Day d is in slot d % SLOTS. main: a block of units sold in SLOTS slots, then of revenue in as many. rare: the same
    for returned, refunded and promoted, None where all of it is zero, as it is for most products."""

    __slots__ = ("main", "newest", "rare")

    def __init__(self, newest: int, main: Block, rare: Block | None) -> None:
        self.newest = newest
        self.main = main
        self.rare = rare

    @classmethod
    def of(cls, buckets: Mapping[int, Bucket], newest: int = NO_DAY) -> Days:
        """The days of these buckets; those that are too old beside the newest, or beside newest, are left out."""
        draft = OpenDays(NO_DAYS)
        draft.advance(max(newest, *buckets, NO_DAY))
        for day, bucket in buckets.items():
            draft.add(day, bucket)
        return draft.closed()

    def __getitem__(self, day: int) -> Bucket:
        bucket = self.on(day)
        if bucket == NO_SALES:
            raise KeyError(day)
        return bucket

    def on(self, day: int) -> Bucket:
        """What is kept of a day; of one that came to nothing, or is too old, an empty bucket."""
        if not self.newest - KEPT_DAYS <= day <= self.newest:
            return NO_SALES
        slot, main = day % SLOTS, sums_of(self.main)
        if self.rare is None:
            return Bucket(main[slot], main[SLOTS + slot])
        rare = sums_of(self.rare)
        return Bucket(main[slot], main[SLOTS + slot], rare[slot], rare[SLOTS + slot], rare[2 * SLOTS + slot])

    def __iter__(self) -> Iterator[int]:
        """The days that came to anything, the oldest first."""
        return (day for day in range(self.newest - KEPT_DAYS, self.newest + 1) if any(self.on(day)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Days({dict(self)})"


NO_DAYS = Days(NO_DAY, NOTHING_SOLD, None)


class OpenDays:
    """Days under change."""

    __slots__ = ("main", "newest", "oldest", "rare")

    def __init__(self, days: Days) -> None:
        self.newest = days.newest
        self.oldest = days.newest - KEPT_DAYS
        self.main = _widened(days.main)
        self.rare = _widened(days.rare) if days.rare is not None else None

    def add(self, day: int, parts: Iterable[int]) -> None:
        """Adds the parts of a bucket to a day, if it is not too old to be kept. OverflowError, and no sum is changed,
        if any would leave 64 bits."""
        if day < self.oldest:
            return
        slot = day % SLOTS
        so_far = self._sums(slot) if day <= self.newest else NO_SALES
        sums = array("q", [total + part for total, part in zip(so_far, parts, strict=True)])
        if day > self.newest:
            self.advance(day)
        self.put(slot, sums)

    def sell(self, day: int, sale: SaleRecorded) -> None:
        """Adds a sale, as bucket_of has it. OverflowError as in add."""
        if sale.quantity < 0 or sale.promotion or not self.oldest <= day <= self.newest:
            self.add(day, bucket_of(sale))
            return
        slot, main = day % SLOTS, self.main
        # The sum that might not fit comes first: then the other was not touched yet.
        main[SLOTS + slot] += sale.revenue_minor
        main[slot] += sale.quantity

    def put(self, slot: int, parts: Sequence[int]) -> None:
        """Sets a slot to these parts of a bucket."""
        self.main[slot], self.main[SLOTS + slot], *rare = parts
        if self.rare is None and any(rare):
            self.rare = array("q", bytes(3 * SLOTS * 8))
        if self.rare is not None:
            self.rare[slot], self.rare[SLOTS + slot], self.rare[2 * SLOTS + slot] = rare

    def _sums(self, slot: int) -> tuple[int, ...]:
        main, rare = self.main, self.rare
        if rare is None:
            return main[slot], main[SLOTS + slot], 0, 0, 0
        return main[slot], main[SLOTS + slot], rare[slot], rare[SLOTS + slot], rare[2 * SLOTS + slot]

    def advance(self, newest: int) -> None:
        """Makes room up to a new newest day: the slots of the days that begin are those of days that are too old."""
        main, rare = self.main, self.rare
        if newest - self.newest >= SLOTS:
            self.main, self.rare = array("q", bytes(2 * SLOTS * 8)), None
        else:
            for day in range(self.newest + 1, newest + 1):
                slot = day % SLOTS
                main[slot] = main[SLOTS + slot] = 0
                if rare is not None:
                    rare[slot] = rare[SLOTS + slot] = rare[2 * SLOTS + slot] = 0
        self.newest = newest
        self.oldest = newest - KEPT_DAYS

    def closed(self) -> Days:
        return Days(self.newest, _narrowed(self.main), _narrowed(self.rare) if self.rare is not None else None)
