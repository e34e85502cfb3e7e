"""What sells in eighty weeks, and how is it replayed?"""

from __future__ import annotations

import csv
import datetime as dt

import numpy as np

from domain.backtest import Timing
from forecaster.sales import read_sales
from worker.backtest.history import replayed

MONDAY = dt.date(2023, 1, 2)
WEEKS, PRODUCTS, PERIODS = 80, 8, 6
START = MONDAY + dt.timedelta(weeks=WEEKS - PERIODS - 1)
TODAY = 21_000


def weekly_rows() -> list[dict[str, object]]:
    """Totals of weeks, dated by their Mondays; products sell 1 to 8 a week."""
    draw = np.random.default_rng(4)
    return [
        {
            "product_id": f"P{product}",
            "location_id": "S1" if product % 2 else "S2",
            "date": (MONDAY + dt.timedelta(weeks=week)).isoformat(),
            "quantity": int(draw.poisson((1 + product) * (1 + 0.4 * np.sin(2 * np.pi * week / 52)))),
        }
        for product in range(PRODUCTS)
        for week in range(WEEKS)
    ]


def written(path, rows):
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def frame_of(path):
    return read_sales([path], TODAY)[0]


def shop_at(path, start=START, periods=PERIODS, freq="W", timing=Timing(2), initial=None):  # noqa: B008 - it is frozen
    return replayed(frame_of(path), start, periods, freq, timing, initial)


def command(sales, report, *more):
    asked = ["--sales", sales, "--freq", "W", "--lead-time", 2, "--start", START, "--periods", PERIODS]
    return ["backtest", *map(str, [*asked, "--report", report, *more])]
