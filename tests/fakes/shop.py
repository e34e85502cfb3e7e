"""The shop's own records in memory: what it holds and how it buys."""

from __future__ import annotations

from collections.abc import Sequence

from domain.events import ProductKey
from domain.policy import SupplyTerms
from domain.product import StockLevel
from fakes.faults import Faults
from handlers.ports import InventoryRecord


class InMemoryInventory:
    def __init__(self, default_terms: SupplyTerms | None = None, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.terms = default_terms or SupplyTerms()
        self.records: dict[ProductKey, InventoryRecord] = {}

    def put(self, key: ProductKey, level: int | None, at: int, category: str | None = None, **terms: int) -> None:
        stock = StockLevel(level, at) if level is not None else None
        self.records[key] = InventoryRecord(stock, self.terms._replace(**terms), category)

    async def read(self, keys: Sequence[ProductKey]) -> dict[ProductKey, InventoryRecord]:
        async with self.faults.around("read"):
            return {key: self.records[key] for key in keys if key in self.records}
