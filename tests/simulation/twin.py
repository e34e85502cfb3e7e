"""What must a product's state be, from what has been counted of it?

Plain sums in plain dictionaries; no fold is shared with the worker."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.events import MS_PER_DAY, Event, ReorderCancelled, SaleCorrected, SaleRecorded, ShipmentReceived

BUCKET = ("sold", "revenue", "returned", "refunded", "promoted")


@dataclass(slots=True)
class Twin:
    """days: the parts of BUCKET, by day. outstanding: units on order, by cycle."""

    version: int = 0
    cycle: int = 0
    counted: dict[bytes, bytes] = field(default_factory=dict)
    sales: int = 0
    units: int = 0
    newest_day: int | None = None
    days: dict[int, list[int]] = field(default_factory=dict)
    outstanding: dict[int, int] = field(default_factory=dict)
    receipt_booked_at: float = 0.0

    def count(self, event: Event, booked_at: float) -> None:
        """Counts one more event. booked_at: when a delivery was booked, in seconds."""
        if isinstance(event, SaleRecorded):
            self._sale(event)
        elif isinstance(event, SaleCorrected):
            self._correction(event)
        elif isinstance(event, ShipmentReceived):
            cycle = _cycle_of(event.reorder_id)
            self.outstanding[cycle] = self.outstanding.get(cycle, 0) - event.quantity
            self.receipt_booked_at = max(self.receipt_booked_at, booked_at)
        elif isinstance(event, ReorderCancelled):
            self.outstanding.pop(_cycle_of(event.reorder_id), None)

    def _sale(self, sale: SaleRecorded) -> None:
        bucket = self._bucket(sale.occurred_at)
        if sale.quantity >= 0:
            bucket[0] += sale.quantity
            bucket[1] += sale.revenue_minor
            bucket[4] += sale.quantity if sale.promotion else 0
        else:
            bucket[2] -= sale.quantity
            bucket[3] -= sale.revenue_minor
        self.sales += 1
        self.units += sale.quantity

    def _correction(self, correction: SaleCorrected) -> None:
        bucket = self._bucket(correction.occurred_at)
        for index, name in enumerate(BUCKET):
            bucket[index] += getattr(correction, name)
        self.sales += correction.sales
        self.units += correction.sold - correction.returned

    def _bucket(self, occurred_at: int) -> list[int]:
        day = occurred_at // MS_PER_DAY
        self.newest_day = day if self.newest_day is None else max(self.newest_day, day)
        return self.days.setdefault(day, [0, 0, 0, 0, 0])


def _cycle_of(reorder_id: str) -> int:
    return int(reorder_id.rpartition(":")[2])
