"""The page hears what the worker says of its work, and changes nothing of it."""

from __future__ import annotations

import io
import json

from fakes.clock import NOW

from handlers.metrics import Metric
from worker.dashboard.said_of import CHARS_MAX, SENTENCES_MAX, newest_said
from worker.dashboard.tally import OverheardMetrics, Tally
from worker.observability.exposed import ExposedMetrics
from worker.telemetry import EmbeddedMetrics


def test_counts_go_to_cloudwatch_and_prometheus_as_ever_and_add_up_for_the_page():
    out, tally = io.StringIO(), Tally()
    metrics = OverheardMetrics(ExposedMetrics(lambda: NOW, out), tally)
    for _ in range(2):
        metrics.count(Metric.SALES_APPLIED, 3)
        metrics.observe(Metric.EVENT_LAG, 250.0)
        metrics.flush()
    assert [json.loads(line)["SalesApplied"] for line in out.getvalue().splitlines()] == [3, 3]
    assert b"restock_sales_applied_total 6.0" in metrics.page(0.0, takes_work=True)
    said = tally.said(NOW)
    assert (said["applied"], said["lag_ms"], said["wape_percent"]) == (6, 250.0, None)


def test_without_prometheus_nobody_reads_metrics_through_the_page():
    assert OverheardMetrics(EmbeddedMetrics(lambda: NOW, io.StringIO()), Tally()).page(0.0, takes_work=True) is None


def test_the_rate_is_that_of_the_last_seconds():
    tally = Tally()
    assert tally.said(0)["events_per_s"] == 0.0
    for second in range(1, 31):
        tally.sums[Metric.SALES_RECEIVED] += 100 if second <= 20 else 0
        rate = tally.said(second * 1000)["events_per_s"]
        assert rate == (100.0 if second <= 20 else 10.0 * (30 - second))


def test_the_newest_insight_is_shown_and_no_more_of_it_than_fits():
    detail = {"headline": "In short", "factors": "no list", "risks": ["x" * 9_999] * 99, "source": "rules", "odd": 1}
    said = newest_said([detail, {"headline": "older"}])
    assert said is not None
    assert (said["headline"], said["source"], said["factors"], said["model"]) == ("In short", "rules", [], "")
    assert {len(line) for line in said["risks"]} == {CHARS_MAX}
    assert len(said["risks"]) == SENTENCES_MAX
    assert newest_said([]) is None
