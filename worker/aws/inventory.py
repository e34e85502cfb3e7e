"""What does the shop hold, and how does it buy?

retail-inventory is the shop's own table: read in batches, never written. Its key is product_id alone, or product_id
and location_id; a product without a location is found under DEFAULT_LOCATION then. Terms of supply may stand beside
current_stock and take precedence over the settings; a value that makes no sense is passed over and logged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import structlog

from domain.events import ProductKey
from domain.policy import SupplyTerms
from domain.product import StockLevel, product_label
from handlers.ports import Clock, InventoryRecord
from worker.aws.clients import translated
from worker.aws.dynamodb import Item, batch_get, text

log = structlog.get_logger()

DEFAULT_LOCATION = "-"
WHOLE_TERMS = {
    "lead_time_days": (0, 365),
    "review_days": (1, 90),
    "order_cycle_days": (0, 365),
    "pack_size": (1, 10**6),
    "minimum_order_quantity": (0, 10**8),
    "maximum_stock": (0, 10**8),
    "shelf_life_days": (1, 3_650),
}
SHARES_AND_COSTS = {
    "service_level": (0.5, 0.9999),
    "fill_rate": (0.5, 0.9999),
    "shortage_cost": (0.0, 1e9),
    "holding_cost": (1e-9, 1e9),
    "ordering_cost": (0.0, 1e9),
    "lead_time_sd_days": (0.0, 365.0),
}


class DynamoInventory:
    def __init__(self, client: Any, table: str, default_terms: SupplyTerms, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._terms = default_terms
        self._clock = clock
        self._has_location: bool | None = None

    async def read(self, keys: Sequence[ProductKey]) -> dict[ProductKey, InventoryRecord]:
        by_location = await self._keyed_by_location()
        wanted = {self._key(key, by_location): key for key in keys if by_location or key.location_id is None}
        read_at = self._clock.now()
        # A delivery is booked before it is told of; a stale read would miss it and order it again.
        items = await batch_get(self._client, self._table, [_item_key(key) for key in wanted], consistent=True)
        records = {}
        for item in items:
            location = item.get("location_id", {}).get("S") if by_location else None
            key = wanted[item["product_id"]["S"], location]
            records[key] = self._record(key, item, read_at)
        return records

    async def _keyed_by_location(self) -> bool:
        if self._has_location is None:
            with translated("DescribeTable"):
                table = await self._client.describe_table(TableName=self._table)
            names = {part["AttributeName"] for part in table["Table"]["KeySchema"]}
            self._has_location = "location_id" in names
        return self._has_location

    def _key(self, key: ProductKey, by_location: bool) -> tuple[str, str | None]:
        return key.product_id, location_key(key.location_id) if by_location else None

    def _record(self, key: ProductKey, item: Item, read_at: int) -> InventoryRecord:
        level = _whole(item.get("current_stock"))
        if level is None:
            log.warning("stock.unreadable", product=product_label(key))
        # Without a time of its own the level is true as of reading it.
        at = _time(item.get("updated_at"), read_at)
        terms, odd = _terms(item)
        for name in odd:
            log.warning("terms.unreadable", product=product_label(key), field=name)
        stock = StockLevel(level, at) if level is not None else None
        category, supplier = item.get("category", {}).get("S"), item.get("supplier", {}).get("S")
        return InventoryRecord(stock, self._terms._replace(**terms), category, supplier)


def location_key(location_id: str | None) -> str:
    """The sort key of a location: itself, and DEFAULT_LOCATION for none. A location of nothing but such dashes has one
    more there, so that no two locations share a key."""
    if location_id is None:
        return DEFAULT_LOCATION
    return location_id + DEFAULT_LOCATION if not location_id.strip(DEFAULT_LOCATION) else location_id


def _item_key(key: tuple[str, str | None]) -> Item:
    product_id, location_id = key
    item = {"product_id": text(product_id)}
    if location_id is not None:
        item["location_id"] = text(location_id)
    return item


def _terms(item: Item) -> tuple[dict[str, Any], list[str]]:
    """The terms of supply that an item says, and the names of those that make no sense."""
    whole = {name: _within(_whole(item.get(name)), bounds) for name, bounds in WHOLE_TERMS.items()}
    shares = {name: _within(_real(item.get(name)), bounds) for name, bounds in SHARES_AND_COSTS.items()}
    terms = {**whole, **shares}
    said = {name: value for name, value in terms.items() if value is not None}
    return said, [name for name in terms if name in item and name not in said]


def _within(value: float | None, bounds: tuple[float, float]) -> float | None:
    return value if value is not None and bounds[0] <= value <= bounds[1] else None


def _whole(attribute: Any) -> int | None:
    value = _number(attribute)
    return int(value) if value is not None and value == value.to_integral_value() else None


def _real(attribute: Any) -> float | None:
    value = _number(attribute)
    return float(value) if value is not None else None


def _number(attribute: Any) -> Decimal | None:
    try:
        value = Decimal(attribute["N"])
    except (KeyError, TypeError, InvalidOperation):
        return None
    return value if value.is_finite() else None


def _time(attribute: Any, default: int) -> int:
    try:
        if "N" in attribute:
            return int(attribute["N"])
        moment = datetime.fromisoformat(attribute["S"])
        return int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (KeyError, TypeError, ValueError):
        return default
