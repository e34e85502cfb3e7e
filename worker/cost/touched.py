"""How many products does a batch of sales touch?

Each product of a catalogue is sold with a fixed chance p, independently of the others: of n sales a product is among
them with 1 - (1 - p)^n, and the expected number of distinct products is the sum over all (the occupancy problem; W.
Feller, An Introduction to Probability Theory, vol. 1). The chances fall with a product's rank as rank^-s: s = 1 is
Zipf's law; 0.87 is what Brynjolfsson, Hu and Smith found for books (Management Science 49, 2003). The larger s, the
more a batch saves."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt


@lru_cache(maxsize=16)
def shares(products: int, zipf: float) -> npt.NDArray[np.float64]:
    """The chance of each product to be the one that a sale is of, the best seller first; they sum to 1."""
    weights = np.arange(1, products + 1, dtype=np.float64) ** -zipf
    found: npt.NDArray[np.float64] = weights / weights.sum()
    found.flags.writeable = False
    return found


def touched(sales: float, products: int, zipf: float) -> float:
    """Distinct products in so many sales, as expected; less than one sale touches less than one product."""
    if sales <= 1:
        return sales
    chances: Any = shares(products, zipf)
    if products == 1:
        return 1.0
    return float(-np.expm1(sales * np.log1p(-chances)).sum())
