"""Which of the assessed products need an order, and how does it become durable?

The second conditional commit: forecast, thresholds, the opened order and its outbox entry stand or fall together, so
that an order is published if and only if it is counted as on order. A product that moved on meanwhile, or lost its
commit, stays dirty and is assessed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from domain.accuracy import coverage
from domain.decision import Assessment, Decision, decide
from domain.events import ProductKey
from domain.ordering import Arrival
from domain.product import product_label
from domain.ruling import OPEN_ORDERS_MAX
from handlers.announcements import announce_overdue, announce_proposed, announce_reorder
from handlers.metrics import Metric
from handlers.order_ports import OrderBooks, Reminder
from handlers.ports import Change, Clock, Committed, ForecastRecord, Metrics, OutboxEntry
from handlers.products import Products

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Crossed:
    """A committed crossing of a stock band, and what was known when it happened."""

    assessment: Assessment
    decision: Decision


@dataclass(slots=True)
class Placed:
    """What a batch of decisions led to. still_dirty are the products to assess again, decided those that need not.
    decisions: those that were committed."""

    decisions: list[Decision] = field(default_factory=list)
    forecasts: list[ForecastRecord] = field(default_factory=list)
    outbox: list[OutboxEntry] = field(default_factory=list)
    crossed: list[Crossed] = field(default_factory=list)
    still_dirty: set[ProductKey] = field(default_factory=set)
    decided: set[ProductKey] = field(default_factory=set)


class PlaceReorders:
    def __init__(
        self,
        products: Products,
        clock: Clock,
        metrics: Metrics,
        books: OrderBooks | None = None,
        arrived: Callable[[Sequence[Arrival]], None] = lambda arrivals: None,
    ) -> None:
        """books: where reminders and waiting orders are written; arrived hears of receipts."""
        self._books = books
        self._arrived = arrived
        self._products = products
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, assessments: Sequence[Assessment]) -> Placed:
        """Decides and commits. TransientFailure leaves everything as it was: the products are still dirty."""
        by_key = {a.snapshot.key: a for a in assessments}
        placed = Placed()
        async with self._products.hold(by_key):
            states = await self._products.get(list(by_key))
            now = self._clock.now()
            decisions: dict[ProductKey, Decision] = {}
            for key, state in states.items():
                decision = decide(state, by_key[key], now)
                if decision is None:
                    placed.still_dirty.add(key)
                else:
                    decisions[key] = decision
            await self._write_before(list(decisions.values()))
            results = await self._products.commit([_change(decision) for decision in decisions.values()])
        for (key, decision), result in zip(decisions.items(), results, strict=True):
            unfinished = result is Committed.NO or decision.state.dirty
            (placed.still_dirty if unfinished else placed.decided).add(key)
            if result is Committed.YES:
                self._note(placed, by_key[key], decision, now)
        return placed

    async def _write_before(self, decisions: Sequence[Decision]) -> None:
        """Reminders and waiting orders, before the commit they belong to: one too many costs a look."""
        if self._books is None:
            return
        waiting = [line for decision in decisions for line in decision.moved.waiting]
        looks = [Reminder(d.state.key, day) for d in decisions for day in d.moved.look_on]
        if waiting:
            await self._books.purchases.wait(waiting)
        if looks:
            await self._books.reminders.add(looks)

    def _note(self, placed: Placed, assessment: Assessment, decision: Decision, now: int) -> None:
        forecast = assessment.forecast
        key = decision.state.key
        confidence = coverage(decision.state.intervals, decision.state.buckets, forecast.as_of)
        record = ForecastRecord(
            key,
            forecast,
            assessment.demand_quantiles,
            *assessment.usual,
            confidence,
            now,
            decision.record,
        )
        placed.decisions.append(decision)
        placed.forecasts.append(record)
        placed.outbox += _entries(decision)
        self._arrived(decision.moved.arrivals)
        self._metrics.count(Metric.REORDERS_DECIDED, decision.order is not None)
        self._metrics.count(Metric.ORDERS_PROPOSED, bool(decision.record.ruling.hold))
        self._metrics.count(Metric.ORDERS_OVERDUE, len(decision.moved.overdue))
        if decision.crossing is not None:
            placed.crossed.append(Crossed(assessment, decision))
        self._metrics.count(Metric.PRODUCTS_DECIDED)
        if len(decision.state.open_orders) >= OPEN_ORDERS_MAX:
            log.warning("orders.too_many_open", product=product_label(key), open=len(decision.state.open_orders))
        if assessment.stock is None:
            self._metrics.count(Metric.PRODUCTS_WITHOUT_STOCK)
        if assessment.snapshot.dirty:  # else it was looked at for an order, and no sale has waited
            self._metrics.observe(Metric.SALE_TO_DECISION, now - assessment.snapshot.dirty_since)


def _change(decision: Decision) -> Change:
    order = decision.order
    record = decision.record if order is not None else None
    return Change(decision.state, order=order, outbox=_entries(decision), record=record)


def _entries(decision: Decision) -> tuple[OutboxEntry, ...]:
    """What a decision has to tell: its own order, those that are sent now, and those that should have come."""
    order, record, moved = decision.order, decision.record, decision.moved
    told = [announce_reorder(sent) for sent in moved.sent]
    if order is not None:
        told.append(announce_proposed(order, record) if record.ruling.hold else announce_reorder(order))
    return (*told, *(announce_overdue(overdue) for overdue in moved.overdue))
