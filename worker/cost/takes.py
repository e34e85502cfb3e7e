"""What does each thing that happens take?

Units a commit, a decision, an order and so on, as a run has counted them. What a run of minutes cannot show is said
here: segments of event ids that are written are deleted after five weeks, and paid for then."""

from __future__ import annotations

import json
from dataclasses import dataclass

from worker.aws.bedrock import OUTPUT_CONFIG, SYSTEM_PROMPT
from worker.aws.capacity import DECIDED, SOLD
from worker.cost.usage import Usage
from worker.settings import Settings

CHARS_A_TOKEN = 4
INSTRUCTION_TOKENS = -(-(len(SYSTEM_PROMPT) + len(json.dumps(OUTPUT_CONFIG))) // CHARS_A_TOKEN)
"""The local stand-in for Bedrock counts the facts alone; the instructions and the answer's form are read with them."""

_OF_ORDERS = ("order", "outbox", "outbox, deleted")
_OF_OTHERS = (SOLD, DECIDED, "agenda", "agenda, deleted", "insight", *_OF_ORDERS)


@dataclass(frozen=True, slots=True)
class Takes:
    """DynamoDB write units, if not said otherwise. saved: of a forecast that is saved. agenda_bytes: what a product
    adds to the agenda's entry of its batch."""

    commit: float
    decision: float
    sale: float
    saved: float
    order: float
    stock_reads: float
    agenda_bytes: float
    message_bytes_a_sale: float
    log_bytes_a_flush: float
    header_bytes: float
    saved_bytes: float
    tokens_in: float
    tokens_out: float
    metrics: int
    cpu_s_a_sale: float
    s3_writes_a_sale: float
    s3_reads_a_sale: float
    stream_reads_a_sale: float


def takes(run: Usage, orders: Usage, names: Settings) -> Takes:
    """Of a run that sold, and of one that ordered and explained, which may be the same. names are the tables'."""
    decisions = max(1.0, run.decisions)
    forecasts = names.forecasts_table
    saves = max(1.0, run.items[forecasts])
    segments = run.item_units["segment"]
    of_sales = sum(n for kind, n in run.item_units.items() if kind not in {*_OF_OTHERS, forecasts})
    of_sales += max(0.0, segments - run.item_units["segment, deleted"])
    placed = max(1.0, orders.items["order"])
    asked = max(1.0, orders.calls["bedrock-runtime.Converse"])
    flushes = run.batches + run.assessments
    return Takes(
        commit=run.item_units[SOLD] / run.product_commits,
        decision=run.item_units[DECIDED] / decisions,
        sale=of_sales / run.sales,
        saved=run.item_units[forecasts] / saves,
        order=sum(orders.item_units[kind] for kind in _OF_ORDERS) / placed,
        stock_reads=run.reads[names.inventory_table] / decisions,
        agenda_bytes=run.item_bytes["agenda"] / run.product_commits,
        message_bytes_a_sale=run.units["message_bytes"] / run.sales,
        log_bytes_a_flush=run.units["log_bytes"] / max(1, flushes),
        header_bytes=run.item_bytes[SOLD] / run.product_commits,
        saved_bytes=run.item_bytes[forecasts] / saves,
        tokens_in=orders.units["tokens_in"] / asked + (INSTRUCTION_TOKENS if orders.emulated else 0),
        tokens_out=orders.units["tokens_out"] / asked,
        metrics=len(run.metrics | orders.metrics),
        cpu_s_a_sale=run.units["cpu_s"] / run.sales,
        s3_writes_a_sale=run.calls["s3.PutObject"] / run.sales,
        s3_reads_a_sale=run.calls["s3.GetObject"] / run.sales,
        stream_reads_a_sale=run.calls["dynamodbstreams.GetRecords"] / run.sales,
    )
