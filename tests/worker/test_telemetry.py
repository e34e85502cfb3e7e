"""What the worker writes is what CloudWatch takes: the embedded metric format, a line at a time."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog
from fakes.clock import NOW

from handlers.metrics import Metric
from worker.telemetry import NAMESPACE, EmbeddedMetrics, configure_logging

UNITS = {"Count", "Milliseconds", "Percent"}  # those of CloudWatch that we use


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def metrics(out):
    return EmbeddedMetrics(lambda: NOW, out)


def lines(out):
    return [json.loads(line) for line in out.getvalue().splitlines()]


def checked(line):
    """The values of an EMF line that keeps the format."""
    [described] = line["_aws"]["CloudWatchMetrics"]
    assert (line["_aws"]["Timestamp"], described["Namespace"], described["Dimensions"]) == (NOW, NAMESPACE, [[]])
    assert 0 < len(described["Metrics"]) <= 100
    values = {name: value for name, value in line.items() if name != "_aws"}
    assert {metric["Name"] for metric in described["Metrics"]} == set(values)
    for metric in described["Metrics"]:
        assert metric["Unit"] in UNITS
        value = values[metric["Name"]]
        assert len(value) <= 100 if isinstance(value, list) else isinstance(value, int | float)
    return values


def test_everything_since_the_last_line_is_one_line(metrics, out):
    metrics.count(Metric.SALES_APPLIED, 3)
    metrics.count(Metric.SALES_APPLIED)
    metrics.observe(Metric.COMMIT_TIME, 1.23456)
    metrics.observe(Metric.BATCH_SALES, 5)
    metrics.observe(Metric.BATCH_SALES, 6)
    metrics.flush()
    [line] = lines(out)
    assert checked(line) == {"SalesApplied": 4, "CommitTime": 1.235, "BatchSales": [5.0, 6.0]}


def test_nothing_to_say_is_no_line(metrics, out):
    metrics.flush()
    metrics.count(Metric.SALES_APPLIED, 0)
    metrics.flush()
    assert out.getvalue() == ""


def test_a_line_starts_from_nothing(metrics, out):
    metrics.count(Metric.SALES_APPLIED)
    metrics.observe(Metric.COMMIT_TIME, 1)
    metrics.flush()
    metrics.flush()
    metrics.count(Metric.SALES_LATE)
    metrics.flush()
    assert [checked(line) for line in lines(out)] == [{"SalesApplied": 1, "CommitTime": 1.0}, {"SalesLate": 1}]


def test_a_line_never_has_more_values_than_cloudwatch_takes(metrics, out):
    for n in range(250):
        metrics.observe(Metric.SALE_TO_DECISION, n)
    metrics.flush()
    assert len(checked(lines(out)[0])["SaleToDecision"]) == 100


def test_a_line_with_every_metric_there_is_is_valid(metrics, out):
    for metric in Metric:
        for n in range(101):
            metrics.observe(metric, n)
    metrics.flush()
    [line] = out.getvalue().splitlines()
    assert len(checked(json.loads(line))) == len(Metric)
    assert len(line) < 256 * 1024  # a log event


def test_names_are_unique_and_explained():
    assert len({metric.label for metric in Metric}) == len(Metric)
    assert all(metric.unit in UNITS and len(metric.value[2]) > 10 for metric in Metric)


def test_logs_are_json_lines_and_botocore_stays_quiet(capsys):
    known = {
        name: logging.getLogger(name).level for name in ("botocore", "aiobotocore", "aiohttp", "asyncio", "urllib3")
    }
    before = structlog.get_config()
    try:
        configure_logging(logging.DEBUG)
        structlog.get_logger().info("sale.applied", product="Grüße", lag_s=1.5)
        said = json.loads(capsys.readouterr().err)
        assert (said["event"], said["level"], said["lag_s"]) == ("sale.applied", "info", 1.5)
        assert logging.getLogger("botocore").level == logging.INFO
    finally:
        structlog.configure(**before)
        for name, level in known.items():
            logging.getLogger(name).setLevel(level)
