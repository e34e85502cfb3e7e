"""A Prometheus server reads the same numbers that go to CloudWatch, in base units and without labels."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from fakes.clock import NOW
from prometheus_client.parser import text_string_to_metric_families

from handlers.metrics import Metric
from worker.observability.exposed import COUNTERS, ELSEWHERE, GAUGES, HISTOGRAMS, ExposedMetrics, name_of

ROOT = Path(__file__).parents[3]
SAID = re.compile(r"\.(count|observe)\(\s*Metric\.([A-Z_]+)")


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def metrics(out):
    return ExposedMetrics(lambda: NOW, out)


def read(metrics):
    """Samples by name and labels."""
    page = metrics.page(0.25, takes_work=True).decode()
    samples = {}
    for family in text_string_to_metric_families(page):
        assert family.documentation, family.name
        for sample in family.samples:
            labels = ",".join(sample.labels.values())
            samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return samples


def test_counts_add_up_over_flushes_and_go_to_cloudwatch_all_the_same(metrics, out):
    for _ in range(2):
        metrics.count(Metric.SALES_APPLIED, 3)
        metrics.flush()
    assert read(metrics)["restock_sales_applied_total"] == 6
    assert [json.loads(line)["SalesApplied"] for line in out.getvalue().splitlines()] == [3, 3]


def test_a_counter_is_there_before_it_counts(metrics):
    assert {read(metrics)[f"{name_of(metric)}_total"] for metric in COUNTERS} == {0}


def test_times_are_histograms_in_seconds_and_none_is_left_out(metrics):
    for took_ms in [4.0] * 150 + [2_000.0] * 50:  # more than a line of EMF takes
        metrics.observe(Metric.COMMIT_TIME, took_ms)
    said = read(metrics)
    assert said["restock_commit_time_seconds_count"] == 200
    assert said["restock_commit_time_seconds_sum"] == pytest.approx(100.6)
    assert said["restock_commit_time_seconds_bucket{0.0025}"] == 0
    assert said["restock_commit_time_seconds_bucket{0.005}"] == 150
    assert said["restock_commit_time_seconds_bucket{2.5}"] == said["restock_commit_time_seconds_bucket{+Inf}"] == 200


def test_a_gauge_is_what_was_said_last(metrics):
    for depth in (7, 0):
        metrics.count(Metric.OUTBOX_DEPTH, depth)
    metrics.observe(Metric.EVENT_LAG, 90_000)
    metrics.observe(Metric.FORECAST_WAPE, 62.5)
    said = read(metrics)
    assert (said["restock_outbox_depth"], said["restock_event_lag_seconds"]) == (0, 90)
    assert said["restock_forecast_wape_ratio"] == 0.625


def test_the_process_and_its_loop_are_there_too(metrics):
    said = read(metrics)
    assert (said["restock_loop_lag_seconds"], said["restock_ready"]) == (0.25, 1)
    assert said["process_resident_memory_bytes"] > 1_000_000


def test_every_metric_that_the_worker_counts_or_observes_has_the_kind_it_needs():
    counted, observed = set(), set()
    for path in [*(ROOT / "worker").rglob("*.py"), *(ROOT / "handlers").rglob("*.py")]:
        for verb, name in SAID.findall(path.read_text()):
            (counted if verb == "count" else observed).add(Metric[name])
    assert len(counted) > 20
    assert len(observed) > 10
    assert counted <= {*COUNTERS, *GAUGES}
    assert observed <= {*HISTOGRAMS, *GAUGES}
    assert not ELSEWHERE & (counted | observed)
    assert {*COUNTERS, *GAUGES, *HISTOGRAMS, *ELSEWHERE} == set(Metric)
