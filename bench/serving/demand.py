"""Which products does the forecaster learn and serve?

Made-up demand with what matters to forecasting: levels from a unit a week to dozens a day, a weekly shape, chance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.features import DailySeries, Ints, series_of
from domain.folding import fold
from domain.product import ProductState

PRODUCTS = 500
DAYS = 200
SHOWN_DAYS = 84  # of history, to those who fit at each request
HORIZON_DAYS = 28
FIRST_DAY = 20_400
PRICE_MINOR = 1_250
WEEK = np.array((0.8, 0.8, 0.9, 1.0, 1.2, 1.4, 0.9))


@dataclass(frozen=True, slots=True)
class Demand:
    """units is int64 (products, days), the last of them the day before as_of."""

    keys: list[ProductKey]
    units: Ints
    as_of: int

    @property
    def ids(self) -> list[str]:
        return [key.product_id for key in self.keys]

    @property
    def shown(self) -> list[list[int]]:
        """The days that a library is given."""
        days: list[list[int]] = self.units[:, -SHOWN_DAYS:].tolist()
        return days

    def write(self, path: Path) -> Path:
        """As a file of sales to train from: a product's day a row."""
        lines = ["product_id,date,quantity,unit_price"]
        dates = [str(np.datetime64(FIRST_DAY + day, "D")) for day in range(self.units.shape[1])]
        for row, day in np.argwhere(self.units).tolist():
            lines.append(f"{self.keys[row].product_id},{dates[day]},{self.units[row, day]},{PRICE_MINOR / 100}")
        path.write_text("\n".join(lines) + "\n")
        return path

    def series(self) -> DailySeries:
        """What the worker knows of the products: the fold of the same sales."""
        return series_of([self._state(row) for row in range(len(self.keys))], self.as_of)

    def _state(self, row: int) -> ProductState:
        key, now = self.keys[row], self.as_of * MS_PER_DAY
        events = [
            SaleRecorded(key, f"{key.product_id}-{day}", (FIRST_DAY + day) * MS_PER_DAY, units, units * PRICE_MINOR)
            for day, units in enumerate(self.units[row].tolist())
            if units and FIRST_DAY + day >= self.as_of - SHOWN_DAYS
        ]
        return fold(ProductState(key), events, now).state


def made_up(seed: int = 1) -> Demand:
    chance = np.random.default_rng(seed)
    level = np.exp(chance.uniform(np.log(0.15), np.log(30), PRODUCTS))
    mean = level[:, None] * WEEK[np.arange(DAYS) % len(WEEK)]
    units = chance.negative_binomial(4, 4 / (4 + mean)).astype(np.int64)
    return Demand([ProductKey(f"P-{n:05d}") for n in range(PRODUCTS)], units, FIRST_DAY + DAYS)
