"""Which products does a page show, and in which order?

Whatever the number of products, a page has few rows. Orders are found with numpy and kept for a moment, so that many
pages that ask the same cost as much as one. Nothing that is asked can fail: what makes no sense falls back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.ruling import ORDERED, OVERRIDDEN
from worker.dashboard.board import Board
from worker.dashboard.rows import NUMBERS, REASONS, STATUSES

ROWS_MAX = 100
SEARCH_CHARS_MAX = 100
ORDERS_KEPT = 32
FRESH_MS = 1_000
FILTERS = ("proposed", "frozen", "toorder")
WAITING = tuple(REASONS.index(reason) for reason in ("approval", "review"))
DONE = tuple(REASONS.index(reason) for reason in (ORDERED, OVERRIDDEN))
ASCENDING_FIRST = ("product", "status", "cover", "out_on", "order_by")


class Question(NamedTuple):
    """show: one of STATUSES or FILTERS, or nothing. sort: a column; descending: the largest first."""

    show: str = ""
    search: str = ""
    sort: str = "risk"
    descending: bool = True
    start: int = 0
    rows: int = 50


def question_of(said: Mapping[str, str]) -> Question:
    """The question of a query string."""
    sort = said.get("sort", "risk")
    sort = sort if sort in (*NUMBERS, "product", "status") else "risk"
    direction = said.get("direction", "up" if sort in ASCENDING_FIRST else "down")
    show = said.get("show", "")
    return Question(
        show=show if show in STATUSES or show in FILTERS else "",
        search=said.get("search", "").strip().casefold()[:SEARCH_CHARS_MAX],
        sort=sort,
        descending=direction != "up",
        start=_number(said.get("start"), 0, 10**7),
        rows=max(1, _number(said.get("rows"), 50, ROWS_MAX)),
    )


def _number(said: str | None, default: int, most: int) -> int:
    return min(int(said), most) if said is not None and said.isascii() and said.isdigit() and len(said) < 9 else default


class Orders:
    """The slots that answer a question, in its order; one that was found less than FRESH_MS ago is taken again."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._kept: OrderedDict[Question, tuple[int, int, NDArray[np.int64]]] = OrderedDict()

    def of(self, question: Question, now: int) -> NDArray[np.int64]:
        """All slots that answer it, in order. now in milliseconds."""
        asked = question._replace(start=0, rows=0)
        kept = self._kept.get(asked)
        if kept is not None and (kept[1] == self._board.version or now - kept[0] < FRESH_MS):
            return kept[2]
        found = self._found(question)
        self._kept[asked] = (now, self._board.version, found)
        self._kept.move_to_end(asked)
        while len(self._kept) > ORDERS_KEPT:
            self._kept.popitem(last=False)
        return found

    def _found(self, question: Question) -> NDArray[np.int64]:
        board = self._board
        chosen = self._shown(question.show)
        if question.search:
            holds = [question.search in text for text in board.searched]
            chosen = chosen & np.fromiter(holds, bool, len(holds))
        if question.sort == "product":
            order = board.names_in_order()
            order = order[::-1] if question.descending else order
            return order[chosen[order]]
        slots = np.flatnonzero(chosen)
        return slots[_sorted(board, slots, question)]

    def _shown(self, show: str) -> NDArray[np.bool_]:
        board = self._board
        if show in STATUSES:
            return np.asarray(board["status"] == STATUSES.index(show))
        if show == "proposed":
            return np.isin(board["reason"], WAITING)
        if show == "frozen":
            return board["frozen"] > 0
        if show == "toorder":
            return (board["suggested"] > 0) & ~np.isin(board["reason"], DONE)
        return np.ones(len(board), bool)


def _sorted(board: Board, slots: NDArray[np.int64], question: Question) -> NDArray[np.int64]:
    values = board[question.sort][slots].astype(np.float64)
    # What is not known stands last, whichever way.
    keyed = np.where(np.isnan(values), np.inf, -values if question.descending else values)
    if question.sort != "risk":
        return np.argsort(keyed, kind="stable")
    cover = board["cover"][slots]
    return np.lexsort((np.where(np.isnan(cover), np.inf, cover), board["status"][slots], keyed))


def shown_row(board: Board, slot: int) -> dict[str, Any]:
    """A row as the page gets it: names for numbers that stand for something, nothing for what is not known."""
    row = board.row(slot)
    said: dict[str, Any] = {name: _plain(getattr(row, name)) for name in NUMBERS}
    said |= {"product": row.label, "category": row.category, "status": STATUSES[row.status]}
    return said | {"reason": REASONS[row.reason], "frozen": bool(row.frozen)}


def _plain(value: float) -> float | int | None:
    if value != value or value in (np.inf, -np.inf):
        return None
    return int(value) if value == int(value) else round(value, 2)
