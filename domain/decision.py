"""Given what we know now, what follows for a product?

The slow answers (stock, forecast) come back as an Assessment of a *snapshot* and are applied here to the state as it
is now. If an order was opened or closed in between, the stock that was read may or may not contain that shipment:
then nothing is decided, the product stays dirty and is assessed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from domain.accuracy import remember_interval
from domain.buying import FREELY, Buying
from domain.events import ReorderRequired
from domain.forecast import DemandForecast, TotalDemand, total_quantile
from domain.ordering import Moved, Standing, announcement, looked_at_after, moved_on, waiting_line
from domain.orders import REVIEW, OpenOrder
from domain.outlook import Totals
from domain.policy import FORECAST_DAYS, SupplyTerms, days_of_cover, urgency
from domain.product import ForecastNote, Interval, ProductState, StockLevel, product_label
from domain.purchase import UNLIMITED
from domain.ruling import FROZEN, DecisionRecord, Due, Known, due_of, levels, rule_on
from domain.triggers import Crossing, Seen, watched

INTERVAL = (0.1, 0.9)
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found out about a snapshot of a product. stock is None when the shop has no record of it.

    demand_quantiles: units over FORECAST_DAYS that are not exceeded with QUANTILES probability. interval: the INTERVAL
    quantiles of the first day's units. usual: reorder point and target where no sale is lost before an order arrives.
    due: as in Known."""

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
    buying: Buying = FREELY
    usual: tuple[int, int] = (0, 0)
    due: Due = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The next state of a product and what it asks the world for. order is the one that was opened, sent or not; moved
    is what became of those before it."""

    state: ProductState
    order: ReorderRequired | None
    crossing: Crossing | None
    cover_days: float
    on_hand: int | None
    moved: Moved
    record: DecisionRecord


def assess(
    snapshots: Sequence[ProductState],
    stocks: Sequence[StockLevel | None],
    terms: Sequence[SupplyTerms],
    forecasts: Sequence[DemandForecast],
    inputs: Sequence[int],
    buying: Sequence[Buying] | None = None,
) -> list[Assessment]:
    """Computes every product's thresholds at once. buying: how each is bought; freely if nothing is said."""
    if not snapshots:
        return []
    totals = _totals(
        [(f.over(1), f.over(t.protection_days), f.over(FORECAST_DAYS)) for f, t in zip(forecasts, terms, strict=True)]
    )
    due = [due_of(state.open_orders, forecast.as_of) for state, forecast in zip(snapshots, forecasts, strict=True)]
    on_hand = [stock.level if stock is not None else None for stock in stocks]
    found = levels(terms, totals, [(n, s.on_order) for n, s in zip(on_hand, snapshots, strict=True)], due)
    period, first_day = ((totals.mean[:, at], totals.dispersion[:, at]) for at in (2, 0))
    quantiles = np.stack([total_quantile(p, *period) for p in QUANTILES], axis=1)
    intervals = np.stack([total_quantile(p, *first_day) for p in INTERVAL], axis=1)
    return [
        Assessment(
            snapshot=snapshots[row],
            stock=stocks[row],
            terms=terms[row],
            forecast=forecasts[row],
            inputs=inputs[row],
            reorder_point=int(found.reorder_point[row]),
            target=int(found.target[row]),
            demand_quantiles=(int(quantiles[row, 0]), int(quantiles[row, 1]), int(quantiles[row, 2])),
            interval=(int(intervals[row, 0]), int(intervals[row, 1])),
            ceiling=int(found.ceiling[row]),
            buying=buying[row] if buying is not None else FREELY,
            usual=(int(found.usual_reorder_point[row]), int(found.usual_target[row])),
            due=due[row],
        )
        for row in range(len(snapshots))
    ]


def _totals(rows: Sequence[tuple[TotalDemand, ...]]) -> Totals:
    return Totals(
        np.array([[t.cover_days for t in row] for row in rows], dtype=np.int64),
        np.array([[t.mean for t in row] for row in rows]),
        np.array([[t.dispersion for t in row] for row in rows]),
    )


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
    on_hand = assessment.stock.level if assessment.stock is not None else None
    daily = assessment.forecast.over(FORECAST_DAYS).mean / FORECAST_DAYS
    cover = days_of_cover(on_hand, daily) if on_hand is not None else 0.0
    known = known_of(judged, assessment, now)
    standing = _standing(assessment, known, cover)
    record = DecisionRecord(known, rule_on(known, assessment.reorder_point, assessment.target, assessment.ceiling))
    moved = moved_on(judged, standing, known.unit_minor)
    moved = looked_at_after(moved, known.frozen_until, record.ruling.why == FROZEN)
    seen = _seen(moved.state, assessment, cover if on_hand is not None else None, record.ruling.why)
    judged, crossing = watched(moved.state, seen)
    decision = Decision(judged, None, crossing, cover, on_hand, moved, record)
    return _with_order(decision, assessment, standing) if record.ruling.quantity else decision


