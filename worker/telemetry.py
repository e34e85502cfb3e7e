"""What does the worker say about itself, and where does it go?

Logs are JSON lines on stderr. Metrics are EMF: one JSON line on stdout that CloudWatch Logs turns into metrics, with
no dimension, because every distinct value of one is billed. Lines carry processing time, so that a replay of old
sales is not dropped for its age. Counts of a micro-batch are written before its messages are acknowledged: what was
delivered twice is counted twice, what was counted is never forgotten."""

from __future__ import annotations

import json
import logging
import sys
from collections import defaultdict
from collections.abc import Callable
from typing import TextIO

import structlog

from handlers.metrics import Metric

NAMESPACE = "Retail/Inventory"
# What they say below INFO has tokens and bodies in it.
QUIETED = ("botocore", "aiobotocore", "aiohttp", "asyncio", "urllib3", "opentelemetry", "requests")
OBSERVED_MAX = 100  # EMF takes at most 100 values of a metric a line


class EmbeddedMetrics:
    """Collects counts and observations and writes them as EMF lines."""

    def __init__(self, now: Callable[[], int], stream: TextIO | None = None) -> None:
        self._now = now
        self._stream = stream if stream is not None else sys.stdout
        self._counts: dict[Metric, int] = defaultdict(int)
        self._observed: dict[Metric, list[float]] = defaultdict(list)

    def count(self, metric: Metric, amount: int = 1) -> None:
        self._counts[metric] += amount

    def observe(self, metric: Metric, value: float) -> None:
        values = self._observed[metric]
        if len(values) < OBSERVED_MAX:
            values.append(round(float(value), 3))

    def page(self, loop_lag_s: float, *, takes_work: bool) -> bytes | None:
        """What a Prometheus server gets, with these two beside it: nothing, unless worker/observability is asked."""
        return None

    def flush(self) -> None:
        """Writes one line with everything since the last one; nothing if there is nothing."""
        values: dict[Metric, object] = {m: n for m, n in self._counts.items() if n}
        values.update({m: seen[0] if len(seen) == 1 else seen for m, seen in self._observed.items()})
        self._counts.clear()
        self._observed.clear()
        if values:
            self._stream.write(json.dumps(emf_line(values, self._now()), separators=(",", ":")) + "\n")
            self._stream.flush()


def emf_line(values: dict[Metric, object], now: int) -> dict[str, object]:
    """The CloudWatch embedded metric format of some metrics; now in milliseconds."""
    definitions = [{"Name": metric.label, "Unit": metric.unit} for metric in values]
    described = {"Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": definitions}
    return {
        "_aws": {"Timestamp": now, "CloudWatchMetrics": [described]},
        **{metric.label: value for metric, value in values.items()},
    }


def configure_logging(level: int = logging.INFO) -> None:
    """JSON lines on stderr. botocore below INFO would log session tokens and message bodies: it never gets there."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in QUIETED:
        logging.getLogger(name).setLevel(max(level, logging.INFO))
