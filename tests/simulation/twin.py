"""What must a product's state be, from what has been counted of it?

Plain sums in plain dictionaries; no fold is shared with the worker."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.events import (
    MS_PER_DAY,
    Event,
    OrderConfirmed,
    OrderShipped,
    ReorderCancelled,
    SaleCorrected,
    SaleRecorded,
    ShipmentReceived,
)

REMEMBERED = 2  # orders of which nothing is outstanding any more
BUCKET = ("sold", "revenue", "returned", "refunded", "promoted")


@dataclass(slots=True)
class Order:
    """What was heard of an order. words: when the supplier promised how many units; none is a cancellation."""

    quantity: int
    words: list[tuple[int, int]] = field(default_factory=list)
    shipped: int = 0
    received: int = 0

    @property
    def outstanding(self) -> int:
        # The newest word holds; of two at once that for more.
        promised = max(self.words)[1] if self.words else self.quantity
        return max(0, max(promised, self.shipped) - self.received)


@dataclass(slots=True)
class Twin:
    """days: the parts of BUCKET, by day. orders: those that are remembered, by cycle."""

    version: int = 0
    cycle: int = 0
    counted: dict[bytes, bytes] = field(default_factory=dict)
    sales: int = 0
    units: int = 0
    newest_day: int | None = None
    days: dict[int, list[int]] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    receipt_booked_at: float = 0.0

    def count(self, event: Event, booked_at: float) -> None:
        """Counts one more event. booked_at: when a delivery was booked, in seconds."""
        if isinstance(event, SaleRecorded):
            self._sale(event)
        elif isinstance(event, SaleCorrected):
            self._correction(event)
        elif isinstance(event, ShipmentReceived | OrderShipped | OrderConfirmed | ReorderCancelled):
            self._of_order(event, booked_at)

    @property
    def outstanding(self) -> dict[int, int]:
        """Units on order, by cycle."""
        return {cycle: order.outstanding for cycle, order in self.orders.items() if order.outstanding}

    def _of_order(
        self, event: ShipmentReceived | OrderShipped | OrderConfirmed | ReorderCancelled, booked_at: float
    ) -> None:
        if isinstance(event, ShipmentReceived):
            self.receipt_booked_at = max(self.receipt_booked_at, booked_at)
        order = self.orders.get(_cycle_of(event.reorder_id))
        if order is None:
            return
        if isinstance(event, ShipmentReceived):
            order.received += event.quantity
        elif isinstance(event, OrderShipped):
            order.shipped += event.quantity
        else:
            promised = event.quantity if isinstance(event, OrderConfirmed) else 0
            order.words.append((event.occurred_at, promised))
        settled = sorted(cycle for cycle, each in self.orders.items() if not each.outstanding)
        for cycle in settled[:-REMEMBERED]:
            del self.orders[cycle]

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
