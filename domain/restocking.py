"""How does Restock order, period by period, in a shop that is replayed?

By the live worker's policy (policy.py), its thresholds and the supplier's terms (purchase.py). It asks a forecaster for
windows, the totals of some periods from now, and never adds quantiles up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from domain.backtest import Policy, Seen
from domain.features import Floats, Ints
from domain.forecast import total_quantile
from domain.outlook import Arrivals, Outlook, Totals, blocks_of, outlook_between, receipts_in_blocks
from domain.policy import SupplyTerms, lost_sales, thresholds
from domain.purchase import whole_order
from domain.replenishment import Before
from domain.service import Horizon, common_level

# Means and dispersions, (n, m) each, of the totals of windows (offset, length), int64 (m, 2), from the next period on.
Ahead = Callable[[Seen, Ints], tuple[Floats, Floats]]


def windows_for(lead_time: int, review: int) -> Ints:
    """The blocks before the arrival; all of the lead time (if there is one), the periods from the arrival until the
    next, and both as one total."""
    whole = [(0, lead_time)] if lead_time else []
    return np.vstack([blocks_of(lead_time), [*whole, (lead_time, review), (0, lead_time + review)]]).astype(np.int64)


def restock(
    ahead: Ahead, terms: Sequence[SupplyTerms], *, fill_rate: float | None = None, backorders: bool = False
) -> Policy:
    """Our policy, for products of these terms, where an order costs nothing by itself: each brings what is missing.
    Times of the terms are not looked at: the backtest has its own. fill_rate: the share of demand that all of them
    together are to serve from stock, instead of what each product's terms promise."""
    free = [t._replace(order_cycle_days=0, ordering_cost=None, backorders=backorders) for t in terms]

    def order(seen: Seen) -> Ints:
        lead, review = seen.timing.lead_time, seen.timing.review
        mean, dispersion = ahead(seen, windows_for(lead, review))
        outlook = _outlook(seen, mean, dispersion)
        wanted = None
        if fill_rate is not None:
            level = common_level(fill_rate, _horizon(lead, mean, dispersion))
            wanted = total_quantile(level, *outlook.whole)
        return _ordered(seen, free, outlook, mean[:, -1] / (lead + review), wanted)

    return order


def as_worker(ahead: Ahead, terms: Sequence[SupplyTerms], month: int) -> Policy:
    """What the live worker orders, which knows three totals: of a period, of lead time and review, and of a month (in
    periods). Days of the terms are periods here; the lead time and the review are the backtest's own."""

    def order(seen: Seen) -> Ints:
        n, lead, review = len(seen.on_hand), seen.timing.lead_time, seen.timing.review
        lengths = (1, lead + review, month)
        mean, dispersion = ahead(seen, np.array([(0, length) for length in lengths], dtype=np.int64))
        totals = Totals(np.broadcast_to(np.array(lengths), (n, 3)), mean, dispersion)
        outlook = outlook_between(totals, np.full(n, lead), np.full(n, review), _due(seen))
        return _ordered(seen, terms, outlook, mean[:, 2] / month)

    return order


def _ordered(
    seen: Seen, terms: Sequence[SupplyTerms], outlook: Outlook, daily_mean: Floats, wanted: Ints | None = None
) -> Ints:
    found = thresholds(terms, outlook, daily_mean, lost_sales(terms, seen.on_hand, outlook.before), wanted)
    minimum = np.array([t.minimum_order_quantity for t in terms], dtype=np.int64)
    pack = np.array([t.pack_size for t in terms], dtype=np.int64)
    due = seen.position <= found.reorder_point
    room = np.maximum(found.ceiling - seen.position, 0)
    return whole_order(np.where(due, found.target - seen.position, 0), minimum, pack, room)


def _outlook(seen: Seen, mean: Floats, dispersion: Floats) -> Outlook:
    lead, blocks = seen.timing.lead_time, len(blocks_of(seen.timing.lead_time))
    first, last = (part[:, :blocks] for part in receipts_in_blocks(_due(seen), np.full(len(mean), lead)))
    before = Before(first, last, mean[:, :blocks], dispersion[:, :blocks])
    sold = mean[:, -3] if lead else np.zeros(len(mean))
    return Outlook(before, sold, (mean[:, -2], dispersion[:, -2]), (mean[:, -1], dispersion[:, -1]))


def _due(seen: Seen) -> Arrivals:
    rows, periods = np.nonzero(seen.due)
    return Arrivals(rows, periods, seen.due[rows, periods])


def _horizon(lead_time: int, mean: Floats, dispersion: Floats) -> Horizon:
    nothing = np.zeros(len(mean))
    before = (mean[:, -3], dispersion[:, -3]) if lead_time else (nothing, nothing)
    return Horizon(*before, mean[:, -1], dispersion[:, -1])
