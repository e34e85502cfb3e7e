"""What is there to know of one product?

Read from the tables when somebody looks at it: what sold, what was promised and what is expected, how the stock will
go, which orders there were and why. All of it is computed by us; the words of an insight are shown as they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from domain.buckets import KEPT_DAYS
from domain.decision import INTERVAL
from domain.events import ProductKey
from domain.explanation import explain_decision
from domain.forecast import total_quantile
from domain.lifecycle import FOR_EVER
from domain.policy import FORECAST_DAYS
from domain.product import ProductState, product_label
from domain.ruling import ENOUGH, DecisionRecord
from handlers.announcements import iso_day, iso_time
from handlers.insight_ports import InsightBook
from handlers.ports import StateStore
from worker.dashboard.asking import shown_row
from worker.dashboard.board import Board
from worker.dashboard.looking import Looking
from worker.dashboard.past_orders import OrderHistory, PastOrder
from worker.dashboard.rows import late_orders, row_of
from worker.dashboard.said_of import newest_said

REASONS_BEFORE_OUTCOME = 3  # of explain_decision: forecast, thresholds, position


@dataclass(frozen=True, slots=True)
class ProductView:
    store: StateStore
    orders: OrderHistory
    looking: Looking
    board: Board
    insights: InsightBook

    async def of(self, key: ProductKey) -> dict[str, Any] | None:
        """The view of a product, None if nobody knows it. TransientFailure if it cannot be read now."""
        state = (await self.store.load([key])).get(key)
        if state is None or state.version == 0:
            return None
        looked = await self.looking.at([state])
        record = looked[0][1] if looked else None
        if record is not None:
            self.board.put([row_of(state, record, committed=False)])
        past = await self.orders.of(state)
        label = product_label(key)
        slot = self.board.slot_of(label)
        return {
            "product": label,
            "product_id": key.product_id,
            "location_id": key.location_id,
            "category": state.category,
            "row": shown_row(self.board, slot) if slot is not None else None,
            "chart": chart(state, record),
            "orders": [_order(order) for order in past],
            "why": _why(record) if record is not None else [],
            "insight": newest_said(await self.insights.of(key)),
            "plan": _plan(state),
        }


def _why(record: DecisionRecord) -> list[str]:
    """What a decision would be made from now, and what it would come to."""
    said, ruling = explain_decision(record), record.ruling
    if ruling.quantity:
        return [*said[:REASONS_BEFORE_OUTCOME], f"The next decision orders {ruling.quantity}."]
    return [*said[:REASONS_BEFORE_OUTCOME], "Nothing more is needed."] if ruling.why == ENOUGH else said


def _plan(state: ProductState) -> dict[str, Any]:
    """What planners said of the product, as far as it may still hold."""
    freeze, override = state.freeze, state.override
    today = state.forecast.as_of if state.forecast is not None else 0
    frozen = freeze if freeze is not None and freeze.until_on >= today else None
    ahead = override if override is not None and override.quantity and override.until_on >= today else None
    return {
        "frozen": {"until_on": _until(frozen.until_on), "by": frozen.by} if frozen is not None else None,
        "override": {"quantity": ahead.quantity, "until_on": _until(ahead.until_on), "by": ahead.by} if ahead else None,
    }


def _until(day: int) -> str | None:
    return iso_day(day) if day < FOR_EVER else None


def _order(order: PastOrder) -> dict[str, Any]:
    now = order.now
    return {
        "reorder_id": order.reorder_id,
        "quantity": now.asked if now is not None else order.quantity,
        "decided_at": iso_time(order.decided_at),
        "status": now.status if now is not None else "over",
        "hold": now.hold if now is not None else "",
        "received": now.received if now is not None else 0,
        "outstanding": now.outstanding if now is not None else 0,
        "due_on": iso_day(now.expected_on) if now is not None and now.outstanding and not now.hold else None,
        "overdue": now is not None and now.overdue and now.outstanding > 0,
        "supplier": now.supplier if now is not None else "",
        "why": explain_decision(order.record) if order.record is not None else [],
    }


def chart(state: ProductState, record: DecisionRecord | None) -> dict[str, Any]:
    """One column a series, a place a day, from the first day kept to the last one forecast: sold, the 80 % interval
    that was promised for a day or is expected of it, the mean, and the stock at the day's end."""
    note, newest = state.forecast, state.newest_day
    as_of = note.as_of if note is not None else (newest + 1 if newest is not None else 0)
    first = max(min(state.buckets, default=as_of), as_of - KEPT_DAYS)
    days = range(first, as_of + (FORECAST_DAYS if note is not None else 0))
    last_sold = newest if newest is not None else first - 1
    promised = {interval.day: interval for interval in state.intervals}
    said: dict[str, Any] = {
        "first_day": first,
        "as_of": as_of,
        "sold": [state.buckets.on(day).net if day <= max(last_sold, as_of - 1) else None for day in days],
        "low": [promised[day].low if day in promised else None for day in days],
        "high": [promised[day].high if day in promised else None for day in days],
        "mean": [None] * len(days),
        "stock": [None] * len(days),
        "reorder_point": record.ruling.reorder_point if record is not None else None,
        "target": record.ruling.target if record is not None else None,
        "late": len(late_orders(state.open_orders, as_of)),
    }
    if record is not None and note is not None:
        _look_ahead(said, state, record, as_of - first)
    return said


def _look_ahead(said: dict[str, Any], state: ProductState, record: DecisionRecord, place: int) -> None:
    """Fills in the days from as_of on. place: that of as_of. Late orders are left out of the stock: nobody knows when
    they come."""
    known = record.known
    mean = known.period_mean / FORECAST_DAYS
    spread = {days: dispersion for days, _, dispersion in state.forecast.totals} if state.forecast is not None else {}
    low, high = (int(total_quantile(p, mean, spread.get(1, 0.0))) for p in INTERVAL)
    said["low"][place:] = [low] * FORECAST_DAYS
    said["high"][place:] = [high] * FORECAST_DAYS
    said["mean"][place:] = [round(mean, 2)] * FORECAST_DAYS
    if known.stock is not None:
        arrivals = np.zeros(FORECAST_DAYS)
        for order in state.open_orders:
            ahead = order.expected_on - known.as_of
            if not order.hold and 0 <= ahead < FORECAST_DAYS:
                arrivals[ahead] += order.outstanding
        said["stock"][place:] = projected(known.stock[0], mean, arrivals.tolist())


def projected(on_hand: int, mean: float, arrivals: Sequence[float]) -> list[float]:
    """The stock at the end of each day: what arrives comes in the morning, and what is not there does not sell."""
    left, stock = float(on_hand), []
    for arrival in arrivals:
        left = max(left + arrival - mean, min(left + arrival, 0.0))
        stock.append(round(left, 1))
    return stock
