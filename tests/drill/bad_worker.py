"""What does a bad deploy look like? The worker, with a mistake in how it reads sales.

Of the poisoned lines it refuses every other one, which is in good order, and counts ten times the units of the rest. It
is a process like any worker: `python -m drill.bad_worker`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from domain.events import SaleRecorded
from domain.sales import NO_SALES
from drill.sales import is_misread, is_poisoned
from worker import intake
from worker.decode import Read, Rejected, Singles, decode
from worker.process import read_settings, run_worker

PER_THOUSAND = int(os.environ.get("DRILL_POISONED_PER_THOUSAND", "0"))


def spoiled(body: str, message_id: str, now: int, table_fields: Mapping[str, str]) -> Read:
    events, rejected = decode(body, message_id, now, table_fields)
    kept, refused = [], list(rejected)
    for decoded in events:
        event = decoded.event
        if not isinstance(event, SaleRecorded) or not is_poisoned(event.event_id, PER_THOUSAND):
            kept.append(event)
        elif is_misread(event.event_id):
            kept.append(event._replace(quantity=event.quantity * 10, revenue_minor=event.revenue_minor * 10))
        else:
            refused.append(Rejected("unit_price: expected the currency of the new price list", *decoded[1:]))
    return kept, refused


def spoiled_singles(bodies: Sequence[str], ids: Sequence[str], now: int, table_fields: Mapping[str, str]) -> Singles:
    found = enumerate(zip(bodies, ids, strict=True))
    return Singles(NO_SALES, (), {row: spoiled(body, name, now, table_fields) for row, (body, name) in found})


def main() -> int:
    broken: Any = intake
    broken.read, broken.read_singles = spoiled, spoiled_singles
    return run_worker(read_settings())


if __name__ == "__main__":
    sys.exit(main())
