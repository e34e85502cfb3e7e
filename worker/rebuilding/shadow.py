"""What should the products of a shard have sold, by history alone?

Every sale once by its id, the first of those that share one; then sums by product and day, all at once. Nothing here
knows of a live state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from domain.ledger import ID_BYTES
from worker.rebuilding.rows import Packed, Rows

Sums = npt.NDArray[np.int64]
PARTS = ("sold", "revenue", "returned", "refunded", "promoted")


@dataclass(frozen=True, slots=True)
class SoldRows:
    """The sales of one product, each once. parts: int64 (n, 5), what each brings to its day (domain.buckets.Bucket)."""

    label: str
    entries: npt.NDArray[np.uint8]
    days: npt.NDArray[np.int32]
    parts: Sums

    def ids(self) -> list[bytes]:
        """The digest of each sale's id."""
        whole = self.entries[:, :ID_BYTES].tobytes()
        return [whole[at : at + ID_BYTES] for at in range(0, len(whole), ID_BYTES)]

    def kept(self, mask: npt.NDArray[np.bool_]) -> SoldRows:
        return SoldRows(self.label, self.entries[mask], self.days[mask], self.parts[mask])

    @property
    def units(self) -> int:
        return int(self.parts[:, 0].sum() - self.parts[:, 2].sum())

    def by_day(self) -> dict[int, tuple[int, ...]]:
        """The sums of each day that has any sale."""
        days, at = np.unique(self.days, return_inverse=True)
        sums = np.zeros((len(days), len(PARTS)), dtype=np.int64)
        np.add.at(sums, at, self.parts)
        return {int(day): tuple(row) for day, row in zip(days, sums.tolist(), strict=True)}


@dataclass(frozen=True, slots=True)
class Shadow:
    """A shard's sales by product. duplicates came again as they were; conflicts came again with another payload. days
    and sums (m, 5) are the rows by product and day; ends say how many of them each product has, added up."""

    labels: list[str]
    packed: Packed
    firsts: npt.NDArray[np.int64]
    duplicates: int
    conflicts: int
    days: npt.NDArray[np.int32]
    sums: Sums

    def products(self) -> Iterator[SoldRows]:
        for first, end in pairwise((*self.firsts.tolist(), len(self.packed))):
            rows = self.packed[first:end]
            yield SoldRows(self.labels[int(rows["code"][0])], rows["entry"], rows["day"], parts_of(rows))


def shadow_of(rows: Rows) -> Shadow:
    """Folds the rows of a shard."""
    packed, duplicates, conflicts = _each_once(rows.packed)
    codes, days = packed["code"], packed["day"]
    firsts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]]) if len(packed) else np.zeros(0, dtype=np.int64)
    new_day = np.r_[True, (codes[1:] != codes[:-1]) | (days[1:] != days[:-1])] if len(packed) else np.zeros(0, bool)
    starts = np.flatnonzero(new_day)
    parts = parts_of(packed)
    sums = np.add.reduceat(parts, starts, axis=0) if len(starts) else np.zeros((0, len(PARTS)), dtype=np.int64)
    return Shadow(rows.labels, packed, firsts, duplicates, conflicts, days[starts], sums)


def _each_once(packed: Packed) -> tuple[Packed, int, int]:
    """The first row of each id, ordered by product and day."""
    halves = np.ascontiguousarray(packed["entry"][:, :ID_BYTES]).view(">u8").reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0], packed["code"]))
    sorted_ = packed[order]
    low, high = halves[order, 1], halves[order, 0]
    again = np.zeros(len(packed), dtype=bool)
    again[1:] = (sorted_["code"][1:] == sorted_["code"][:-1]) & (high[1:] == high[:-1]) & (low[1:] == low[:-1])
    # Each run of one id against its first row: a later one may contradict it.
    first_of = np.maximum.accumulate(np.where(again, 0, np.arange(len(packed))))
    differs = again & (sorted_["entry"][:, ID_BYTES:] != sorted_["entry"][first_of][:, ID_BYTES:]).any(axis=1)
    once = sorted_[~again]
    once = once[np.lexsort((once["day"], once["code"]))]
    return once, int(again.sum() - differs.sum()), int(differs.sum())


def parts_of(rows: Packed) -> Sums:
    """What each row brings to its day, as domain.buckets.bucket_of says of one sale."""
    quantity, revenue = rows["quantity"], rows["revenue"]
    forth = quantity >= 0
    promoted = np.where(forth & rows["promotion"], quantity, 0)
    columns = (
        np.where(forth, quantity, 0),
        np.where(forth, revenue, 0),
        np.where(forth, 0, -quantity),
        np.where(forth, 0, -revenue),
        promoted,
    )
    return np.stack(columns, axis=1).astype(np.int64)
