"""What do many products sell on each day, and where is that kept while they are open?

A row a product, so that a batch of sales is added, and features are read, for all of them at once. Sums are of 32
bits, which is enough for nearly all: a product whose sums are larger, or that finds no free row, is kept by itself. A
row belongs to one open product; whoever else wants its days is given a copy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.buckets import KEPT_DAYS, NARROW, NO_DAY, NO_DAYS, NOTHING_RARE, SLOTS, Block, Days
from domain.id_filter import IdFilter

Ints = NDArray[np.int64]
Sums = NDArray[np.int32] | NDArray[np.int64]

COLUMNS = 5
SOLD, REVENUE, RETURNED, REFUNDED, PROMOTED = range(COLUMNS)
SUM_LIMIT = 2**31
TOGETHER = 64  # rows that are copied at once: more do not stay in a core's cache
MAIN_BYTES, RARE_BYTES = 2 * SLOTS * 4, 3 * SLOTS * 4


class DayTable:
    """sums: (rows, COLUMNS, SLOTS), the parts of a Bucket, slots as in Days. newest: (rows,), the newest days. ids:
    what the products of the rows have perhaps counted."""

    def __init__(self, sums: Sums, newest: Ints, ids: IdFilter) -> None:
        self.sums = sums
        self.newest = newest
        self.ids = ids
        self._unused = 0  # rows from here on were never taken
        self._free: list[int] = []
        self._size = np.zeros(len(newest))  # no sum of a row is larger

    @classmethod
    def empty(cls, rows: int) -> DayTable:
        """Memory is taken only by rows that were used."""
        sums, newest = np.zeros((rows, COLUMNS, SLOTS), dtype=np.int32), np.full(rows, NO_DAY, dtype=np.int64)
        return cls(sums, newest, IdFilter(rows))

    @classmethod
    def of(cls, days: Sequence[Days]) -> DayTable:
        """The days of products that are not open, to read them."""
        main, rare = _laid_out([d.main for d in days], 2), _laid_out([d.rare or NOTHING_RARE for d in days], 3)
        return cls(
            np.concatenate([main, rare], axis=1),
            np.array([each.newest for each in days], dtype=np.int64),
            IdFilter(0, words_min=1),  # megabytes for nothing otherwise: nothing is counted in it
        )

    def take_row(self, days: Days) -> int | None:
        """A row that holds these days from now on, None if there is none for them."""
        if not _narrow(days) or (not self._free and self._unused == len(self.newest)):
            return None
        if self._free:
            row = self._free.pop()
        else:
            row, self._unused = self._unused, self._unused + 1
            if days is NO_DAYS:  # as it is
                return row
        self.put(row, days)
        return row

    def give_back(self, row: int) -> None:
        self.ids.leave(row)
        self._free.append(row)

    def put(self, row: int, days: Days) -> bool:
        """Makes these the days of a row; False if their sums are too large, and it is as it was."""
        if not _narrow(days):
            return False
        self.sums[row, :2] = np.frombuffer(days.main, dtype=np.int32).reshape(2, SLOTS)
        self.sums[row, 2:] = 0 if days.rare is None else np.frombuffer(days.rare, dtype=np.int32).reshape(3, SLOTS)
        self.newest[row] = days.newest
        self._size[row] = SUM_LIMIT  # to be looked up when it matters
        return True

    def days(self, rows: Sequence[int] | Ints) -> list[Days]:
        """Copies of the days of some rows."""
        copies: list[Days] = []
        for at in range(0, len(rows), TOGETHER):
            copies += self._days(np.array(rows[at : at + TOGETHER], dtype=np.intp))
        return copies

    def _days(self, rows: Ints) -> list[Days]:
        sums = self.sums.take(rows, axis=0)
        main, rare = sums[:, :2], sums[:, 2:]
        has_rare: NDArray[np.bool_] = np.any(rare != 0, axis=(1, 2))
        mains, rares = _cut(main.tobytes(), MAIN_BYTES), iter(_cut(rare[has_rare].tobytes(), RARE_BYTES))
        some = [next(rares) if more else None for more in has_rare.tolist()]
        return [*map(Days, self.newest[rows].tolist(), mains, some)]

    def advance(self, rows: Ints, newest: Ints) -> None:
        """Makes room up to new newest days of these rows, each once: the slots of the days that begin are those of
        days that are too old."""
        ahead = np.minimum(newest - self.newest[rows], SLOTS)
        begins = ahead > 0
        if not begins.any():
            return
        begun = begins & (self.newest[rows] != NO_DAY)  # where no day is yet, nothing is to be overwritten
        self.newest[rows[begins]] = newest[begins]
        rows, ahead, newest = rows[begun], ahead[begun], newest[begun]
        # A line a day that begins: its row, and how many days before the newest it lies.
        row = np.repeat(rows, ahead)
        back = np.arange(len(row)) - np.repeat(np.cumsum(ahead) - ahead, ahead)
        slot = (np.repeat(newest, ahead) - back) % SLOTS
        self.sums[row, :, slot] = 0

    def add(self, rows: Ints, days: Ints, columns: Ints, parts: Ints) -> None:
        """Adds to columns of these rows' days, all of which are kept."""
        np.add.at(self.sums.reshape(-1), (rows * COLUMNS + columns) * SLOTS + days % SLOTS, parts.astype(np.int32))

    def make_room(self, rows: Ints, added: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of these rows can take so much more on any of their days, whichever that is? Those must then get it."""
        size = self._size
        short = size[rows] + added >= SUM_LIMIT
        if short.any():  # what they had is perhaps on many days, or of days that are gone
            size[rows[short]] = np.abs(self.sums[rows[short]].astype(np.float64)).max(axis=(1, 2))
        fits: NDArray[np.bool_] = size[rows] + added < SUM_LIMIT
        size[rows[fits]] += added[fits]
        return fits

    def window(self, rows: Sequence[int] | Ints, first: int, last: int) -> Sums:
        """The sums of the days from first to last, (len(rows), COLUMNS, days)."""
        rows, begin, length = np.asarray(rows, dtype=np.intp), first % SLOTS, last - first + 1
        ring = self.sums.take(rows, axis=0)
        window = ring[:, :, begin : begin + length]
        if begin + length > SLOTS:
            window = np.concatenate([window, ring[:, :, : begin + length - SLOTS]], axis=2)
        # A slot holds that day only while it is kept; afterwards it is another day's.
        days, newest = np.arange(first, last + 1), self.newest[rows]
        some = np.flatnonzero((newest < last) | (newest - KEPT_DAYS > first))
        if some.size:
            kept = (days <= newest[some, np.newaxis]) & (days >= newest[some, np.newaxis] - KEPT_DAYS)
            window[some] *= kept[:, np.newaxis]
        return window


def _narrow(days: Days) -> bool:
    return len(days.main) in NARROW and (days.rare is None or len(days.rare) in NARROW)


def _cut(joined: bytes, size: int) -> list[Block]:
    return [joined[at : at + size] for at in range(0, len(joined), size)]


def _laid_out(blocks: Sequence[Block], columns: int) -> Sums:
    joined = b"".join(blocks)
    if len(joined) == len(blocks) * columns * SLOTS * 4:  # no block is shorter: all are narrow
        return np.frombuffer(joined, dtype=np.int32).reshape(-1, columns, SLOTS)
    wide = [np.frombuffer(block, dtype=np.int32 if len(block) in NARROW else np.int64) for block in blocks]
    return np.array(wide, dtype=np.int64).reshape(-1, columns, SLOTS)
