"""What will be on the shelf when an order placed now arrives, and how much is missing then?

Demand that meets an empty shelf is lost, so what comes before the arrival is followed step by step: an order
cannot make up for sales that are gone. Where customers wait instead, only sums matter. One row a product; nothing here
knows of suppliers' terms, which come afterwards (purchase.py)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.features import Floats, Ints
from domain.shortfall import expected_leftover


@dataclass(frozen=True, slots=True)
class Before:
    """The steps before an order placed now arrives, a period each or several: what is received at the beginning and at
    the end of each, mean and dispersion of its demand, (n, steps) each."""

    receipts: Ints | Floats
    late_receipts: Ints | Floats
    mean: Floats
    dispersion: Floats


def stock_at_arrival(on_hand: Ints, before: Before, *, backorders: bool = False) -> Floats:
    """Expected units on the shelf when the order arrives, float64 (n,); below zero is what is owed by then.

    With lost sales e <- E[(e + receipt - demand)+] step by step. The mean of what is left over is more than what
    is left over of the mean: an order that forgets this is too large by a few percent."""
    shelf = on_hand.astype(np.float64)
    for step in range(before.receipts.shape[1]):
        mean, dispersion = before.mean[:, step], before.dispersion[:, step]
        shelf = shelf + before.receipts[:, step]
        # What is owed from before is served first, whatever becomes of later demand.
        shelf = (
            shelf - mean
            if backorders
            else np.where(shelf > 0, expected_leftover(shelf, mean, dispersion), np.minimum(shelf, 0.0))
        )
        shelf = shelf + before.late_receipts[:, step]
    return shelf


def lost_before_arrival(on_hand: Ints, before: Before) -> Floats:
    """Expected units that will be asked for before the arrival and lost, whatever is ordered now, float64 (n,)."""
    received = before.receipts.sum(axis=1) + before.late_receipts.sum(axis=1)
    kept = on_hand + received - before.mean.sum(axis=1)
    return np.asarray(np.maximum(stock_at_arrival(on_hand, before) - kept, 0.0))
