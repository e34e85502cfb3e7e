"""How many products are in which state, what is it worth, and is it getting better?

Each product is counted once, in the most urgent state that it is in, so that the tiles add up to all products. What
has no price has no value: how many those are is said beside it."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worker.dashboard.asking import WAITING
from worker.dashboard.board import Board
from worker.dashboard.rows import EXCESS, OUT, OVERDUE, SOON, STATUSES, UNKNOWN

SAMPLE_EVERY_MS = 15_000
SAMPLES_KEPT = 240  # an hour


class Sample(NamedTuple):
    at: int
    counts: tuple[int, ...]


class Tiles:
    def __init__(self, board: Board) -> None:
        self._board = board
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_KEPT)

    def sample(self, now: int) -> None:
        """Notes the counts for the trend, if the last time is long enough ago. now in milliseconds."""
        if len(self._board) and (not self._samples or now - self._samples[-1].at >= SAMPLE_EVERY_MS):
            self._samples.append(Sample(now, tuple(self._board.counts().tolist())))

    def said(self, now: int) -> dict[str, Any]:
        """The tiles, in the order of STATUSES. since_s: how long ago their trends begin."""
        board = self._board
        status, unit = board["status"], board["unit"]
        worth = _worth(board)
        counts = board.counts()
        values = np.bincount(status, weights=np.nan_to_num(worth), minlength=len(STATUSES))
        unpriced = np.bincount(status[np.isnan(unit)], minlength=len(STATUSES))
        tiles = [
            {
                "status": name,
                "count": int(counts[place]),
                "value_minor": round(float(values[place])),
                "unpriced": int(unpriced[place]),
                "trend": self._trend(place, int(counts[place])),
                "past": [sample.counts[place] for sample in self._thinned()],
            }
            for place, name in enumerate(STATUSES)
        ]
        return {
            "tiles": tiles,
            "products": len(board),
            "today": int(board["as_of"].max()) if len(board) else None,
            "left_out": board.left_out,
            "since_s": (now - self._samples[0].at) // 1000 if self._samples else 0,
            "proposed": int(np.isin(board["reason"], WAITING).sum()),
            "frozen": int((board["frozen"] > 0).sum()),
        }

    def _trend(self, place: int, count: int) -> int:
        return count - self._samples[0].counts[place] if self._samples else 0

    def _thinned(self) -> list[Sample]:
        samples = list(self._samples)
        step = max(1, len(samples) // 30)
        return samples[::-step][::-1]


def _worth(board: Board) -> NDArray[np.float64]:
    """Minor units: what is at risk a day, of the late units, of what is beyond the target, of the stock; by status."""
    status, unit = board["status"], board["unit"]
    units = np.where(status == EXCESS, np.maximum(board["on_hand"] - board["target"], 0), board["on_hand"])
    units = np.where(status == OVERDUE, board["overdue"], units)
    worth: NDArray[np.float64] = np.where((status == OUT) | (status == SOON), board["risk"], units * unit)
    return np.where(status == UNKNOWN, 0.0, worth)
