"""What may a model, a file or a stranger on a port say, and what must become of it?

An answer is read or refused by the one error that its reader promises; nothing else comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial

import numpy as np

from domain.features import DailySeries
from forecaster.formats import ItemFailed, MalformedPayload, decode_request
from handlers.errors import TransientFailure
from handlers.insight_text import LINE_CHARS_MAX, facts_as_json, read_answer
from worker.aws.endpoints.autogluon import AutoGluonForm
from worker.aws.endpoints.chronos import ChronosForm
from worker.aws.endpoints.deepar import DeepArForm
from worker.aws.endpoints.form import Asked, Form
from worker.aws.endpoints.guide import GuideForm
from worker.aws.endpoints.restock import RestockForm
from worker.observability.tracing import context_of
from worker.sources.csv_sales import read_csv
from worker.sources.jsonl_sales import read_jsonl
from worker.sources.sales_file import SalesFile, UnreadableSales

DAYS = 3


@cache
def asked(products: int) -> Asked:
    none = np.full(products, np.nan)
    net = np.ones((products, 56), dtype=np.int64)
    series = DailySeries(19_729, net, none, none, np.zeros(products), ((),) * products)
    return Asked(tuple("AB"[:products]), series, np.tile(np.array((1, DAYS), dtype=np.int64), (products, 1)))


def forecast_answer(form: Form, data: bytes, products: int = 2) -> None:
    """An answer for each product, or MalformedPayload."""
    try:
        answers = form.decode(asked(products), data)
    except MalformedPayload:
        return
    assert len(answers) == products
    for answer in answers:
        assert isinstance(answer, ItemFailed) or all(np.isfinite((t.mean, t.dispersion)).all() for t in answer)


FORECASTS: dict[str, Callable[[bytes], None]] = {
    "restock_answer": partial(forecast_answer, RestockForm()),
    "chronos_answer": partial(forecast_answer, ChronosForm(DAYS, 0.1)),
    "deepar_answer": partial(forecast_answer, DeepArForm(DAYS, 0.1)),
    "autogluon_answer": partial(forecast_answer, AutoGluonForm(DAYS, 0.1)),
    "guide_answer": partial(forecast_answer, GuideForm(DAYS, 0.1), products=1),
}


def forecast_request(data: bytes) -> None:
    """forecaster/formats.py: what the container is asked. Nesting is refused by whoever calls it."""
    try:
        request = decode_request(data)
    except (MalformedPayload, RecursionError):
        return
    assert request.cover_days.shape == request.planned_share.shape


def insight(data: bytes) -> None:
    """handlers/insight_text.py: what passes is short lines of visible characters."""
    said = data.decode("utf-8", "replace")
    assert len(facts_as_json({"said": said})) < 2_000
    try:
        text = read_answer(said, "fuzz")
    except TransientFailure as exc:
        assert said not in str(exc) or len(said) < 40
        return
    for line in (*text.factors, *text.recommendations, *text.risks, *text.inventory_suggestions):
        assert len(line) <= LINE_CHARS_MAX
        assert line.isprintable() or any(not character.isprintable() and character.isspace() for character in line)


def trace_context(data: bytes) -> None:
    """worker/observability/tracing.py: a trace or none."""
    head, _, state = data.decode("latin-1").partition("\n")
    context_of({"traceparent": head, "tracestate": state})


def sales_file(reader: Callable[[bytes, str], SalesFile], data: bytes) -> None:
    """worker/sources: every row comes out, or the file is refused."""
    if not data or data.isspace():
        return  # open_sales says so itself
    try:
        sales = reader(data, "digest")
    except UnreadableSales:
        return
    rows = list(sales.rows)
    assert len(rows) == sales.total
    json.dumps(rows, default=str)


FILES: dict[str, Callable[[bytes], None]] = {
    "csv_file": partial(sales_file, read_csv),
    "jsonl_file": partial(sales_file, read_jsonl),
}
