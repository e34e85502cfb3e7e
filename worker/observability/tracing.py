"""Which sale led to which order?

The trace that a sender began, and chose to keep, goes on here: through the micro-batch that made its sales durable, the
decision of each product they touched, and the event of the order, which carries it on. A message without a trace costs
nothing, so that senders decide how much is traced. What is remembered for it has a bound and dies with the worker: the
orders do not, they are then published without."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from time import time_ns
from typing import Any, Generic, TypeVar

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from domain.events import ProductKey
from domain.product import product_label

FIELDS = ("traceparent", "tracestate")  # of W3C Trace Context: message attributes, and fields of the order's event
MESSAGES_MAX = 10_000
PRODUCTS_MAX = 10_000
VALUE_CHARS_MAX = 512
SPANS_MAX = 2_048  # that wait to be exported; what is more is dropped
EXPORT_TIMEOUT_S = 2.0

Key = TypeVar("Key")

_propagator = TraceContextTextMapPropagator()


class Remembered(Generic[Key]):
    """The newest so many traces by what they are of; the oldest are forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._traces: OrderedDict[Key, SpanContext] = OrderedDict()

    def put(self, key: Key, context: SpanContext) -> None:
        self._traces[key] = context
        self._traces.move_to_end(key)
        if len(self._traces) > self._most:
            self._traces.popitem(last=False)

    def take(self, key: Key) -> SpanContext | None:
        return self._traces.pop(key, None)

    def among(self, keys: Iterable[Key]) -> list[Key]:
        return [key for key in keys if key in self._traces] if self._traces else []


class Tracing:
    """messages, products and orders: the traces of those that are under way, by receipt, product and order id."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer
        self.messages: Remembered[str] = Remembered(MESSAGES_MAX)
        self.products: Remembered[ProductKey] = Remembered(PRODUCTS_MAX)
        self.orders: Remembered[str] = Remembered(PRODUCTS_MAX)

    def received(self, receipt: str, attributes: Mapping[str, Any]) -> None:
        """Remembers the trace that the attributes of a message name, if its sender keeps it."""
        context = context_of({name: attributes.get(name, {}).get("StringValue", "") for name in FIELDS})
        if context is not None:
            self.messages.put(receipt, context)

    def settled(self, receipt: str, message_id: str, products: Iterable[ProductKey], started: int) -> None:
        """A message with a trace is durable; its products wait for a decision. started: time_ns() when that began."""
        parent = self.messages.take(receipt)
        if parent is None:
            return
        said = {
            "messaging.system": "aws_sqs",
            "messaging.operation.type": "process",
            "messaging.message.id": message_id,
        }
        here = self._span("settle sales", parent, SpanKind.CONSUMER, started, said)
        for product in products:
            self.products.put(product, here)

    def decided(self, product: ProductKey, started: int, order_id: str | None) -> None:
        """A product was decided; order_id is that of the order it led to."""
        parent = self.products.take(product)
        if parent is None:
            return
        said: dict[str, Any] = {"restock.product": product_label(product), "restock.ordered": order_id is not None}
        here = self._span("decide product", parent, SpanKind.INTERNAL, started, said)
        if order_id is not None:
            self.orders.put(order_id, here)

    def publishing(self, order_id: str) -> trace.Span:
        """Begins the publication of an order, in its trace if it has one."""
        parent = self.orders.take(order_id) or trace.INVALID_SPAN_CONTEXT
        said = {"messaging.system": "aws.eventbridge", "messaging.operation.type": "send", "restock.order": order_id}
        inside = trace.set_span_in_context(_span_of(parent))
        return self._tracer.start_span("send Reorder Required", inside, SpanKind.PRODUCER, said)

    def published(self, order_id: str, span: trace.Span, *, accepted: bool) -> None:
        """Ends it. An order that the bus did not take is published later, in the same trace."""
        if not accepted:
            span.set_status(Status(StatusCode.ERROR, "not accepted by the bus"))
            self.orders.put(order_id, span.get_span_context())
        span.end()

    def _span(
        self, name: str, parent: SpanContext, kind: SpanKind, started: int, said: Mapping[str, Any]
    ) -> SpanContext:
        """A span that is over, from started until now."""
        inside = trace.set_span_in_context(_span_of(parent))
        span = self._tracer.start_span(name, inside, kind, said, start_time=started)
        span.end(time_ns())
        return span.get_span_context()


def context_of(fields: Mapping[str, str]) -> SpanContext | None:
    """The trace that traceparent and tracestate name; None if they name none, or one that is not kept."""
    if not fields.get("traceparent") or any(len(value) > VALUE_CHARS_MAX for value in fields.values()):
        return None
    context = trace.get_current_span(_propagator.extract(dict(fields))).get_span_context()
    return context if context.is_valid and context.trace_flags.sampled else None


def fields_of(span: trace.Span) -> dict[str, str]:
    """What names this span to whoever goes on with its trace: traceparent, and tracestate if there is any."""
    fields: dict[str, str] = {}
    _propagator.inject(fields, trace.set_span_in_context(span))
    return fields


def tracing(processor: SpanProcessor | None = None) -> Tracing:
    """Traces that are exported by OTLP in the background, as the OTEL_* variables say; what is left is sent when the
    process ends. processor takes the spans instead."""
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "restock")})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(processor or _exporting())
    return Tracing(provider.get_tracer("restock"))


def _exporting() -> SpanProcessor:
    timeout_s = None if "OTEL_EXPORTER_OTLP_TIMEOUT" in os.environ else EXPORT_TIMEOUT_S
    # All that may wait is one batch: the end of the process waits for one of them and the one under way, no longer.
    return BatchSpanProcessor(OTLPSpanExporter(timeout=timeout_s), SPANS_MAX, max_export_batch_size=SPANS_MAX)


def _span_of(context: SpanContext) -> trace.Span:
    return trace.NonRecordingSpan(context)
