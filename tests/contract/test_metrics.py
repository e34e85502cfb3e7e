"""The Metrics contract: what is counted is summed, what is observed is kept one by one, and each metric by itself."""

from __future__ import annotations

import io
import json

import pytest
from fakes.clock import NOW
from fakes.metrics import RecordedMetrics

from handlers.metrics import Metric
from worker.telemetry import OBSERVED_MAX, EmbeddedMetrics

PORT = "Metrics"


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def metrics(kind, stream):
    return RecordedMetrics() if kind == "fake" else EmbeddedMetrics(lambda: NOW, stream)


@pytest.fixture
def told(metrics, stream):
    """What was said of each metric by its name: its sum, or its observations in order."""

    def read():
        metrics.flush()
        if isinstance(metrics, RecordedMetrics):
            said = {metric.label: [float(value) for value in values] for metric, values in metrics.observed.items()}
            return said | {metric.label: total for metric, total in metrics.counts.items() if total}
        said = {}
        for line in stream.getvalue().splitlines():
            values = json.loads(line)
            [described] = values.pop("_aws")["CloudWatchMetrics"]
            assert {metric["Name"] for metric in described["Metrics"]} == set(values)
            said |= values
        observed = {metric.label for metric in Metric if metric.unit == "Milliseconds"}
        return {n: v if isinstance(v, list) or n not in observed else [v] for n, v in said.items()}

    return read


def test_counts_are_summed_each_metric_by_itself(metrics, told):
    metrics.count(Metric.SALES_APPLIED)
    metrics.count(Metric.SALES_APPLIED, 41)
    metrics.count(Metric.SALES_LATE, 2)
    assert told() == {"SalesApplied": 42, "SalesLate": 2}


def test_nothing_counted_is_nothing_said(metrics, told):
    metrics.count(Metric.SALES_APPLIED, 0)
    assert told() == {}


def test_observations_are_kept_one_by_one_in_order(metrics, told):
    for value in (3, 1.5, 3):
        metrics.observe(Metric.COMMIT_TIME, value)
    metrics.observe(Metric.DECODE_TIME, 7)
    assert told() == {"CommitTime": [3.0, 1.5, 3.0], "DecodeTime": [7.0]}


@pytest.mark.no_fake
def test_what_was_said_is_not_said_again(metrics, told, stream):
    metrics.count(Metric.MESSAGES)
    assert told() == {"Messages": 1}
    stream.truncate(stream.seek(0))
    assert told() == {}


@pytest.mark.no_fake
def test_a_line_is_one_that_cloudwatch_reads(metrics, told, stream):
    """EMF takes at most 100 values a metric, and metrics that are described with their unit; no dimension is billed."""
    for value in range(2 * OBSERVED_MAX):
        metrics.observe(Metric.COMMIT_TIME, value)
    metrics.count(Metric.MESSAGES)
    metrics.flush()
    [line] = stream.getvalue().splitlines()
    said = json.loads(line)
    [described] = said["_aws"]["CloudWatchMetrics"]
    assert said["_aws"]["Timestamp"] == NOW
    assert described["Dimensions"] == [[]]
    units = {metric["Name"]: metric["Unit"] for metric in described["Metrics"]}
    assert units == {"CommitTime": "Milliseconds", "Messages": "Count"}
    assert len(said["CommitTime"]) == OBSERVED_MAX
