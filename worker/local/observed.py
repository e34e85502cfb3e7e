"""What do the workers report of their own work?

The sums of the EMF lines they write to standard output: the same lines that CloudWatch turns into metrics. If their
calls of AWS are metered, a field of some of them tells what was called."""

from __future__ import annotations

import json
from collections import Counter

from handlers.metrics import Metric
from worker.aws.metered_run import METRICS
from worker.cost.usage import Usage
from worker.telemetry import NAMESPACE

METERED = {metric.label for metric in (Metric.AWS_CALLS, *METRICS)}


class Observed:
    """Sums of the workers' counts, over every worker process that ran. lag_ms is what any of them said last.
    usage is what they asked of AWS."""

    def __init__(self) -> None:
        self._sums: Counter[str] = Counter()
        self._dirty: dict[int, int] = {}
        self.lag_ms = 0.0
        self.usage = Usage()

    def __getitem__(self, metric: Metric) -> int:
        return int(self._sums[metric.label])

    @property
    def dirty(self) -> int:
        """Products that wait for a decision, in all running workers."""
        return sum(self._dirty.values())

    def ended(self, worker: int) -> None:
        """A worker process is no more. What it left dirty is swept by another one, which counts it then."""
        self._dirty.pop(worker, None)

    def read(self, line: str, worker: int = 1) -> None:
        """Takes in one line of a worker, known by its number; anything that is no EMF line is passed over."""
        try:
            said = json.loads(line)
            definitions = said["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        except (ValueError, KeyError, IndexError, TypeError):
            return
        for definition in definitions:
            name, value = definition["Name"], said[definition["Name"]]
            values = value if isinstance(value, list) else [value]
            self._note(name, values)
            if name == Metric.DIRTY_PRODUCTS.label:
                self._dirty[worker] = int(values[-1])
            elif name == Metric.SALE_TO_DECISION.label:
                self.lag_ms = max(values)
            elif definition["Unit"] == "Count":
                self._sums[name] += sum(values)
        self.usage.add(said.get("aws", {}))

    def _note(self, name: str, values: list[float]) -> None:
        """What the calls of AWS go with. Metrics that only metering has are not billed without it."""
        if name not in METERED:
            self.usage.metrics.add(f"{NAMESPACE}/{name}")
        if name == Metric.SALES_RECEIVED.label:
            self.usage.sales += int(sum(values))
        elif name == Metric.BATCH_SALES.label:
            self.usage.batches += len(values)
        elif name == Metric.DECIDE_TIME.label:
            self.usage.assessments += len(values)
