"""A parking place in memory: one record an id, however often it is written."""

from __future__ import annotations

from collections.abc import Sequence

from domain.events import ProductKey
from fakes.faults import Faults
from handlers.ports import LateSale, Quarantined


class InMemoryParking:
    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.quarantined: dict[str, Quarantined] = {}
        self.late_sales: dict[tuple[ProductKey, str], LateSale] = {}

    async def quarantine(self, records: Sequence[Quarantined]) -> None:
        async with self.faults.around("quarantine"):
            self.quarantined.update({record.record_id: record for record in records})

    async def late(self, sales: Sequence[LateSale]) -> None:
        async with self.faults.around("late"):
            self.late_sales.update({(late.sale.product, late.sale.event_id): late for late in sales})
