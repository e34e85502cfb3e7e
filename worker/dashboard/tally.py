"""How is the worker doing, in a strip of figures?

It hears the same counts and observations that go to CloudWatch and adds them up since this worker's start. The figures
are this task's own: those of all tasks together are in the metrics."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from handlers.metrics import Metric
from worker.telemetry import EmbeddedMetrics

RATE_S = 10
COUNTED = {
    "received": Metric.SALES_RECEIVED,
    "applied": Metric.SALES_APPLIED,
    "duplicates": Metric.SALES_DUPLICATE,
    "late": Metric.SALES_LATE,
    "quarantined": Metric.SALES_QUARANTINED,
    "other_events": Metric.OTHER_APPLIED,
    "model_forecasts": Metric.FORECASTS_MODEL,
    "fallback_forecasts": Metric.FORECASTS_FALLBACK,
    "baseline_forecasts": Metric.FORECASTS_ON_BASELINE,
    "decided": Metric.PRODUCTS_DECIDED,
    "ordered": Metric.REORDERS_DECIDED,
    "overdue": Metric.ORDERS_OVERDUE,
    "insights": Metric.INSIGHTS_PUBLISHED,
}
SEEN = {
    "lag_ms": Metric.EVENT_LAG,
    "sale_to_decision_ms": Metric.SALE_TO_DECISION,
    "waiting": Metric.DIRTY_PRODUCTS,
    "outbox": Metric.OUTBOX_DEPTH,
    "wape_percent": Metric.FORECAST_WAPE,
    "baseline_wape_percent": Metric.BASELINE_WAPE,
    "coverage_percent": Metric.FORECAST_COVERAGE,
}
HEARD = {*COUNTED.values(), *SEEN.values()}


class Tally:
    def __init__(self) -> None:
        self.sums: Counter[Metric] = Counter()
        self.last: dict[Metric, float] = {}
        self._received: deque[tuple[int, int]] = deque()

    def said(self, now: int) -> dict[str, Any]:
        """The figures; None where nothing was heard yet. now in milliseconds; to be asked about once a second."""
        figures: dict[str, Any] = {name: self.sums[metric] for name, metric in COUNTED.items()}
        figures |= {name: self.last.get(metric) for name, metric in SEEN.items()}
        figures["events_per_s"] = self._rate(now, figures["received"] + figures["other_events"])
        return figures

    def _rate(self, now: int, received: int) -> float:
        self._received.append((now, received))
        while now - self._received[0][0] > RATE_S * 1000:
            self._received.popleft()
        since, before = self._received[0]
        return round((received - before) * 1000 / (now - since), 1) if now > since else 0.0


class OverheardMetrics(EmbeddedMetrics):
    """The metrics as they are, and a tally that hears them."""

    def __init__(self, metrics: EmbeddedMetrics, tally: Tally) -> None:
        self._metrics = metrics
        self._tally = tally

    def count(self, metric: Metric, amount: int = 1) -> None:
        self._metrics.count(metric, amount)
        if metric in HEARD:
            self._tally.sums[metric] += amount
            self._tally.last[metric] = amount

    def observe(self, metric: Metric, value: float) -> None:
        self._metrics.observe(metric, value)
        if metric in HEARD:
            self._tally.last[metric] = float(value)

    def page(self, loop_lag_s: float, *, takes_work: bool) -> bytes | None:
        return self._metrics.page(loop_lag_s, takes_work=takes_work)

    def flush(self) -> None:
        self._metrics.flush()
