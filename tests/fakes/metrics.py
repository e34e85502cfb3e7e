"""Metrics that a test can read."""

from __future__ import annotations

from collections import Counter, defaultdict

from handlers.metrics import Metric


class RecordedMetrics:
    def __init__(self) -> None:
        self.counts: Counter[Metric] = Counter()
        self.observed: dict[Metric, list[float]] = defaultdict(list)
        self.flushes = 0

    def __getitem__(self, metric: Metric) -> int:
        return self.counts[metric]

    def count(self, metric: Metric, amount: int = 1) -> None:
        self.counts[metric] += amount

    def observe(self, metric: Metric, value: float) -> None:
        self.observed[metric].append(value)

    def flush(self) -> None:
        self.flushes += 1
