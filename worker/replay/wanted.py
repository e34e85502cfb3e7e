"""Which of what is parked is meant?

By the reason, the time it was parked and the product it is of; a filter that is not set lets everything through."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.decode import OUR_NAMES, decode

UNSETTLED = "dead letter: could not be settled"


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked line or message. at: when (ms)."""

    where: str
    record_id: str
    reason: str
    body: str
    at: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """reason is a part of it, in any case; since and until (ms) enclose the time, until not included."""

    reason: str | None = None
    since: int | None = None
    until: int | None = None
    product: str | None = None
    now: int = 0
    table_fields: Mapping[str, str] = field(default_factory=lambda: OUR_NAMES)

    def holds(self, parked: Parked) -> bool:
        if self.reason is not None and self.reason.lower() not in parked.reason.lower():
            return False
        if self.since is not None and parked.at < self.since:
            return False
        if self.until is not None and parked.at >= self.until:
            return False
        return self.product is None or self.product in products_of(parked, self.now, self.table_fields)


def products_of(parked: Parked, now: int, table_fields: Mapping[str, str] = OUR_NAMES) -> set[str]:
    """The product ids of what can be read in it, and of what cannot, as far as the field stands there in plain."""
    events, rejected = decode(parked.body, parked.record_id, now, table_fields)
    found = {decoded.event.product.product_id for decoded in events}
    for refused in rejected:
        fields = _object(refused.line)
        found |= {str(fields[name]) for name in ("product_id", "StockCode", "stock_code") if name in fields}
    return found


def reason_now(body: str, record_id: str, now: int, table_fields: Mapping[str, str] = OUR_NAMES) -> str:
    """Why a dead letter is one, as far as it can be told: what of it cannot be read, or that it was not settled."""
    _, rejected = decode(body, record_id, now, table_fields)
    return rejected[0].reason if rejected else UNSETTLED


def _object(line: Any) -> Mapping[str, Any]:
    if isinstance(line, str):
        try:
            line = json.loads(line)
        except (ValueError, RecursionError):
            return {}
    return line if isinstance(line, Mapping) else {}
