"""A trace goes from the sender's message through the worker to the order's event, and nobody else pays for it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from fakes.at_work import at_work
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from otlp_receiver import collecting

from worker.clock import SystemClock
from worker.observability.tracing import fields_of
from worker.producer import trace_attributes
from worker.settings import Settings
from worker.wiring import build

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRODUCTS = ("kept", "not-kept", "without")
DAYS = 20


@asynccontextmanager
async def running(aws, **changes):
    said = {"calendar": "event", "long_poll_s": 1, "decide_interval_s": 0.02, "bedrock_model": "", "watch_products": 0}
    runner = await build(Settings(**{**aws.settings.model_dump(), **said, **changes}), aws.clients, SystemClock())
    async with at_work(runner):
        yield runner


async def send(aws, product, fields):
    """DAYS days of sales of a product in one message, which belongs to the trace that fields name."""
    sales = [
        {"event_id": f"{product}-{day}", "product_id": product, "quantity": 3, "occurred_at": f"2024-09-{day + 1:02}"}
        for day in range(DAYS)
    ]
    await aws.clients.sqs.send_message(
        QueueUrl=aws.queue_url, MessageBody=json.dumps(sales), MessageAttributes=trace_attributes(fields)
    )


async def orders(aws, count):
    """The details of the orders on the bus, by product, when there are so many."""
    found = {}
    async with asyncio.timeout(20):
        while len(found) < count:
            answer = await aws.clients.sqs.receive_message(
                QueueUrl=aws.subscriber_url, MaxNumberOfMessages=10, WaitTimeSeconds=1
            )
            events = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
            found |= {e["detail"]["product_id"]: e["detail"] for e in events if e["detail-type"] == "Reorder Required"}
    return found


async def with_low_stock(aws):
    for product in PRODUCTS:
        item = {"product_id": {"S": product}, "location_id": {"S": "-"}, "current_stock": {"N": "0"}}
        await aws.clients.dynamodb.put_item(TableName=aws.settings.inventory_table, Item=item)


@pytest.mark.parametrize("fast_client", [True, False])
async def test_from_the_message_to_the_order(aws, monkeypatch, fast_client):
    await with_low_stock(aws)
    sender = TracerProvider().get_tracer("till").start_span("send sales")
    context = sender.get_span_context()
    not_kept = trace.NonRecordingSpan(
        trace.SpanContext(context.trace_id + 1, context.span_id, False, trace.TraceFlags(0))
    )
    await send(aws, "kept", fields_of(sender))
    await send(aws, "not-kept", fields_of(not_kept))
    await send(aws, "without", {})
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        async with running(aws, traces=True, fast_client=fast_client):
            found = await orders(aws, len(PRODUCTS))
            await asyncio.to_thread(collector.wait_for, 3)

    assert [span.name for span in collector.spans] == ["settle sales", "decide product", "send Reorder Required"]
    assert collector.services == {"restock"}
    assert {int.from_bytes(span.trace_id) for span in collector.spans} == {context.trace_id}
    parents = [context.span_id, *(int.from_bytes(span.span_id) for span in collector.spans[:2])]
    assert [int.from_bytes(span.parent_span_id) for span in collector.spans] == parents
    assert all(span.start_time_unix_nano < span.end_time_unix_nano for span in collector.spans)
    told, _, flags = found["kept"]["traceparent"].rpartition("-")
    assert told == f"00-{context.trace_id:032x}-{collector.spans[2].span_id.hex()}"
    assert int(flags, 16) & 1  # whoever takes the order keeps the trace too
    assert found["kept"]["reorder_id"] == "kept:1"
    assert not any("traceparent" in found[product] for product in ("not-kept", "without"))


async def test_who_does_not_trace_asks_for_no_attributes_and_publishes_as_ever(aws):
    await with_low_stock(aws)
    await send(aws, "kept", fields_of(TracerProvider().get_tracer("till").start_span("send sales")))
    async with running(aws):
        found = await orders(aws, 1)
    assert "traceparent" not in found["kept"]


async def test_a_collector_that_is_away_holds_nothing_up(aws, monkeypatch):
    await with_low_stock(aws)
    await send(aws, "kept", fields_of(TracerProvider().get_tracer("till").start_span("send sales")))
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")  # nobody listens
    async with running(aws, traces=True):
        found = await orders(aws, 1)
    assert found["kept"]["traceparent"].startswith("00-")


async def test_a_worker_at_work_shows_prometheus_what_it_counted(aws):
    await with_low_stock(aws)
    await send(aws, "kept", {})
    async with running(aws, prometheus=True) as runner:
        await orders(aws, 1)
        lines = runner.page(0.0, takes_work=True).decode().splitlines()
    assert f"restock_sales_applied_total {DAYS}.0" in lines
    assert "restock_reorders_published_total 1.0" in lines
    assert "restock_commit_time_seconds_count 1.0" in lines
    assert runner.stuck is None


async def test_a_worker_without_prometheus_has_no_page(aws):
    async with running(aws) as runner:
        assert runner.page(0.0, takes_work=True) is None
