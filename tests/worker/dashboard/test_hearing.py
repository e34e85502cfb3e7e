"""The page hears what the worker says of its work, and changes nothing of it."""

from __future__ import annotations

import io
import json

from fakes.bus import InMemoryBus
from fakes.clock import NOW

from domain.events import InsightPublished, ProductKey
from domain.product import product_label
from handlers.announcements import announce_insight
from handlers.metrics import Metric
from handlers.ports import OutboxEntry
from worker.dashboard.insights import CHARS_MAX, PRODUCTS_KEPT, Insights, OverheardBus
from worker.dashboard.tally import OverheardMetrics, Tally
from worker.observability.exposed import ExposedMetrics
from worker.telemetry import EmbeddedMetrics


def insight(product: ProductKey, *factors: str) -> OutboxEntry:
    said = InsightPublished(
        product=product,
        insight_id=product_label(product),
        decided_at=NOW,
        crossing="covered->low",
        factors=factors,
        recommendations=("Order now",),
        risks=(),
        inventory_suggestions=(),
        source="a model",
    )
    return announce_insight(said)


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


async def test_the_newest_accepted_insight_of_a_product_is_remembered():
    bus, insights = InMemoryBus(), Insights()
    heard = OverheardBus(bus, insights)
    key = ProductKey("A", "#1")
    refused = insight(ProductKey("B"), "x")
    bus.refused = {refused.entry_id}
    assert await heard.publish([insight(key, "old"), insight(key, "new"), refused]) == [True, True, False]
    assert insights.of(product_label(key))["factors"] == ["new"]
    assert insights.of("B") is None
    assert len(bus.published) == 2


def test_other_events_and_fields_that_are_none_of_ours_are_passed_over():
    insights = Insights()
    insights.heard(OutboxEntry("1", "Reorder Required", "no json", NOW))
    detail = {"product_id": "A", "factors": "no list", "risks": ["x" * 9_999] * 99, "summary": "In short"}
    insights.heard(OutboxEntry("2", "Insight Published", json.dumps(detail), NOW))
    said = insights.of("A")
    assert (said["factors"], said["summary"]) == ([], "In short")
    assert {len(line) for line in said["risks"]} == {CHARS_MAX}


def test_few_insights_are_remembered_the_oldest_go():
    insights = Insights()
    for number in range(PRODUCTS_KEPT + 1):
        insights.heard(insight(ProductKey(str(number)), "x"))
    assert insights.of("0") is None
    assert insights.of(str(PRODUCTS_KEPT)) is not None
