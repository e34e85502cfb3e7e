"""How is a sheet of the dashboard laid out?

Rows of pictures on a grid of 36 columns."""

from __future__ import annotations

from typing import NamedTuple

from deploy.quicksight.visuals import Visual

GRID_COLUMNS = 36


class Row(NamedTuple):
    """Pictures side by side, of the same width unless widths are said; height in rows of the grid."""

    height: int
    visuals: tuple[Visual, ...]
    widths: tuple[int, ...] = ()


class Sheet(NamedTuple):
    """dates: the column of each of its data sets that the days shown are chosen by. whole and parts: the pictures of
    scores for everything together, and of those by category."""

    name: str
    title: str
    about: str
    rows: tuple[Row, ...]
    dates: dict[str, str]
    whole: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def visuals(self) -> list[Visual]:
        return [visual for row in self.rows for visual in row.visuals]
