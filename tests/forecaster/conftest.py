"""Which sales do the forecaster's tests learn from?

A small shop that is drawn by a seed, and the real lines that come with the project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecaster.dataset import SALES_COLUMNS, panel_of
from forecaster.fitting import Fitting, Trained, train
from forecaster.sales import read_sales

SAMPLE = Path(__file__).parents[2] / "worker" / "local" / "sample" / "online_retail.parquet"
FIRST_DAY = 14_000
QUICK = Fitting(rounds=20, rows_max=6_000)


def small_shop(days: int = 70, products: int = 6, seed: int = 1) -> pd.DataFrame:
    """Sales of a handful of products, some with a location, some returned, some promoted; busier on weekends."""
    draw = np.random.default_rng(seed)
    rows = []
    for product in range(products):
        rate = 0.3 + product
        for day in range(FIRST_DAY, FIRST_DAY + days):
            for quantity in draw.poisson(rate * (2 if day % 7 < 2 else 1), size=draw.integers(0, 3)).tolist():
                price = int(draw.integers(90, 110))
                location = "north" if product % 2 else None
                rows.append((f"00{product}", location, day, quantity, quantity * price, bool(draw.random() < 0.1)))
            if draw.random() < 0.05:
                rows.append((f"00{product}", "north" if product % 2 else None, day, -1, -100, False))
    frame = pd.DataFrame(rows, columns=list(SALES_COLUMNS))
    return frame.astype({"product_id": "str", "location_id": "str"})


@pytest.fixture(scope="session")
def shop() -> pd.DataFrame:
    return small_shop()


@pytest.fixture(scope="session")
def trained(shop: pd.DataFrame) -> Trained:
    return train(panel_of(shop), QUICK)


@pytest.fixture(scope="session")
def real_sales() -> pd.DataFrame:
    sales, skipped = read_sales([SAMPLE], today=20_000)
    assert skipped == 0
    return sales
