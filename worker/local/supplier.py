"""What would a supplier do with an order?

It confirms on the day, ships a day before it delivers, and delivers on the day it said; one order in four comes in two
parts, one in five is late, and of those half are announced to be. What becomes of an order follows from its id alone:
every run is the same."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from domain.events import MS_PER_DAY, ProductKey

EPOCH = date(1970, 1, 1)
IN_PARTS, LATE, TOLD = 0.25, 0.2, 0.5
PART_DAYS, LATE_DAYS = 2, 4


class Step(NamedTuple):
    """What happens to an order on a day. arrived: units the shop books in before it is told of."""

    on: int
    product: ProductKey
    said: dict[str, object]
    arrived: int = 0


def steps_of(product: ProductKey, reorder_id: str, quantity: int, today: int, lead_time_days: int) -> list[Step]:
    """All that happens to an order that was placed today, in the order it happens."""
    chance = random.Random(f"restock supplier {reorder_id}")
    due_on = today + lead_time_days
    late_days = chance.randint(1, LATE_DAYS) if chance.random() < LATE else 0
    promised = due_on + late_days if chance.random() < TOLD else due_on
    arrives = due_on + late_days
    parts = [quantity]
    if quantity > 1 and chance.random() < IN_PARTS:
        first = chance.randint(1, quantity - 1)
        parts = [first, quantity - first]

    def step(on: int, kind: str, name: str, arrived: int = 0, **more: object) -> Step:
        said = {
            "type": kind,
            "event_id": f"{name}:{reorder_id}",
            "product_id": product.product_id,
            "location_id": product.location_id,
            "reorder_id": reorder_id,
            "occurred_at": datetime.fromtimestamp(on * MS_PER_DAY // 1000, UTC).isoformat(),
            **more,
        }
        return Step(on, product, said, arrived)

    days = str(EPOCH + timedelta(days=promised))
    steps = [step(today, "order_confirmed", "confirmation", quantity=quantity, due_on=days)]
    for number, units in enumerate(parts):
        on, name = arrives + number * PART_DAYS, "shipment" if number == 0 else f"shipment-{number + 1}"
        steps.append(step(max(today, on - 1), "order_shipped", f"consignment-{number + 1}", quantity=units))
        steps.append(step(on, "shipment_received", name, arrived=units, quantity=units))
    return sorted(steps, key=lambda each: each.on)
