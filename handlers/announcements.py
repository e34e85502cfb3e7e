"""How do our events read on the bus?

The guide's field names stand first, ours beside them. An entry's id is stable, so that a second publication of the
same event can be told from a new one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from domain.accuracy import EVERYTHING, Scoreboard
from domain.drift import DAYS_A_WEEK, Verdict, reason_of
from domain.events import InsightPublished, ProductKey, ReorderRequired
from domain.product import product_label
from handlers.ports import OutboxEntry

REORDER_REQUIRED = "Reorder Required"
INSIGHT_PUBLISHED = "Insight Published"
RETRAIN_SUGGESTED = "Retrain Suggested"
FINDINGS_MAX = 50


def announce_reorder(order: ReorderRequired) -> OutboxEntry:
    """The outbox entry of an order; its id is the order's."""
    detail = {
        **_product(order.product),
        "current_stock": order.current_stock,
        "optimal_inventory": order.optimal_inventory,
        "recommended_order_quantity": order.recommended_order_quantity,
        "urgency": order.urgency,
        "reorder_id": order.reorder_id,
        "inventory_position": order.inventory_position,
        "on_order": order.on_order,
        "reorder_point": order.reorder_point,
        "pack_size": order.pack_size,
        "minimum_order_quantity": order.minimum_order_quantity,
        "lead_time_days": order.lead_time_days,
        "projected_stockout_on": iso_day(order.projected_stockout_on),
        "forecast_source": order.forecast_source,
        "as_of": iso_day(order.as_of),
        "decided_at": iso_time(order.decided_at),
    }
    return OutboxEntry(order.reorder_id, REORDER_REQUIRED, _json(detail), order.decided_at)


def announce_insight(insight: InsightPublished) -> OutboxEntry:
    """The entry of an insight, published once and not kept."""
    detail = {
        **_product(insight.product),
        "insight_id": insight.insight_id,
        "crossing": insight.crossing,
        "factors": insight.factors,
        "recommendations": insight.recommendations,
        "risks": insight.risks,
        "inventory_suggestions": insight.inventory_suggestions,
        "source": insight.source,
        "decided_at": iso_time(insight.decided_at),
    }
    return OutboxEntry(insight.insight_id, INSIGHT_PUBLISHED, _json(detail), insight.decided_at)


def announce_retraining(verdict: Verdict, board: Scoreboard, decided_at: int) -> OutboxEntry:
    """The one entry of a week whose verdict has something to announce. board: the four weeks that were judged."""
    found, until = verdict.announced[:FINDINGS_MAX], iso_day((verdict.standing.week + 1) * DAYS_A_WEEK)
    whole = board[EVERYTHING]
    detail = {
        "reason": reason_of(found),
        "findings": [each._asdict() for each in found],
        "until": until,
        "wape": round(whole.wape, 4),
        "baseline_wape": round(whole.baseline_wape, 4),
        "bias": round(whole.bias, 4),
        "p90_coverage": round(whole.coverage, 4),
        "windows": int(whole.windows),
        "on_baseline": sorted(verdict.standing.on_baseline)[:FINDINGS_MAX],
        "decided_at": iso_time(decided_at),
    }
    return OutboxEntry(f"retrain:{until}", RETRAIN_SUGGESTED, _json(detail), decided_at)


def in_trace(entry: OutboxEntry, fields: Mapping[str, str]) -> OutboxEntry:
    """The same entry, whose detail says in which trace it was published: fields are those of W3C Trace Context."""
    return entry._replace(detail=_json({**json.loads(entry.detail), **fields}))


def insight_id(product: ProductKey, as_of: int, crossing: str) -> str:
    """One id for one crossing of one product on one day."""
    return f"{product_label(product)}:{iso_day(as_of)}:{crossing}"


def iso_day(day: int | None) -> str | None:
    """A day since the epoch as YYYY-MM-DD."""
    return None if day is None else str(np.datetime64(day, "D"))


def iso_time(at: int) -> str:
    """A time in milliseconds since the epoch as ISO 8601, UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")


def _product(product: ProductKey) -> dict[str, str | None]:
    return {"product_id": product.product_id, "location_id": product.location_id}


def _json(detail: Mapping[str, object]) -> str:
    return json.dumps(detail, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
