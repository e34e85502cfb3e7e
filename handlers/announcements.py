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
from domain.joint_purchases import Purchase
from domain.ordering import Overdue
from domain.product import product_label, reorder_id
from domain.ruling import DecisionRecord, value_minor
from handlers.ports import OutboxEntry

REORDER_REQUIRED = "Reorder Required"
INSIGHT_PUBLISHED = "Insight Published"
RETRAIN_SUGGESTED = "Retrain Suggested"
FINDINGS_MAX = 50
REORDER_PROPOSED = "Reorder Proposed"
ORDER_OVERDUE = "Order Overdue"
PURCHASE_PROPOSED = "Purchase Proposed"


def announce_reorder(order: ReorderRequired) -> OutboxEntry:
    """The outbox entry of an order; its id is the order's."""
    return OutboxEntry(order.reorder_id, REORDER_REQUIRED, _json(_order(order)), order.decided_at)


def announce_proposed(order: ReorderRequired, record: DecisionRecord) -> OutboxEntry:
    """The entry of an order that waits: the same as will be said when it is sent, and what it waits for."""
    value = value_minor(record.known, order.recommended_order_quantity)
    detail = {**_order(order), "waits_for": record.ruling.hold, "value_minor": value}
    return OutboxEntry(f"{order.reorder_id}:proposed", REORDER_PROPOSED, _json(detail), order.decided_at)


def announce_overdue(overdue: Overdue) -> OutboxEntry:
    """The entry of an order that should have come."""
    product, order, days, now = overdue
    order_id = reorder_id(product, order.cycle)
    detail = {
        **_product(product),
        "reorder_id": order_id,
        "supplier": order.supplier or None,
        "status": order.status,
        "quantity": order.asked,
        "outstanding": order.outstanding,
        "due_on": iso_day(order.expected_on),
        "days_overdue": days,
        "noticed_at": iso_time(now),
    }
    return OutboxEntry(f"{order_id}:overdue", ORDER_OVERDUE, _json(detail), now)


def announce_purchase(purchase: Purchase, now: int) -> OutboxEntry:
    """The entry of a purchase, with a line for each of its orders."""
    lines = [
        {
            **_product(line.product),
            "reorder_id": reorder_id(line.product, line.cycle),
            "quantity": line.quantity,
            "value_minor": line.value_minor,
        }
        for line in purchase.lines
    ]
    detail = {
        "proposal_id": purchase.proposal_id,
        "supplier": purchase.supplier,
        "review_on": iso_day(purchase.review_on),
        "value_minor": purchase.value_minor,
        "minimum_order_value_minor": purchase.minimum_minor,
        "reason": purchase.reason,
        "lines": lines,
        "proposed_at": iso_time(now),
    }
    return OutboxEntry(purchase.proposal_id, PURCHASE_PROPOSED, _json(detail), now)


def _order(order: ReorderRequired) -> dict[str, object]:
    return {
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
        "supplier": order.supplier,
        "proposal_id": order.proposal_id,
    }


def announce_insight(insight: InsightPublished) -> OutboxEntry:
    """The entry of an insight, published once."""
    detail = {
        **_product(insight.product),
        **{name: value for name, value in insight._asdict().items() if name != "product"},
        "occurred_at": iso_time(insight.occurred_at),
        "decided_at": iso_time(insight.decided_at),
        "as_of": iso_day(insight.as_of),
    }
    return OutboxEntry(insight.insight_id, INSIGHT_PUBLISHED, _json(detail), insight.occurred_at)


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
