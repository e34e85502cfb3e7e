"""Is an order needed, and for how much?

Inventory position = on hand + on order; a negative on-hand level is what is owed to customers. Order when the
position is at or below the reorder point s, the stock that the demand over lead time and review asks for (service.py)
less the sales that will be lost before an order can arrive (replenishment.py), up to S = s + the demand of one order
cycle (Silver, Pyke & Thomas, Inventory and Production Management, 4th ed., ch. 6-7: the (R, s, S) policy). What is
ordered is S - position, then what the supplier's terms make of it (purchase.py): never S itself. The live worker and
the backtest ask the same functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from domain.features import Floats, Ints
from domain.forecast import total_quantile
from domain.lot_size import economic_order_quantity
from domain.outlook import Outlook
from domain.purchase import UNLIMITED, shelf_life_ceiling, whole_order
from domain.replenishment import Before, lost_before_arrival
from domain.service import critical_ratio, stock_for_fill_rate, uncertain_lead_time_quantile

FORECAST_DAYS = 28
COVER_DAYS_UNKNOWN = float("inf")


class SupplyTerms(NamedTuple):
    """How a product is bought, and what it is stocked for.

    The target is fill_rate (the share of demand met from stock) if that is given, else the ratio of shortage_cost (of
    a unit missing) to holding_cost (of a unit and day) if both are, else service_level, the probability of no
    stock-out until the next chance to order. With ordering_cost and holding_cost an order is the economic order
    quantity instead of order_cycle_days; else, at a cycle of 0 days, it brings what is missing. lead_time_sd_days is
    the lead time's standard deviation. Past maximum_stock, and past what will sell within shelf_life_days, nothing is
    ordered. None means that there is no such limit. backorders: customers who meet an empty shelf wait, and are not
    lost."""

    lead_time_days: int = 7
    review_days: int = 1
    order_cycle_days: int = 14
    service_level: float = 0.95
    pack_size: int = 1
    minimum_order_quantity: int = 0
    fill_rate: float | None = None
    shortage_cost: float | None = None
    holding_cost: float | None = None
    ordering_cost: float | None = None
    lead_time_sd_days: float = 0.0
    maximum_stock: int | None = None
    shelf_life_days: int | None = None
    backorders: bool = False

    @property
    def protection_days(self) -> int:
        """Lead time and review period: how long the stock must last before a later order can help."""
        return self.lead_time_days + self.review_days

    @property
    def by_cost(self) -> bool:
        """Whether what a unit missing and a unit held cost decides how much is stocked."""
        return self.fill_rate is None and self.shortage_cost is not None and self.holding_cost is not None

    @property
    def by_need(self) -> bool:
        """Whether an order brings what is missing, and nothing beyond."""
        return self.order_cycle_days == 0 and (self.ordering_cost is None or self.holding_cost is None)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """reorder_point, target and ceiling (the most that may be in stock and on order) in units, int64 (n,) each. The
    usual ones hold where nothing is lost before an order arrives: they do not depend on the stock."""

    reorder_point: Ints
    target: Ints
    ceiling: Ints
    usual_reorder_point: Ints
    usual_target: Ints


def lost_sales(terms: Sequence[SupplyTerms], on_hand: Ints, before: Before) -> Floats:
    """How many will be asked for before an order placed now could arrive, and be lost, float64 (n,): none where
    customers wait."""
    waits = np.array([t.backorders for t in terms], dtype=bool)
    return np.where(waits, 0.0, lost_before_arrival(on_hand, before))


def thresholds(
    terms: Sequence[SupplyTerms],
    outlook: Outlook,
    daily_mean: Floats,
    lost: Floats,
    wanted: Ints | Floats | None = None,
) -> Thresholds:
    """s and S of n products. lost: sales that no order can serve any more, float64 (n,). wanted: the stock that lead
    time and review ask for, where it is not each product's own terms that say so.

    A product that is not expected to sell a unit in a whole cycle is not stocked: s = S = 0, so that only what is owed
    to customers is ordered. Where an order brings what is missing and no more, the shop orders below the wanted stock
    up to it; else at it, and a lot more."""
    by_need = np.array([t.by_need for t in terms], dtype=bool)
    minimum = np.array([max(t.minimum_order_quantity, t.pack_size) for t in terms], dtype=np.int64)
    cycle = _cycle_units(terms, daily_mean)
    lot = np.where(by_need, 0, np.maximum(cycle, minimum))
    if wanted is None:
        wanted = wanted_stock(terms, outlook, np.maximum(lot, outlook.cover[0]))
    stocked = np.rint(wanted) + cycle > 0
    ceiling = _ceiling(terms, outlook.whole[1], daily_mean)

    def about(stock: Floats) -> tuple[Ints, Ints]:
        needed = np.where(stocked, np.maximum(np.rint(stock), 0.0), 0.0).astype(np.int64)
        point, target = np.maximum(needed - by_need, 0), needed + np.where(stocked, lot, 0)
        return np.minimum(point, ceiling), np.minimum(target, ceiling)

    usual = np.asarray(wanted, dtype=np.float64)
    return Thresholds(*about(_less_lost(terms, outlook, usual, lost)), ceiling, *about(usual))


def _less_lost(terms: Sequence[SupplyTerms], outlook: Outlook, wanted: Floats, lost: Floats) -> Floats:
    """The wanted stock without what is lost. Of a total that is skewed the whole quantile may be less than its mean: a
    service is then still promised for the periods from the arrival on, and of what is stocked a unit is kept."""
    left = wanted - lost
    some = np.flatnonzero(np.array([not t.by_cost for t in terms], dtype=bool) & (lost > 0))
    if len(some):
        stock = total_quantile(_levels([terms[row] for row in some.tolist()]), *(part[some] for part in outlook.cover))
        from_arrival = outlook.lead[some] - lost[some] + stock
        left[some] = np.maximum(left[some], np.minimum(wanted[some], np.maximum(from_arrival, 1.0)))
    return left


def wanted_stock(terms: Sequence[SupplyTerms], outlook: Outlook, cycle_units: Ints | Floats) -> Floats:
    """The inventory position that each product's target asks for if nothing is lost, float64 (n,).

    A service is promised against all that may happen until the next arrival. Where costs decide and sales are lost, it
    is what the periods from the arrival on ask for, and the mean of those before: what is uncertain before it is half
    lost anyway, and stock against it costs more than it saves."""
    lean = np.array([t.by_cost and not t.backorders and t.lead_time_sd_days <= 0 for t in terms], dtype=bool)
    mean, dispersion = (np.where(lean, *each) for each in zip(outlook.cover, outlook.whole, strict=True))
    return np.asarray(protection_stock(terms, mean, dispersion, cycle_units) + np.where(lean, outlook.lead, 0.0))


def protection_stock(
    terms: Sequence[SupplyTerms], mean: Floats, dispersion: Floats, cycle_units: Ints | Floats
) -> Ints:
    """The stock that each product's target asks for against a total by mean and dispersion, int64 (n,).

    cycle_units: what is sold between two arrivals, of which a fill rate is a share."""
    stock = total_quantile(_levels(terms), mean, dispersion)
    uncertain = np.flatnonzero(_column(terms, "lead_time_sd_days") > 0)
    if len(uncertain):
        chosen = [terms[row] for row in uncertain.tolist()]
        days, lead_days, deviation = (
            _column(chosen, name) for name in ("protection_days", "lead_time_days", "lead_time_sd_days")
        )
        level = _levels(chosen)
        stock[uncertain] = uncertain_lead_time_quantile(
            level, mean[uncertain], dispersion[uncertain], days, lead_days, deviation
        )
    filled = np.array([row for row, t in enumerate(terms) if t.fill_rate is not None], dtype=np.int64)
    if len(filled):
        rate = np.array([terms[row].fill_rate for row in filled.tolist()], dtype=np.float64)
        stock[filled] = stock_for_fill_rate(rate, mean[filled], dispersion[filled], cycle_units[filled])
    return stock


def _column(terms: Sequence[SupplyTerms], name: str) -> Floats:
    return np.array([getattr(t, name) for t in terms], dtype=np.float64)


def _levels(terms: Sequence[SupplyTerms]) -> Floats:
    """The probability of no stock-out that each product is stocked for."""
    return np.array(
        [
            t.service_level
            if t.shortage_cost is None or t.holding_cost is None
            else float(critical_ratio(t.shortage_cost, t.holding_cost))
            for t in terms
        ]
    )


def _cycle_units(terms: Sequence[SupplyTerms], daily_mean: Floats) -> Ints:
    """What one order brings: the economic quantity where its costs are known, else the demand of order_cycle_days."""
    cycle = np.rint(daily_mean * _column(terms, "order_cycle_days"))
    for row, t in enumerate(terms):
        if t.ordering_cost is not None and t.holding_cost is not None:
            lot = economic_order_quantity(t.ordering_cost, t.holding_cost, daily_mean[row])
            cycle[row] = np.rint(lot.units)
    return cycle.astype(np.int64)


def _ceiling(terms: Sequence[SupplyTerms], dispersion: Floats, daily_mean: Floats) -> Ints:
    """The demand within the shelf life has the daily mean and, for want of a forecast of its own, the dispersion of
    the protection days."""
    ceiling = np.full(len(terms), UNLIMITED, dtype=np.int64)
    for row, t in enumerate(terms):
        if t.maximum_stock is not None:
            ceiling[row] = t.maximum_stock
        if t.shelf_life_days is not None:
            sells = shelf_life_ceiling(daily_mean[row] * t.shelf_life_days, dispersion[row])
            ceiling[row] = min(int(ceiling[row]), int(sells))
    return ceiling


def order_quantity(position: int, reorder_point: int, target: int, terms: SupplyTerms, ceiling: int = UNLIMITED) -> int:
    """Units to order now; 0 while the position is above the reorder point, or when the ceiling leaves no room."""
    if position > reorder_point or target <= position:
        return 0
    most = ceiling if terms.maximum_stock is None else min(ceiling, terms.maximum_stock)
    room = min(most - position, UNLIMITED)
    return int(whole_order(target - position, terms.minimum_order_quantity, terms.pack_size, room))


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
