"""What was the outcome of a run, for people and for scripts?

Counts of applied sales, units and features come from the committed states, reorders from what the subscriber
received, the rest from the worker's own metrics; what it asked of AWS only if its calls were metered.
received = applied + duplicates + late + quarantined."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from domain.events import ProductKey
from domain.features import rolling_features, series_of
from domain.ordering import counts_by_status
from domain.product import ProductState
from domain.ruling import DecisionRecord
from handlers.metrics import Metric
from worker.aws.dynamodb import Item
from worker.aws.state_codec import HEADER, decode_header, product_in
from worker.cost.usage import SECTION
from worker.local.decisions import decision_lines
from worker.local.observed import Observed
from worker.local.subscriber import Subscriber


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything a report is made of."""

    states: Sequence[ProductState]
    decisions: Sequence[DecisionRecord]
    insights: Mapping[tuple[str, str], dict[str, Any]]
    observed: Observed
    subscriber: Subscriber
    source: str
    workers: int
    sent: int
    unaccounted: int
    seconds: float
    aws: str
    model: dict[str, Any]


async def read_states(dynamodb: Any, table: str) -> list[ProductState]:
    """Every product's committed state (without its event ids)."""
    states: list[ProductState] = []
    request: dict[str, Any] = {
        "TableName": table,
        "FilterExpression": "sk = :header",
        "ExpressionAttributeValues": {":header": {"S": HEADER}},
        "ConsistentRead": True,
    }
    while True:
        answer = await dynamodb.scan(**request)
        states += [_state(item) for item in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            return sorted(states, key=lambda state: _order(state.key))
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _state(item: Item) -> ProductState:
    return decode_header(product_in(item), item)


def _order(key: ProductKey) -> tuple[str, str]:
    return key.product_id, key.location_id or ""


def features_table(states: Sequence[ProductState]) -> pa.Table:
    """One row a product; as_of is the day after the newest day that anything sold."""
    newest = [state.newest_day for state in states if state.newest_day is not None]
    as_of = max(newest, default=0) + 1
    sold = [state for state in states if state.newest_day is not None]
    columns: dict[str, Any] = {
        "product_id": pa.array([state.key.product_id for state in sold], pa.string()),
        "location_id": pa.array([state.key.location_id for state in sold], pa.string()),
        "as_of": pa.array([as_of] * len(sold), pa.int32()).cast(pa.date32()),
    }
    features = rolling_features(series_of(sold, as_of))
    columns.update({name: pa.array(values) for name, values in features.items()})
    return pa.table(columns)


def summary(outcome: Outcome) -> dict[str, Any]:
    """The figures of a run."""
    seen, subscriber = outcome.observed, outcome.subscriber
    applied = sum(state.sales for state in outcome.states)
    duplicates, late = seen[Metric.SALES_DUPLICATE], seen[Metric.SALES_LATE]
    quarantined = seen[Metric.SALES_QUARANTINED]
    return {
        "source": outcome.source,
        "workers": outcome.workers,
        "sent": outcome.sent,
        "received": applied + duplicates + late + quarantined,
        "applied": applied,
        "duplicates": duplicates,
        "late": late,
        "quarantined": quarantined,
        "products": sum(state.newest_day is not None for state in outcome.states),
        "units": sum(state.units for state in outcome.states),
        "reorders_published": len(subscriber.reorders),
        "reorders_distinct": len(subscriber.order_ids),
        "orders": counts_by_status(outcome.states),
        "insights": len(subscriber.insights),
        "forecast_calls": seen[Metric.FORECAST_CALLS],
        "model_forecasts": seen[Metric.FORECASTS_MODEL],
        "fallback_forecasts": seen[Metric.FORECASTS_FALLBACK],
        "first_reorder_after_s": subscriber.first_reorder_after_s,
        "seconds": round(outcome.seconds, 2),
        "unaccounted": outcome.unaccounted,
        "aws": outcome.aws,
        "model": outcome.model,
        **({SECTION: seen.usage.as_json()} if seen.usage.calls else {}),
    }


def write_report(folder: Path, figures: dict[str, Any], outcome: Outcome) -> None:
    """Writes summary.json, features.parquet, reorders.jsonl, insights.jsonl and decisions.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(features_table(outcome.states), folder / "features.parquet")
    _lines(folder / "reorders.jsonl", outcome.subscriber.reorders)
    _lines(folder / "insights.jsonl", outcome.subscriber.insights)
    _lines(folder / "decisions.jsonl", decision_lines(outcome.decisions, outcome.insights))
    (folder / "summary.json").write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")


def _lines(path: Path, events: Iterable[dict[str, Any]]) -> None:
    with path.open("w") as stream:
        stream.writelines(json.dumps(event, ensure_ascii=False) + "\n" for event in events)
