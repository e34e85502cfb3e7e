"""Lengths to cover, as forecasts are asked for."""

from __future__ import annotations

import numpy as np

from domain.features import Ints


def same_days(days: int, products: int) -> Ints:
    """The same number of days to cover for every product."""
    return np.full(products, days, dtype=np.int64)
