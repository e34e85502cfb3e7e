"""What can a planner be told about a product that fell into a worse band?

The facts are computed by us and sent as data; the answer is validated words. It is asked for within a budget, may be
dropped at any time, and never changes a quantity, an urgency or a threshold."""

from __future__ import annotations

from collections import deque

import structlog

from domain.events import InsightPublished
from domain.features import rolling_features, series_of
from domain.policy import FORECAST_DAYS
from domain.product import product_label, reorder_id
from handlers.announcements import announce_insight, insight_id, iso_day
from handlers.errors import Misconfigured, TransientFailure
from handlers.metrics import Metric
from handlers.place_reorders import Crossed
from handlers.ports import Clock, EventBus, Explainer, Metrics

log = structlog.get_logger()

HOUR_MS = 3_600_000


class Explain:
    def __init__(
        self, explainer: Explainer, bus: EventBus, calls_per_hour: int, clock: Clock, metrics: Metrics
    ) -> None:
        self._explainer = explainer
        self._bus = bus
        self._calls_per_hour = calls_per_hour
        self._asked_at: deque[int] = deque()
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, crossed: Crossed) -> bool:
        """Asks and publishes; False if the insight was dropped."""
        published = await self._explain(crossed)
        self._metrics.count(Metric.INSIGHTS_PUBLISHED if published else Metric.INSIGHTS_DROPPED)
        return published

    async def _explain(self, crossed: Crossed) -> bool:
        if not self._within_budget():
            return False
        product = crossed.assessment.snapshot.key
        try:
            text = await self._explainer.explain(facts_of(crossed))
            crossing = crossing_text(crossed)
            insight = InsightPublished(
                product=product,
                insight_id=insight_id(product, crossed.assessment.forecast.as_of, crossing),
                decided_at=self._clock.now(),
                crossing=crossing,
                factors=text.factors,
                recommendations=text.recommendations,
                risks=text.risks,
                inventory_suggestions=text.inventory_suggestions,
                source=text.source,
            )
            accepted = await self._bus.publish([announce_insight(insight)])
        except (TransientFailure, Misconfigured) as exc:
            log.warning("insight.dropped", product=product_label(product), reason=str(exc))
            return False
        return all(accepted)

    def _within_budget(self) -> bool:
        now = self._clock.now()
        while self._asked_at and self._asked_at[0] <= now - HOUR_MS:
            self._asked_at.popleft()
        if len(self._asked_at) >= self._calls_per_hour:
            return False
        self._asked_at.append(now)
        return True


def crossing_text(crossed: Crossed) -> str:
    """The crossing in a word: `covered->low`."""
    crossing = crossed.decision.crossing
    return f"{crossing.before}->{crossing.after}" if crossing is not None else ""


def facts_of(crossed: Crossed) -> dict[str, object]:
    """Numbers computed by us, as data: all that an explainer is told."""
    assessment, decision = crossed.assessment, crossed.decision
    state, forecast = decision.state, assessment.forecast
    total = forecast.over(FORECAST_DAYS)
    series = series_of([state], forecast.as_of)
    features = rolling_features(series)
    cover = decision.cover_days
    on_hand = decision.on_hand if decision.on_hand is not None else 0
    return {
        "product_id": state.key.product_id,
        "location_id": state.key.location_id,
        "category": state.category,
        "crossing": crossing_text(crossed),
        "on_hand": on_hand,
        "on_order": state.on_order,
        "inventory_position": on_hand + state.on_order,
        "reorder_point": assessment.reorder_point,
        "target": assessment.target,
        "days_of_cover": round(cover, 1) if cover < 10_000 else None,
        "lead_time_days": assessment.terms.lead_time_days,
        "projected_stockout_on": iso_day(forecast.as_of + int(cover)) if cover < 10_000 else None,
        "demand_28_days": {
            "mean": round(total.mean, 2),
            **dict(zip(("p10", "p50", "p90"), assessment.demand_quantiles, strict=True)),
        },
        "rolling_7": round(float(features["rolling_7"][0]), 3),
        "rolling_30": round(float(features["rolling_30"][0]), 3),
        "promotion_planned": any(last >= forecast.as_of for _, last in state.promotions),
        "forecast_source": forecast.source,
        "open_orders": [
            {
                "reorder_id": reorder_id(state.key, order.cycle),
                "outstanding": order.outstanding,
                "due_on": iso_day(order.due_on),
            }
            for order in state.open_orders
        ],
    }
