"""What will the dirty products sell, and what does the shop hold of them?

A forecast is asked for again only if what it is computed from has changed: the day, the features, the lengths to
cover. When the endpoint is away the baseline answers, marked as fallback, and is replaced at the next chance. This
handler changes nothing; it returns assessments of the snapshots it read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np
import structlog

from domain.decision import Assessment, assess, newest_stock
from domain.events import ProductKey
from domain.features import DailySeries, Ints, series_of
from domain.forecast import DemandForecast, TotalDemand, baseline_totals
from domain.ordering import needs_a_look
from domain.policy import FORECAST_DAYS, SupplyTerms
from domain.product import ProductState
from handlers.current_rules import CurrentRules
from handlers.errors import Misconfigured, TransientFailure
from handlers.metrics import Metric
from handlers.ports import Clock, Forecaster, Inventory, InventoryRecord, Metrics
from handlers.products import Products
from handlers.watermark import Watermark

log = structlog.get_logger()

MODEL = "model"
FALLBACK = "fallback"


class Reforecast:
    def __init__(
        self,
        products: Products,
        inventory: Inventory,
        forecaster: Forecaster,
        default_terms: SupplyTerms,
        first_day: Callable[[], int],
        watermark: Watermark,
        clock: Clock,
        metrics: Metrics,
        rules: CurrentRules | None = None,
    ) -> None:
        self._products = products
        self._inventory = inventory
        self._forecaster = forecaster
        self._terms = default_terms
        self._first_day = first_day
        self._watermark = watermark
        self._clock = clock
        self._metrics = metrics
        self._rules = rules if rules is not None else CurrentRules()

    async def __call__(self, keys: Sequence[ProductKey]) -> tuple[list[Assessment], set[ProductKey]]:
        """Assesses those of the products that are dirty, or have an order that is overdue; returns also the others. A
        product whose state this worker must not touch is neither. TransientFailure if the stock cannot be read."""
        states = await self._products.get(keys)
        for state in states.values():
            self._watermark.reach(state.newest_day or 0)
        today = self._first_day()
        snapshots = [state for state in states.values() if state.dirty or needs_a_look(state, today)]
        clean = states.keys() - {state.key for state in snapshots}
        if not snapshots:
            return [], clean
        records = await self._inventory.read([state.key for state in snapshots])
        known = [records.get(state.key, InventoryRecord(None, self._terms)) for state in snapshots]
        ruled = [self._rules.buying(s, record, self._terms) for s, record in zip(snapshots, known, strict=True)]
        buying, terms = [how for how, _ in ruled], [terms for _, terms in ruled]
        stocks = [newest_stock(r.stock, s.stock, s.received_at) for r, s in zip(known, snapshots, strict=True)]
        forecasts, inputs = await self._forecasts(snapshots, terms)
        return assess(snapshots, stocks, terms, forecasts, inputs, buying), clean

    async def _forecasts(
        self, snapshots: list[ProductState], terms: list[SupplyTerms]
    ) -> tuple[list[DemandForecast], list[int]]:
        as_of = self._first_day()
        series = series_of(self._products.as_open(snapshots), as_of)
        protection = [t.protection_days for t in terms]
        cover = np.array([(1, days, FORECAST_DAYS) for days in protection], dtype=np.int64)
        inputs = fingerprints(series, cover)
        forecasts: dict[int, DemandForecast] = {}
        for row, state in enumerate(snapshots):
            note = state.forecast
            if note is not None and note.inputs == inputs[row] and note.source == MODEL:
                totals = tuple(TotalDemand(*total) for total in note.totals)
                forecasts[row] = DemandForecast(note.as_of, note.source, totals)
        asked = [row for row in range(len(snapshots)) if row not in forecasts]
        if asked:
            fresh = await self._ask([snapshots[row].key for row in asked], series.take(asked), cover[asked])
            forecasts.update(zip(asked, fresh, strict=True))
        return [forecasts[row] for row in range(len(snapshots))], inputs

    async def _ask(self, keys: list[ProductKey], series: DailySeries, cover: Ints) -> list[DemandForecast]:
        """Model forecasts where the model answers, baseline forecasts for the rest."""
        answered: dict[ProductKey, tuple[TotalDemand, ...]] = {}
        started = self._clock.now()
        self._metrics.count(Metric.FORECAST_CALLS)
        try:
            answered = await self._forecaster.forecast(keys, series, cover)
        except (TransientFailure, Misconfigured) as exc:
            log.warning("forecast.failed", reason=str(exc), products=len(keys))
        self._metrics.observe(Metric.FORECAST_TIME, self._clock.now() - started)
        self._metrics.count(Metric.FORECASTS_MODEL, len(answered))
        unanswered = [row for row, key in enumerate(keys) if key not in answered]
        fallback: dict[ProductKey, tuple[TotalDemand, ...]] = {}
        if unanswered:
            self._metrics.count(Metric.FORECASTS_FALLBACK, len(unanswered))
            columns = [cover[unanswered, j] for j in range(cover.shape[1])]
            totals = baseline_totals(series.take(unanswered), columns)
            fallback = dict(zip([keys[row] for row in unanswered], totals, strict=True))
        return [
            DemandForecast(series.as_of, MODEL, answered[key])
            if key in answered
            else DemandForecast(series.as_of, FALLBACK, fallback[key])
            for key in keys
        ]


def fingerprints(series: DailySeries, cover: Ints) -> list[int]:
    """One number a product for everything its forecast is computed from."""
    prices = np.column_stack([series.last_price, series.mean_price, series.promoted_share])
    return [
        crc32(
            series.net[row].tobytes() + prices[row].tobytes() + cover[row].tobytes(),
            crc32(repr((series.as_of, series.planned_promotions[row])).encode()),
        )
        for row in range(len(series.net))
    ]
