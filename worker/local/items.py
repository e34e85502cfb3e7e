"""Which sale does a row tell of, and as which item does it stand in the shop's own table?

An item is keyed by product_id and sale_date, which is the time of the sale and its event id joined by '#'. Whoever
reads the item must find the very sale that the row tells of: a row that no item can tell exactly has none."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from domain.events import SaleRecorded
from handlers.errors import InvalidEvent
from worker.aws.dynamodb import Item, number, text
from worker.producer import Row
from worker.schema import read_event, revenue_minor

SORT_KEY_BYTES_MAX = 1_024
NUMBER_DIGITS_MAX = 38
NUMBER_EXPONENT_MIN = -130
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def sale_of(row: Row) -> SaleRecorded | None:
    """The sale of a row as Restock would read it, None if the row is no good: then nothing left the shelf."""
    if isinstance(row, str):
        return None
    try:
        event = read_event(dict(row), None, "till", int(time.time() * 1000))
    except InvalidEvent:
        return None
    return event if isinstance(event, SaleRecorded) else None


def item_of(row: Mapping[str, Any], sale: SaleRecorded) -> Item | None:
    """The item of a row that tells of this sale; None if DynamoDB could not keep it, or not exactly."""
    price = _price(row.get("unit_price"))
    # Without an id of its own a sale is known by where it was read, which an item changes.
    if not row.get("event_id") or not _exact(sale, price):
        return None
    item = {
        "product_id": text(sale.product.product_id),
        "sale_date": text(f"{_iso(sale.occurred_at)}#{sale.event_id}"),
        "event_id": text(sale.event_id),
        "quantity": number(sale.quantity),
        "promotion": {"BOOL": sale.promotion},
    }
    if price is not None:
        item["unit_price"] = {"N": f"{price:f}"}
    if sale.product.location_id is not None:
        item["location_id"] = text(sale.product.location_id)
    if sale.category is not None:
        item["category"] = text(sale.category)
    return item if len(item["sale_date"]["S"].encode()) <= SORT_KEY_BYTES_MAX else None


def _iso(occurred_at: int) -> str:
    return (EPOCH + timedelta(milliseconds=occurred_at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _price(said: Any) -> Decimal | None:
    """The price as it is read from JSON: a number there is the text it was written as."""
    return None if said is None else Decimal(str(said))


def _exact(sale: SaleRecorded, price: Decimal | None) -> bool:
    """Whether this price makes the revenue of the sale (a row may call it by another name), and DynamoDB can keep each
    of its digits."""
    price = price or Decimal(0)
    revenue = revenue_minor(sale.quantity, price)
    kept = len(price.as_tuple().digits) <= NUMBER_DIGITS_MAX and price.adjusted() >= NUMBER_EXPONENT_MIN
    return kept and revenue == sale.revenue_minor
