"""Which decoders are fuzzed, each under its name?

A target takes bytes and returns; whatever it raises is a fault. corpus/NAME holds what it begins with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fuzz import answers, bodies, wire

CORPUS = Path(__file__).parent / "corpus"

TARGETS: dict[str, Callable[[bytes], None]] = {
    "body": bodies.body,
    "plain_sale": bodies.plain_sale,
    "stream_record": bodies.stream_record,
    "json_text": bodies.json_text,
    "dynamodb_json": bodies.dynamodb_json,
    "pointer": bodies.pointer,
    "packed_line": bodies.packed_line,
    "stored_events": bodies.stored_events,
    "lambda_event": bodies.lambda_event,
    "supplier_message": bodies.supplier_message,
    "rules_file": bodies.rules_file,
    **answers.FORECASTS,
    "forecast_request": answers.forecast_request,
    "insight": answers.insight,
    "trace_context": answers.trace_context,
    **answers.FILES,
    "http_answer": wire.http_answer,
    "aws_answer": wire.aws_answer,
    "health_request": wire.health_request,
    "supplier_request": wire.supplier_request,
}


def seeds(name: str) -> list[bytes]:
    """The corpus of a target, in the order of the files' names."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
