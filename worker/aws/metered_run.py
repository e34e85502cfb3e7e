"""How is a whole process metered that knows nothing of it?

botocore registers its BUILTIN_HANDLERS with every session that it makes, and everything that is logged goes through
the two standard streams: both are lengthened for the time of the run. What was counted follows each line of metrics on
standard output, and stands there once more at the end: a few sums as metrics, without dimensions, and all of it as a
field `aws` that is no metric. The bytes of these lines are not counted: without metering they are not there."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from botocore import handlers

from handlers.metrics import Metric
from worker.aws.metering import Metering
from worker.telemetry import emf_line

METRICS = {
    Metric.SQS_REQUESTS: ("sqs_requests",),
    Metric.WRITE_UNITS: ("write_units",),
    Metric.READ_UNITS: ("read_units",),
    Metric.MODEL_TOKENS: ("tokens_in", "tokens_out"),
}


class MeteredStream:
    """A text stream whose bytes are counted. told is asked after each flush."""

    def __init__(self, stream: TextIO, told: Callable[[], None] | None = None) -> None:
        self.bytes = 0
        self.stream = stream
        self._told = told

    def write(self, text: str) -> int:
        self.bytes += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        return self.stream.write(text)

    def flush(self) -> None:
        self.stream.flush()
        if self._told is not None:
            self._told()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _Report:
    """Writes what was counted since the last time."""

    def __init__(self, metering: Metering, out: TextIO, now: Callable[[], float]) -> None:
        self._metering = metering
        self._now = now
        self._logged = self._cpu_s = 0.0
        self.out = MeteredStream(out, self.write)
        self.err = MeteredStream(sys.stderr)

    def write(self) -> None:
        usage = self._metering.take()
        if not usage:
            return
        counts = usage.setdefault("units", {})
        logged, cpu_s = float(self.out.bytes + self.err.bytes), time.process_time()
        counts["log_bytes"], self._logged = logged - self._logged, logged
        counts["cpu_s"], self._cpu_s = round(cpu_s - self._cpu_s, 6), cpu_s
        line = emf_line(_metrics(usage), int(self._now() * 1000)) | {"aws": usage}
        self.out.stream.write(json.dumps(line, separators=(",", ":")) + "\n")
        self.out.stream.flush()


def _metrics(usage: dict[str, Any]) -> dict[Metric, object]:
    values: dict[Metric, object] = {Metric.AWS_CALLS: sum(usage.get("calls", {}).values())}
    for metric, names in METRICS.items():
        if total := sum(usage["units"].get(name, 0) for name in names):
            values[metric] = total
    return values


@contextmanager
def metered(state_table: str, now: Callable[[], float] = time.time) -> Iterator[Metering]:
    """Counts what every session that is made inside the block calls, and what is written to the standard streams."""
    metering = Metering(state_table)
    added = metering.handlers()
    report = _Report(metering, sys.stdout, now)
    before = sys.stdout, sys.stderr
    handlers.BUILTIN_HANDLERS.extend(added)
    sys.stdout, sys.stderr = report.out, report.err
    try:
        yield metering
    finally:
        sys.stdout, sys.stderr = before
        for each in added:
            handlers.BUILTIN_HANDLERS.remove(each)
        report.write()
