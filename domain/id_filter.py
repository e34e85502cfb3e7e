"""Which ids were surely not counted yet?

A Bloom filter over the ids of all open products: four bits an id, all in one word of 64. It answers no or perhaps, and
whoever hears perhaps looks into the product's own ledger: so it decides nothing, and nearly every id is new without any
look-up by itself. What is forgotten leaves its bits behind. When it is full it grows; or, if half of it is such bits,
it begins anew and is told the ids of each row again before the row's next sales. So it is never larger than what is
remembered asks for, however long it is at work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Ids = NDArray[np.uint64]
"""The 16 bytes that each id is remembered by, as two numbers: (n, 2)."""

WORDS_MIN = 2**19
WORDS_AN_ID = 4  # when it grows or begins anew: twice as many as needed would soon be full again
IDS_A_WORD_MAX = 2  # however many are told at once: bits that stood too close together would do so for ever
_PLACES = [np.uint64(6 * number) for number in range(4)]
_PLACE, _BIT = np.uint64(63), np.uint64(1)


class IdFilter:
    """told: (rows,), in which life of the filter the ids of a row were told; sizes: how many these were. words_min is a
    power of two."""

    def __init__(self, rows: int, words_min: int = WORDS_MIN) -> None:
        self._words_min = words_min
        self._words = np.zeros(words_min, dtype=np.uint64)
        self._count = 0
        self._life = 1
        self._told = np.zeros(rows, dtype=np.int64)
        self.sizes = np.zeros(rows, dtype=np.int64)

    @property
    def words(self) -> int:
        """How many words of 64 bits it takes."""
        return len(self._words)

    def leave(self, row: int) -> None:
        """The row is nobody's from now on."""
        self._told[row] = self.sizes[row] = 0

    def forget(self, row: int, count: int) -> None:
        """So many ids of a row are not remembered any more."""
        self.sizes[row] = max(0, int(self.sizes[row]) - count)

    def make_room(self) -> None:
        """To be called before ids are added or asked for, never between."""
        if self._count > len(self._words):
            remembered = int(self.sizes.sum())
            if 2 * remembered > self._count:
                self._grow()
            else:
                self._begin_anew(remembered)

    def untold(self, rows: Ints) -> NDArray[np.bool_]:
        """The ids of which of these rows are to be told before anything is asked?"""
        self.make_room()
        untold: NDArray[np.bool_] = self._told[rows] != self._life
        return untold

    def _grow(self) -> None:
        # A word's copies stand for it: whatever an id's longer place is, its bits are there.
        self._words = np.concatenate([self._words] * WORDS_AN_ID)

    def _begin_anew(self, remembered: int) -> None:
        size = max(self._words_min, WORDS_AN_ID * remembered)
        self._words = np.zeros(1 << (size - 1).bit_length(), dtype=np.uint64)
        self._count = 0
        self._life += 1

    def tell(self, ids: Ids, rows: Ints, counts: Ints) -> None:
        """These are all ids of these rows, as in add."""
        self._told[rows] = self._life
        self.sizes[rows] = 0
        self.add(ids, rows, counts)

    def add(self, ids: Ids, rows: Ints | int, counts: Ints | int) -> None:
        """Adds ids; counts says how many are of each of these rows, each of which is there once."""
        while self._count + len(ids) > IDS_A_WORD_MAX * len(self._words):
            self._grow()
        word = self._word(ids)
        # One after the other, as two of them may share a word.
        np.bitwise_or.at(self._words, word, _bits(ids))
        self._count += len(ids)
        self.sizes[rows] += counts

    def perhaps(self, ids: Ids) -> NDArray[np.bool_]:
        """Which of these ids were perhaps told? All others were not."""
        bits = _bits(ids)
        found: NDArray[np.bool_] = (self._words[self._word(ids)] & bits) == bits
        return found

    def _word(self, ids: Ids) -> Ints:
        return (ids[:, 0] & np.uint64(len(self._words) - 1)).astype(np.int64)


def _bits(ids: Ids) -> NDArray[np.uint64]:
    other = ids[:, 1]
    bits = _BIT << (other & _PLACE)
    for place in _PLACES[1:]:
        bits |= _BIT << ((other >> place) & _PLACE)
    return bits


def twins(ids: Ids) -> NDArray[np.bool_]:
    """Which of these ids are there twice, as far as their first halves say? All others are not."""
    order = np.argsort(ids[:, 0])
    first = ids[order, 0]
    alike = first[1:] == first[:-1]
    found = np.zeros(len(ids), dtype=np.bool_)
    found[order[1:][alike]] = found[order[:-1][alike]] = True
    return found
