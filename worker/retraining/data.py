"""Which days does the new model learn from, and which is it judged on?

The last GATE_DAYS of the sales are held out. What is trained is what is judged, and what is judged is what serves:
nothing that nobody has measured. The price is a model that is four weeks old when it begins to serve; it was measured
as .002 of WAPE."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from forecaster.dataset import Panel, panel_of
from forecaster.sales import is_sales_file, read_sales
from handlers.announcements import iso_day

GATE_DAYS = 28
TRAINING_DAYS_MIN = 56
SECONDS_PER_DAY = 86_400
MINOR_UNITS = 100
TRAINING_FILE = "training.parquet"


class NothingToJudge(ValueError):
    """There are too few days to train on some and judge on others; the message says how many there are."""


@dataclass(frozen=True, slots=True)
class Sales:
    """All usable sales, and the first day that is held out (days since the epoch)."""

    rows: pd.DataFrame
    as_of: int
    skipped: int

    @property
    def until(self) -> str:
        """The first day the model does not learn from, as YYYY-MM-DD."""
        return str(iso_day(self.as_of))

    def panel(self) -> Panel:
        return panel_of(self.rows, self.as_of + GATE_DAYS)

    def write_training(self, folder: Path) -> Path:
        """The sales before as_of as a file that `restock train` reads."""
        rows = self.rows[self.rows["day"] < self.as_of]
        paid = rows["revenue_minor"] / rows["quantity"].where(rows["quantity"] != 0) / MINOR_UNITS
        kept = [name for name in ("product_id", "location_id", "quantity", "promotion") if name in rows]
        optional = [name for name in ("category", "in_stock") if name in rows]
        frame = rows[kept + optional].assign(date=rows["day"] * SECONDS_PER_DAY, unit_price=paid)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / TRAINING_FILE
        frame.to_parquet(path, index=False)
        return path


def read(paths: Sequence[Path]) -> Sales:
    """The sales of these files, or of the files in these folders. NothingToJudge when they span too few days."""
    files = [file for path in paths for file in _files(path)]
    # Today is not over: a part of a day would be learned from, and judged by, as if it were all that was sold.
    rows, skipped = read_sales(files, today=int(time.time()) // SECONDS_PER_DAY - 1)
    days = int(rows["day"].max() - rows["day"].min()) + 1 if len(rows) else 0
    if days < TRAINING_DAYS_MIN + GATE_DAYS:
        raise NothingToJudge(
            f"{days} days of sales: {TRAINING_DAYS_MIN} to learn from and {GATE_DAYS} to be judged on are the least"
        )
    return Sales(rows, int(rows["day"].max()) + 1 - GATE_DAYS, skipped)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [file for file in sorted(path.rglob("*")) if file.is_file() and is_sales_file(file)]
    return [path]
