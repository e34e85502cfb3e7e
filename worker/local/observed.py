"""What does the worker report of its own work?

The sums of the EMF lines it writes to standard output: the same lines that CloudWatch turns into metrics."""

from __future__ import annotations

import json
from collections import Counter

from handlers.metrics import Metric


class Observed:
    """Sums of the worker's counts, over every worker process that ran."""

    def __init__(self) -> None:
        self._sums: Counter[str] = Counter()
        self.lag_ms = 0.0
        self.dirty = 0

    def __getitem__(self, metric: Metric) -> int:
        return self._sums[metric.label]

    def read(self, line: str) -> None:
        """Takes in one line; anything that is no EMF line is passed over."""
        try:
            said = json.loads(line)
            definitions = said["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        except (ValueError, KeyError, IndexError, TypeError):
            return
        for definition in definitions:
            name, value = definition["Name"], said[definition["Name"]]
            values = value if isinstance(value, list) else [value]
            if name == Metric.DIRTY_PRODUCTS.label:
                self.dirty = int(values[-1])
            elif name == Metric.SALE_TO_DECISION.label:
                self.lag_ms = max(values)
            elif definition["Unit"] == "Count":
                self._sums[name] += int(sum(values))
