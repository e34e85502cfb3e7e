"""Which sales does the day have, and what should the state be in the end?

Made from a seed. The twin is plain dictionaries and shares no code with what it judges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq

DAYS = 28
ROWS_A_GROUP = 20_000


def make(events: int, products: int, seed: int) -> list[dict[str, Any]]:
    """Sales of the last four weeks, in the order they happened."""
    chance = Random(seed)
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(days=DAYS)
    step_s = DAYS * 86_400 / (events + 1)
    return [
        {
            "product_id": f"P{chance.randrange(products):04}",
            "event_id": f"sale-{seed}-{number:07}",
            "occurred_at": (first + timedelta(seconds=int(number * step_s))).isoformat().replace("+00:00", "Z"),
            "quantity": chance.choice((1, 1, 1, 2, 2, 3, 5, 8, -1)),
            "unit_price": chance.randrange(50, 5_000) / 100,
        }
        for number in range(events)
    ]


def is_poisoned(event_id: str, per_thousand: int) -> bool:
    return crc32(event_id.encode()) % 1_000 < per_thousand


def is_misread(event_id: str) -> bool:
    """Of the poisoned: whether it is counted wrongly, and not refused."""
    return crc32(event_id.encode()[::-1]) % 2 == 0


def write_history(path: Path, sales: Sequence[dict[str, Any]]) -> None:
    """What the shop keeps of them in its data lake."""
    pq.write_table(pa.Table.from_pylist(list(sales)), path, row_group_size=ROWS_A_GROUP)


def twin(sales: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What each product should come to: sales, units, and by day (sold, revenue, returned, refunded) in cents."""
    products: dict[str, dict[str, Any]] = {}
    for sale in sales:
        said = products.setdefault(sale["product_id"], {"sales": 0, "units": 0, "days": defaultdict(lambda: [0] * 4)})
        quantity, cents = sale["quantity"], round(sale["unit_price"] * 100)
        said["sales"] += 1
        said["units"] += quantity
        day = said["days"][sale["occurred_at"][:10]]
        at = 0 if quantity >= 0 else 2
        day[at] += abs(quantity)
        day[at + 1] += abs(quantity) * cents
    return products
