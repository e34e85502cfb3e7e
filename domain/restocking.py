"""How does Restock order, period by period, when the whole of its stock is in view?

What will be on the shelf when an order arrives (replenishment.py) against what the target asks for from then on
(policy.py), and of the gap what the supplier's terms leave (purchase.py). It asks a forecaster for windows, the totals
of some periods from now, and never adds quantiles up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from domain.backtest import Policy, Seen
from domain.features import Floats, Ints
from domain.forecast import total_quantile
from domain.policy import SupplyTerms, protection_stock, thresholds
from domain.purchase import whole_order
from domain.replenishment import Before, needed_at_arrival, stock_at_arrival
from domain.service import Horizon, common_level

# Means and dispersions, (n, m) each, of the totals of windows (offset, length), int64 (m, 2), from the next period on.
Ahead = Callable[[Seen, Ints], tuple[Floats, Floats]]


BLOCKS_MAX = 3  # a long lead time is followed in so many steps: each one more is one more question a product


def blocks_of(lead_time: int) -> Ints:
    """The lead time in up to BLOCKS_MAX windows (offset, length), the shorter ones last, int64 (m, 2)."""
    parts = np.array_split(np.arange(lead_time), min(lead_time, BLOCKS_MAX) or 1)
    blocks = [(int(part[0]), len(part)) for part in parts if len(part)]
    return np.array(blocks, dtype=np.int64).reshape(-1, 2)


def windows_for(lead_time: int, review: int) -> Ints:
    """The blocks before the arrival; all of the lead time (if there is one), the periods from the arrival until the
    next, and both as one total."""
    whole = [(0, lead_time)] if lead_time else []
    return np.vstack([blocks_of(lead_time), [*whole, (lead_time, review), (0, lead_time + review)]]).astype(np.int64)


def restock(
    ahead: Ahead, terms: Sequence[SupplyTerms], *, fill_rate: float | None = None, backorders: bool = False
) -> Policy:
    """Our policy, for products of these terms. Their times are not looked at: the backtest has its own. fill_rate: the
    share of demand that all of them together are to serve from stock, instead of what each product's terms promise.

    A service is promised against all that may happen until the next arrival, so the target is that of the whole total,
    less what will have sold before the arrival. Where costs decide and sales are lost, it is that of the periods from
    the arrival on alone: what is uncertain before it is half lost anyway, and stock against it costs more than it
    saves. What arrives within a block is there from its beginning."""
    minimum = np.array([t.minimum_order_quantity for t in terms], dtype=np.int64)
    pack = np.array([t.pack_size for t in terms], dtype=np.int64)
    by_cost = fill_rate is None and not backorders
    from_arrival = np.array([by_cost and t.by_cost for t in terms], dtype=bool)

    def order(seen: Seen) -> Ints:
        lead = seen.timing.lead_time
        mean, dispersion = ahead(seen, windows_for(lead, seen.timing.review))
        shelf = stock_at_arrival(seen.on_hand, _before(seen, mean, dispersion), backorders=backorders)
        if fill_rate is None:
            over = np.where(from_arrival, mean[:, -2], mean[:, -1])
            stock = protection_stock(
                terms, over, np.where(from_arrival, dispersion[:, -2], dispersion[:, -1]), mean[:, -2]
            )
        else:
            level = common_level(fill_rate, _horizon(lead, mean, dispersion))
            stock = total_quantile(level, mean[:, -1], dispersion[:, -1])
        sold_before = np.where(from_arrival | (lead == 0), 0.0, mean[:, -3] if lead else 0.0)
        return whole_order(needed_at_arrival(stock - sold_before, shelf, seen.due[:, lead]), minimum, pack)

    return order


def as_worker(ahead: Ahead, terms: Sequence[SupplyTerms]) -> Policy:
    """What the live worker orders (policy.py): at or below s, up to S, by the inventory position. Days of the terms are
    periods here; the lead time and the review are the backtest's own."""
    minimum = np.array([t.minimum_order_quantity for t in terms], dtype=np.int64)
    pack = np.array([t.pack_size for t in terms], dtype=np.int64)

    def order(seen: Seen) -> Ints:
        periods = seen.timing.lead_time + seen.timing.review
        mean, dispersion = ahead(seen, np.array([(0, periods)], dtype=np.int64))
        found = thresholds(terms, mean[:, 0], dispersion[:, 0], mean[:, 0] / periods)
        due = seen.position <= found.reorder_point
        room = np.maximum(found.ceiling - seen.position, 0)
        return whole_order(np.where(due, found.target - seen.position, 0), minimum, pack, room)

    return order


def _horizon(lead_time: int, mean: Floats, dispersion: Floats) -> Horizon:
    nothing = np.zeros(len(mean))
    before = (mean[:, -3], dispersion[:, -3]) if lead_time else (nothing, nothing)
    return Horizon(*before, mean[:, -1], dispersion[:, -1])


def _before(seen: Seen, mean: Floats, dispersion: Floats) -> Before:
    lead = seen.timing.lead_time
    blocks = blocks_of(lead)
    receipts = np.add.reduceat(seen.due[:, :lead], blocks[:, 0], axis=1) if lead else seen.due[:, :0]
    return Before(receipts, mean[:, : len(blocks)], dispersion[:, : len(blocks)])
