"""Given what we know now, what follows for a product?

The slow answers (stock, forecast) come back as an Assessment of a *snapshot* and are applied here to the state as it
is now. If an order was opened or closed in between, the stock that was read may or may not contain that shipment:
then nothing is decided, the product stays dirty and is assessed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.accuracy import remember_interval
from domain.events import ReorderRequired
from domain.features import Floats
from domain.forecast import DemandForecast, TotalDemand, total_quantile
from domain.orders import OpenOrder
from domain.policy import FORECAST_DAYS, SupplyTerms, days_of_cover, order_quantity, thresholds, urgency
from domain.product import ForecastNote, Interval, ProductState, StockLevel, reorder_id
from domain.purchase import UNLIMITED
from domain.signals import deserves_insight, stock_band

OPEN_ORDERS_MAX = 64
INTERVAL = (0.1, 0.9)
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found out about a snapshot of a product. stock is None when the shop has no record of it.

    demand_quantiles: units over FORECAST_DAYS that are not exceeded with QUANTILES probability. interval: the INTERVAL
    quantiles of the first day's units."""

    snapshot: ProductState
    stock: StockLevel | None
    terms: SupplyTerms
    forecast: DemandForecast
    inputs: int
    reorder_point: int
    target: int
    demand_quantiles: tuple[int, int, int]
    interval: tuple[int, int]
    ceiling: int = UNLIMITED


@dataclass(frozen=True, slots=True)
class Crossing:
    """A product fell into a worse band."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The next state of a product and what it asks the world for."""

    state: ProductState
    order: ReorderRequired | None
    crossing: Crossing | None
    cover_days: float
    on_hand: int | None


def assess(
    snapshots: Sequence[ProductState],
    stocks: Sequence[StockLevel | None],
    terms: Sequence[SupplyTerms],
    forecasts: Sequence[DemandForecast],
    inputs: Sequence[int],
) -> list[Assessment]:
    """Computes every product's thresholds at once."""
    protection = _column([f.over(t.protection_days) for f, t in zip(forecasts, terms, strict=True)])
    period = _column([f.over(FORECAST_DAYS) for f in forecasts])
    levels = thresholds(list(terms), *protection, period[0] / FORECAST_DAYS)
    quantiles = np.stack([total_quantile(p, *period) for p in QUANTILES], axis=1)
    first_day = _column([f.over(1) for f in forecasts])
    intervals = np.stack([total_quantile(p, *first_day) for p in INTERVAL], axis=1)
    return [
        Assessment(
            snapshot=snapshots[row],
            stock=stocks[row],
            terms=terms[row],
            forecast=forecasts[row],
            inputs=inputs[row],
            reorder_point=int(levels.reorder_point[row]),
            target=int(levels.target[row]),
            demand_quantiles=(int(quantiles[row, 0]), int(quantiles[row, 1]), int(quantiles[row, 2])),
            interval=(int(intervals[row, 0]), int(intervals[row, 1])),
            ceiling=int(levels.ceiling[row]),
        )
        for row in range(len(snapshots))
    ]


def _column(totals: Sequence[TotalDemand]) -> tuple[Floats, Floats]:
    """Means and dispersions of one total a product."""
    return np.array([t.mean for t in totals]), np.array([t.dispersion for t in totals])


def newest_stock(read: StockLevel | None, told: StockLevel | None, received_at: int) -> StockLevel | None:
    """The newer of what the shop's table says and what a StockChanged event said.

    A level told of before the newest receipt does not hold that receipt, which is no longer on order either: it says
    nothing, or the delivery would be ordered again. The table is read after the receipt and does hold it."""
    if told is not None and told.at < received_at:
        told = None
    if read is None or told is None:
        return read or told
    return told if told.at > read.at else read


def decide(state: ProductState, assessment: Assessment, now: int) -> Decision | None:
    """The decision for the state as it is now, None if it moved on in a way that makes the stock read doubtful."""
    snapshot = assessment.snapshot
    if (
        state.open_orders != snapshot.open_orders
        or state.stock != snapshot.stock
        or state.received_at != snapshot.received_at
    ):
        return None
    if state.decisions != snapshot.decisions:
        # Somebody else has judged this snapshot: what is dirty now is not what was seen then.
        return None
    judged = state._replace(
        version=state.version + 1,
        dirty=state.dirty - snapshot.dirty,
        decisions=state.decisions + 1,
        dirty_since=now,
        forecast=_note(assessment),
        intervals=remember_interval(state.intervals, Interval(assessment.forecast.as_of, *assessment.interval)),
    )
    if assessment.stock is None:
        return Decision(judged, None, None, 0.0, None)
    on_hand = assessment.stock.level
    daily = assessment.forecast.over(FORECAST_DAYS).mean / FORECAST_DAYS
    cover = days_of_cover(on_hand, daily)
    judged, crossing = _band(judged, cover, assessment)
    order = _order(judged, assessment, on_hand, cover, now)
    if order is not None:
        due_on = assessment.forecast.as_of + assessment.terms.lead_time_days
        opened = OpenOrder(judged.cycle + 1, order.recommended_order_quantity, 0, due_on)
        judged = judged._replace(cycle=opened.cycle, open_orders=(*judged.open_orders, opened))
    return Decision(judged, order, crossing, cover, on_hand)


def _note(assessment: Assessment) -> ForecastNote:
    forecast = assessment.forecast
    totals = tuple((t.cover_days, t.mean, t.dispersion) for t in forecast.totals)
    return ForecastNote(forecast.as_of, assessment.inputs, forecast.source, totals)


def _band(state: ProductState, cover: float, assessment: Assessment) -> tuple[ProductState, Crossing | None]:
    band = stock_band(state.band, cover, assessment.terms.lead_time_days)
    as_of = assessment.forecast.as_of
    if not deserves_insight(state.band, band, as_of, state.insight_on):
        return state._replace(band=band), None
    return state._replace(band=band, insight_on=as_of), Crossing(str(state.band), band)


def _order(state: ProductState, assessment: Assessment, on_hand: int, cover: float, now: int) -> ReorderRequired | None:
    on_order, terms = state.on_order, assessment.terms
    position = on_hand + on_order
    quantity = order_quantity(position, assessment.reorder_point, assessment.target, terms, assessment.ceiling)
    if quantity == 0 or len(state.open_orders) >= OPEN_ORDERS_MAX:
        return None
    as_of = assessment.forecast.as_of
    return ReorderRequired(
        product=state.key,
        reorder_id=reorder_id(state.key, state.cycle + 1),
        decided_at=now,
        as_of=as_of,
        current_stock=on_hand,
        on_order=on_order,
        inventory_position=position,
        reorder_point=assessment.reorder_point,
        optimal_inventory=assessment.target,
        recommended_order_quantity=quantity,
        pack_size=terms.pack_size,
        minimum_order_quantity=terms.minimum_order_quantity,
        lead_time_days=terms.lead_time_days,
        urgency=urgency(cover, terms.lead_time_days),
        projected_stockout_on=as_of + int(cover) if cover < 10_000 else None,
        forecast_source=assessment.forecast.source,
    )