def _note(assessment: Assessment) -> ForecastNote:
    forecast = assessment.forecast
    totals = tuple((t.cover_days, t.mean, t.dispersion) for t in forecast.totals)
    return ForecastNote(forecast.as_of, assessment.inputs, forecast.source, totals)


def known_of(state: ProductState, assessment: Assessment, now: int) -> Known:
    """All that the quantity is made from."""
    forecast, terms, buying, stock = assessment.forecast, assessment.terms, assessment.buying, assessment.stock
    total, freeze, override, as_of = forecast.over(terms.protection_days), state.freeze, state.override, forecast.as_of
    return Known(
        product=product_label(state.key),
        decided_at=now,
        as_of=as_of,
        forecast_source=forecast.source,
        forecast_inputs=assessment.inputs,
        protection=(total.mean, total.dispersion),
        period_mean=forecast.over(FORECAST_DAYS).mean,
        terms=terms,
        buying=buying,
        stock=(stock.level, stock.at) if stock is not None else None,
        on_order=state.on_order,
        open_orders=len(state.open_orders),
        frozen_until=freeze.until_on if freeze is not None and freeze.until_on >= as_of else None,
        override=override if override is not None and override.quantity and override.until_on >= as_of else None,
        unit_minor=_unit_minor(state, buying),
        period_dispersion=forecast.over(FORECAST_DAYS).dispersion,
        day=(forecast.over(1).mean, forecast.over(1).dispersion),
        due=assessment.due,
    )


def _unit_minor(state: ProductState, buying: Buying) -> float | None:
    """What a unit costs: by the rules, else what it was sold for, which is more. None if nobody asks, or can say."""
    if buying.unit_cost_minor is not None:
        return float(buying.unit_cost_minor)
    if buying.approval_above_minor is None and not buying.joined:
        return None
    sold = sum(bucket.sold for bucket in state.buckets.values())
    return sum(bucket.revenue for bucket in state.buckets.values()) / sold if sold > 0 else None


def _standing(assessment: Assessment, known: Known, cover: float) -> Standing:
    as_of, terms = known.as_of, known.terms
    return Standing(
        now=known.decided_at,
        as_of=as_of,
        on_hand=known.stock[0] if known.stock is not None else None,
        reorder_point=assessment.reorder_point,
        target=assessment.target,
        terms=terms,
        supplier=known.buying.supplier,
        joined=known.buying.joined,
        frozen=known.frozen_until is not None or known.buying.frozen,
        urgency=urgency(cover, terms.lead_time_days),
        stockout_on=as_of + int(cover) if cover < 10_000 else None,
        forecast_source=known.forecast_source,
    )


def _seen(state: ProductState, assessment: Assessment, cover_days: float | None, why: str) -> Seen:
    """What the levels of a product are measured by."""
    forecast = assessment.forecast
    return Seen(
        as_of=forecast.as_of,
        cover_days=cover_days,
        lead_time_days=assessment.terms.lead_time_days,
        arrivals=tuple(order.expected_on for order in state.open_orders if order.outstanding and not order.hold),
        reorder_point=assessment.usual[0],
        expected=forecast.over(FORECAST_DAYS).mean / FORECAST_DAYS,
        by_model=forecast.source == "model",
        why=why,
    )


def _with_order(decision: Decision, assessment: Assessment, standing: Standing) -> Decision:
    """The decision with the order that its ruling asks for: open from now on, sent or not."""
    state, (known, ruling), moved = decision.state, decision.record, decision.moved
    opened = OpenOrder(
        cycle=state.cycle + 1,
        quantity=ruling.quantity,
        received=0,
        due_on=standing.as_of + standing.terms.lead_time_days,
        requested_on=standing.as_of,
        watched=not ruling.hold,
        supplier=assessment.buying.supplier,
        hold=ruling.hold,
    )
    order = announcement(state, opened, standing)
    if ruling.hold == REVIEW:
        line = waiting_line(state.key, opened, standing, known.unit_minor)
        moved = moved._replace(waiting=(*moved.waiting, line))
    elif not ruling.hold:
        moved = moved._replace(look_on=(*moved.look_on, opened.expected_on + 1))
    override = state.override
    if known.override is not None and override is not None:
        override = override._replace(quantity=0)
    state = state._replace(cycle=opened.cycle, open_orders=(*state.open_orders, opened), override=override)
    return replace(decision, state=state, order=order, moved=moved)
