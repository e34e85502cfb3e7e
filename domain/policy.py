"""Is an order needed, and for how much?

Inventory position = on hand + on order; a negative on-hand level is what is owed to customers. Order when the
position is at or below the reorder point s = Q_tau(demand over lead time + review period), up to S = s + the demand
of one order cycle (Silver, Pyke & Thomas, Inventory and Production Management, 4th ed., ch. 6-7: the (R, s, S)
policy). What is ordered is S - position, then at least the supplier's minimum, then whole packs: never S itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from domain.features import Floats, Ints
from domain.forecast import total_quantile

FORECAST_DAYS = 28
COVER_DAYS_UNKNOWN = float("inf")


class SupplyTerms(NamedTuple):
    """How a product is bought. service_level is the probability of no stock-out until the next chance to order."""

    lead_time_days: int = 7
    review_days: int = 1
    order_cycle_days: int = 14
    service_level: float = 0.95
    pack_size: int = 1
    minimum_order_quantity: int = 0

    @property
    def protection_days(self) -> int:
        """Lead time and review period: how long the stock must last before a later order can help."""
        return self.lead_time_days + self.review_days


@dataclass(frozen=True, slots=True)
class Thresholds:
    """reorder_point and target in units, int64 (n,) each."""

    reorder_point: Ints
    target: Ints


def thresholds(terms: list[SupplyTerms], protection_mean: Floats, dispersion: Floats, daily_mean: Floats) -> Thresholds:
    """s and S of n products. protection_mean and dispersion describe the total over the protection days.

    A product that is not expected to sell a unit in a whole cycle is not stocked: s = S = 0, so that only what is owed
    to customers is ordered."""
    level = np.array([t.service_level for t in terms])
    minimum = np.array([max(t.minimum_order_quantity, t.pack_size) for t in terms], dtype=np.int64)
    cycle = np.rint(daily_mean * np.array([t.order_cycle_days for t in terms])).astype(np.int64)
    reorder_point = total_quantile(level, protection_mean, dispersion)
    stocked = reorder_point + cycle > 0
    return Thresholds(reorder_point, np.where(stocked, reorder_point + np.maximum(cycle, minimum), 0))


def order_quantity(position: int, reorder_point: int, target: int, terms: SupplyTerms) -> int:
    """Units to order now; 0 while the position is above the reorder point."""
    if position > reorder_point:
        return 0
    needed = max(0, target - position)
    if needed == 0:
        return 0
    at_least = max(needed, terms.minimum_order_quantity)
    return -(-at_least // terms.pack_size) * terms.pack_size


def days_of_cover(on_hand: int, daily_mean: float) -> float:
    """How many days the stock on hand lasts at the forecast rate; infinite when nothing is expected to sell."""
    if on_hand <= 0:
        return 0.0
    return on_hand / daily_mean if daily_mean > 0 else COVER_DAYS_UNKNOWN


def urgency(cover_days: float, lead_time_days: int) -> str:
    """How badly an order is needed: will the stock last until it can arrive?

    critical: nothing on hand. high: runs out before an order placed now arrives. medium: within one lead time after
    that. low: later."""
    if cover_days <= 0:
        return "critical"
    if cover_days < lead_time_days:
        return "high"
    return "medium" if cover_days < 2 * lead_time_days else "low"
