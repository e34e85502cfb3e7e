"""What does a Prometheus server read of the worker's metrics?

The same counts and observations that go to CloudWatch, added up since the start: counters, histograms of times in
seconds, and gauges of what is so now. There are no labels, so that the number of series never grows. Numbers are only
kept here; prometheus_client writes the page when it is asked for."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import accumulate
from typing import TextIO

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.registry import Collector

from handlers.metrics import Metric
from worker.telemetry import EmbeddedMetrics

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
SALES = (1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 20_000)
HISTOGRAMS = {
    Metric.DECODE_TIME: SECONDS,
    Metric.COMMIT_TIME: SECONDS,
    Metric.ACKNOWLEDGE_TIME: SECONDS,
    Metric.DECIDE_TIME: SECONDS,
    Metric.SALE_TO_DECISION: SECONDS,
    Metric.FORECAST_TIME: SECONDS,
    Metric.BATCH_SALES: SALES,
}
# What is so now, however often it is said.
GAUGES = {
    Metric.EVENT_LAG,
    Metric.STREAM_LAG,
    Metric.STREAM_UNREAD,
    Metric.SHARDS_OWNED,
    Metric.OUTBOX_DEPTH,
    Metric.DIRTY_PRODUCTS,
    Metric.CATEGORIES_ON_BASELINE,
    Metric.ACCURACY_WINDOWS,
    Metric.FORECAST_WAPE,
    Metric.BASELINE_WAPE,
    Metric.FORECAST_BIAS,
    Metric.FORECAST_COVERAGE,
    Metric.LEAD_TIME_DRIFT,
}
# Sent to CloudWatch by a way of their own.
ELSEWHERE = {
    Metric.FORECASTED_DEMAND,
    Metric.FORECAST_CONFIDENCE,
    Metric.AWS_CALLS,
    Metric.SQS_REQUESTS,
    Metric.WRITE_UNITS,
    Metric.READ_UNITS,
    Metric.MODEL_TOKENS,
}
COUNTERS = [metric for metric in Metric if metric not in {*HISTOGRAMS, *GAUGES, *ELSEWHERE}]
SCALES = {"Milliseconds": 0.001, "Percent": 0.01, "Count": 1.0}
SUFFIXES = {"Milliseconds": "_seconds", "Percent": "_ratio", "Count": ""}


class ExposedMetrics(EmbeddedMetrics):
    """Embedded metrics that can be read as well."""

    def __init__(self, now: Callable[[], int], stream: TextIO | None = None) -> None:
        super().__init__(now, stream)
        self.totals = dict.fromkeys(COUNTERS, 0)
        self.latest: dict[Metric, float] = {}
        self.buckets = {metric: [0] * (len(bounds) + 1) for metric, bounds in HISTOGRAMS.items()}
        self.sums = dict.fromkeys(HISTOGRAMS, 0.0)
        self.loop_lag_s = 0.0
        self.takes_work = False
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Families(self))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def count(self, metric: Metric, amount: int = 1) -> None:
        super().count(metric, amount)
        if metric in self.totals:
            self.totals[metric] += amount
        else:
            self.latest[metric] = amount

    def observe(self, metric: Metric, value: float) -> None:
        super().observe(metric, value)
        scaled = float(value) * SCALES[metric.unit]
        if metric in HISTOGRAMS:
            self.buckets[metric][bisect_left(HISTOGRAMS[metric], scaled)] += 1
            self.sums[metric] += scaled
        else:
            self.latest[metric] = scaled

    def page(self, loop_lag_s: float, *, takes_work: bool) -> bytes:
        self.loop_lag_s, self.takes_work = loop_lag_s, takes_work
        return generate_latest(self._registry)


class _Families(Collector):
    """The worker's metrics as prometheus_client writes them."""

    def __init__(self, metrics: ExposedMetrics) -> None:
        self._metrics = metrics
        self._version = version("restock")

    def collect(self) -> Iterator[Family]:
        yield InfoMetricFamily("restock_build", "which version this is", {"version": self._version})
        lag = "how late the event loop woke somebody, at most, in the last minute"
        yield GaugeMetricFamily("restock_loop_lag_seconds", lag, self._metrics.loop_lag_s)
        yield GaugeMetricFamily("restock_ready", "whether the worker takes work", int(self._metrics.takes_work))
        for metric, total in self._metrics.totals.items():
            yield CounterMetricFamily(name_of(metric), _meaning(metric), total)
        for metric, value in self._metrics.latest.items():
            yield GaugeMetricFamily(name_of(metric), _meaning(metric), value)
        for metric, bounds in HISTOGRAMS.items():
            upper = [*(str(float(bound)) for bound in bounds), "+Inf"]
            counted = list(zip(upper, accumulate(self._metrics.buckets[metric]), strict=True))
            yield HistogramMetricFamily(name_of(metric), _meaning(metric), counted, self._metrics.sums[metric])


def name_of(metric: Metric) -> str:
    """The metric's name at Prometheus, in base units; a counter gets its `_total` on the page."""
    words = re.sub(r"(?<!^)(?=[A-Z])", "_", metric.label).lower()
    return f"restock_{words}{SUFFIXES[metric.unit]}"


def _meaning(metric: Metric) -> str:
    return str(metric.value[2])
