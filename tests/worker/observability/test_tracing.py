"""What is remembered of traces has a bound, and what is no trace is none."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from domain.events import ProductKey
from worker.observability.tracing import Remembered, context_of, fields_of, tracing
from worker.producer import trace_attributes

KEPT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PRODUCT = ProductKey("A", "north")


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def traces(exporter):
    return tracing(SimpleSpanProcessor(exporter))


def attributes(traceparent, **others):
    return trace_attributes({"traceparent": traceparent, **others})


@pytest.mark.parametrize(
    "said",
    ["", KEPT[:-2] + "00", "00-" + "0" * 32 + KEPT[35:], "ff" + KEPT[2:], "nonsense", "é" * 55, KEPT + "x" * 512],
)
def test_what_names_no_trace_that_is_kept_is_none(said):
    assert context_of({"traceparent": said}) is None


def test_an_endless_tracestate_is_not_carried_on():
    assert context_of({"traceparent": KEPT, "tracestate": "a=b"}).trace_state == {"a": "b"}
    assert context_of({"traceparent": KEPT, "tracestate": "a=" + "b" * 600}) is None


def test_the_oldest_traces_are_forgotten_first():
    remembered = Remembered(2)
    for number, name in enumerate("abc"):
        remembered.put(name, trace.SpanContext(1, number + 1, is_remote=True))
    assert remembered.among("abc") == ["b", "c"]
    assert remembered.take("a") is None
    assert remembered.take("c").span_id == 3
    assert remembered.among("abc") == ["b"]


@pytest.mark.parametrize("odd", [{}, {"traceparent": {"DataType": "Binary", "BinaryValue": b"x"}}])
def test_attributes_of_another_kind_are_passed_by(traces, odd):
    traces.received("r", odd)
    assert traces.messages.among(["r"]) == []


def test_an_order_that_the_bus_did_not_take_is_published_later_in_the_same_trace(traces, exporter):
    traces.received("r", attributes(KEPT, tracestate="shop=till-7"))
    traces.settled("r", "m", [PRODUCT], 1)
    traces.decided(PRODUCT, 1, "A#north:1")
    for accepted in (False, True):
        span = traces.publishing("A#north:1")
        assert fields_of(span)["tracestate"] == "shop=till-7"
        traces.published("A#north:1", span, accepted=accepted)
    spans = exporter.get_finished_spans()
    assert [s.name for s in spans] == [
        "settle sales",
        "decide product",
        "send Reorder Required",
        "send Reorder Required",
    ]
    assert {f"{s.context.trace_id:x}" for s in spans} == {"af7651916cd43dd8448eb211c80319c"}
    assert [s.status.status_code.name for s in spans] == ["UNSET", "UNSET", "ERROR", "UNSET"]
    assert traces.orders.among(["A#north:1"]) == []


def test_a_decision_without_an_order_ends_the_trace(traces, exporter):
    traces.received("r", attributes(KEPT))
    traces.settled("r", "m", [PRODUCT], 1)
    traces.decided(PRODUCT, 1, None)
    assert exporter.get_finished_spans()[-1].attributes == {"restock.product": "A#north", "restock.ordered": False}
    assert traces.products.among([PRODUCT]) == []


AT_WORK = f"""
from worker.observability.tracing import tracing
traces = tracing()
traces.received("r", {{"traceparent": {{"StringValue": "{KEPT}"}}}})
traces.settled("r", "m", [], 1)
print("ended", flush=True)
"""


def test_a_collector_that_never_answers_does_not_keep_the_process_from_its_end():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        with subprocess.Popen(
            [sys.executable, "-c", AT_WORK], env={**os.environ, **where}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                assert process.stdout.readline() == b"ended\n"
                since = time.monotonic()
                process.communicate(timeout=30)
                assert process.returncode == 0
                assert 1 < time.monotonic() - since < 10  # it tried, and gave up
            finally:
                process.kill()
