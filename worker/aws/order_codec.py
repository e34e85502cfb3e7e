"""How do orders, and what planners said, stand in the body of a header?

As lists without their field names, the last ones left out where they say nothing: an order as an older version wrote
it reads as one of which nothing more was heard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json, to_json

from domain.orders import Approval, OpenOrder, Word
from domain.product import Freeze, Override, ProductState
from domain.ruling import DecisionRecord, record_from, record_row

PLAIN = 5  # fields of an order that every version has known
_UNSAID = tuple(OpenOrder._field_defaults.values())


def is_plain(state: ProductState) -> bool:
    """Whether a worker that knows neither what becomes of an order nor planners would lose nothing of a state."""
    told = state.freeze or state.override or state.closed_orders
    return not told and all(len(order_row(order)) == PLAIN for order in state.open_orders)


def order_row(order: OpenOrder) -> list[Any]:
    """The fields of an order up to the last that says anything, and the plain ones in any case."""
    row = list(order)
    while len(row) > PLAIN and row[-1] == _UNSAID[len(row) - PLAIN]:
        row.pop()
    return row


def order_from(row: list[Any]) -> OpenOrder:
    """The order of a row, whichever version wrote it."""
    order = OpenOrder(*row)
    return order._replace(
        receipts=tuple(order.receipts),
        word=Word(*order.word) if order.word is not None else None,
        approval=Approval(*order.approval) if order.approval is not None else None,
        arrivals=tuple(order.arrivals),
    )


def plan_rows(state: ProductState) -> dict[str, Any]:
    """What the body says of closed orders and of planners; nothing where there is nothing."""
    rows = {
        "closed": [order_row(order) for order in state.closed_orders] or None,
        "freeze": state.freeze,
        "override": state.override,
    }
    return {name: row for name, row in rows.items() if row is not None}


def plan_from(body: Mapping[str, Any]) -> dict[str, Any]:
    """The same as fields of the state."""
    return {
        "closed_orders": tuple(order_from(row) for row in body.get("closed", ())),
        "freeze": Freeze(*body["freeze"]) if "freeze" in body else None,
        "override": Override(*body["override"]) if "override" in body else None,
    }


def decision_text(record: DecisionRecord) -> str:
    """A decision and what it was made from, as JSON lists."""
    return to_json(record_row(record)).decode()


def decision_from(text: str) -> DecisionRecord:
    """The decision that decision_text wrote."""
    return record_from(from_json(text))
