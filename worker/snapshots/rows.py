"""What stands in each row of a snapshot's tables?

Pure: from what was seen of a product, of an order, of a promise or of a week's scores to values in the order of the
table's columns. A day is a number of days since 1970-01-01, a moment one of milliseconds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from domain.accuracy import Promise, score_of, sold_over
from domain.drift import DAYS_A_WEEK
from domain.events import MS_PER_DAY, ProductKey, ReorderRequired
from domain.orders import OpenOrder
from domain.product import ProductState
from domain.ruling import DecisionRecord, value_minor
from domain.signals import stock_band
from handlers.ports import ScoredWeek
from worker.aws.dynamodb import Item
from worker.aws.order_codec import decision_from
from worker.snapshots.parquet import Row
from worker.snapshots.seen import Seen

MISSING_MIN = 0.01  # units a day: what is less is no stock-out
SETTLED = "settled"


def inventory_row(seen: Seen) -> Row:
    """A row of `inventory` and of `inventory_now`."""
    state, stock, judged, late = seen.state, seen.stock, seen.judged, seen.waiting_for
    level = stock.level if stock is not None else None
    position = level + state.on_order if level is not None else None
    cost = seen.unit_cost_minor
    return (
        *_product(seen),
        _band(seen),
        level,
        stock.at if stock is not None else None,
        state.on_order,
        position,
        judged.reorder_point if judged is not None else None,
        judged.target if judged is not None else None,
        int(seen.is_out),
        int(seen.needed_units > 0),
        int(judged is not None and level is not None and level > judged.target),
        seen.daily_demand,
        seen.cover_days,
        seen.terms.lead_time_days,
        len(late),
        sum(order.is_late(seen.today) for order in late),
        seen.next_arrival_on,
        seen.sold_lately,
        state.forecast.as_of if state.forecast is not None else None,
        state.forecast.source if state.forecast is not None else None,
        seen.price_minor,
        cost,
        cost * max(0, level) if cost is not None and level is not None else None,
    )


def stockout_row(seen: Seen) -> Row | None:
    """A row of `stockouts`; None where nothing to speak of is expected to be missing."""
    missing, stock = seen.missing_units, seen.stock
    if missing is None or stock is None or missing < MISSING_MIN:
        return None
    price, cost = seen.price_minor, seen.unit_cost_minor
    return (
        *_product(seen),
        stock.level,
        seen.state.on_order,
        seen.next_arrival_on,
        seen.daily_demand,
        missing,
        missing * price if price is not None else None,
        missing * (price - cost) if price is not None and cost is not None else None,
    )


def _product(seen: Seen) -> Row:
    """What both begin with."""
    key = seen.state.key
    return seen.today, key.product_id, key.location_id, seen.category, seen.supplier


def _band(seen: Seen) -> str | None:
    stock, daily = seen.stock, seen.daily_demand
    if stock is None or daily is None:
        return None
    cover = seen.cover_days
    return stock_band(seen.state.band, cover if cover is not None else float("inf"), seen.terms.lead_time_days)


def reorder_row(product: ProductKey, item: Item, state: ProductState | None, today: int) -> Row:
    """A row of `reorders`: as it was decided, by its item, and what has become of it, by the product's state."""
    inputs = json.loads(item["inputs"]["S"])
    order = ReorderRequired(product, item["reorder_id"]["S"], int(item["decided_at"]["N"]), *inputs)
    record = decision_from(item["decision"]["S"]) if "decision" in item else None
    known = _order_of(state, int(item["sk"]["S"].removeprefix("O#")))
    quantity = known.asked if known is not None else order.recommended_order_quantity
    return (
        order.decided_at // MS_PER_DAY,
        order.decided_at,
        product.product_id,
        product.location_id,
        state.category if state is not None else None,
        order.supplier or (record.known.buying.supplier if record is not None else "") or None,
        order.reorder_id,
        quantity,
        order.current_stock,
        order.on_order,
        order.reorder_point,
        order.optimal_inventory,
        order.lead_time_days,
        order.urgency,
        order.forecast_source,
        record.ruling.why if record is not None else None,
        *_became(known, today),
        _value(record, quantity),
    )


def _order_of(state: ProductState | None, cycle: int) -> OpenOrder | None:
    orders = (*state.open_orders, *state.closed_orders) if state is not None else ()
    return next((order for order in orders if order.cycle == cycle), None)


def _became(order: OpenOrder | None, today: int) -> Row:
    """status, requested_on, expected_on, shipped, received, outstanding and is_overdue."""
    if order is None:
        # The last few closed orders are kept: one that is not among them has nothing outstanding.
        return SETTLED, None, None, None, None, 0, 0
    requested = order.requested_on if order.requested_on and not order.hold else None
    moved = (order.shipped, order.received, order.outstanding)
    return order.status, requested, order.expected_on, *moved, int(order.is_late(today))


def _value(record: DecisionRecord | None, quantity: int) -> float | None:
    value = value_minor(record.known, quantity) if record is not None else None
    return float(value) if value is not None else None


def promise_row(week: int, promised: Promise, state: ProductState) -> Row:
    """A row of `forecast_weeks`."""
    sold = sold_over(state.buckets, promised.as_of, promised.days)
    score = score_of(promised, sold)
    product = (promised.product.product_id, promised.product.location_id, promised.category)
    said: tuple[Any, ...] = (promised.mean, promised.upper, promised.baseline_mean)
    window = (week * DAYS_A_WEEK, promised.as_of, promised.days)
    return (*window, *product, sold, *said, score.error, score.baseline_error, score.covered)


def accuracy_rows(scored: ScoredWeek) -> Iterator[Row]:
    """The rows of `accuracy` of one closed week."""
    for category, score in sorted(scored.board.items()):
        yield scored.week * DAYS_A_WEEK, category, *score, int(category in scored.standing.on_baseline)
