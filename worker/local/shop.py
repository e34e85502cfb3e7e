"""What would a shop and its supplier do while the sales of a file happen?

The shop books each sale out of its stock, then tells of it. The supplier hears of orders from the event bus, confirms,
ships and delivers in the time of the sales; the shop books a delivery in before it says so. The stock may
go below zero: the sales of a file have happened, what was not there was owed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any

from domain.events import ProductKey, SaleRecorded
from worker.aws.clients import Clients
from worker.aws.dynamodb import batch_write, number, text
from worker.aws.inventory import location_key
from worker.local.items import sale_of
from worker.local.supplier import Step, steps_of
from worker.local.tills import QueueTill, Till
from worker.producer import Row
from worker.settings import Settings

OPENING_DAYS = 21
OPENING_MIN = 5


@dataclass(slots=True)
class Shop:
    """A shop that sells what a file says, by the queue unless it has another till. today is the newest day it sold on,
    in days since the epoch; held are rows that may only be sent when all that were sent are settled."""

    clients: Clients
    settings: Settings
    queue_url: str
    opening: dict[ProductKey, int]
    resend_rate: float
    chance: random.Random
    stock: dict[ProductKey, int] = field(default_factory=dict)
    sent: int = 0
    today: int = 0
    supplied: list[Step] = field(default_factory=list)
    held: list[Row] = field(default_factory=list)
    till: InitVar[Till | None] = None
    _till: Till = field(init=False)
    _again: list[Row] = field(default_factory=list)

    def __post_init__(self, till: Till | None) -> None:
        self._till = till if till is not None else QueueTill(self.clients, self.settings, self.queue_url)

    async def sell(self, rows: Sequence[Row], sales: Sequence[SaleRecorded]) -> None:
        """Books these sales, sends their rows and those of no sale, and some of the ones before a second time."""
        touched = {self._book(sale) for sale in sales}
        steps = self._steps_due()
        await self._write_stock(touched | {step.product for step in steps if step.arrived})
        repeated, self._again = self._again, [row for row in rows if self.chance.random() < self.resend_rate]
        held = await self._till.send([*rows, *repeated, *(step.said for step in steps)])
        self.held += held
        self.sent += len(rows) + len(repeated) - len(held)

    async def sell_held(self) -> None:
        """Sends what was held back until all before it was settled."""
        held, self.held = self.held, []
        self.sent += len(held)
        await self._till.send(held, all_settled=True)

    def _book(self, sale: SaleRecorded) -> ProductKey:
        self.today = max(self.today, sale.day)
        before = self.stock.get(sale.product, self.opening.get(sale.product, OPENING_MIN))
        self.stock[sale.product] = before - sale.quantity
        return sale.product

    def order(self, product: ProductKey, reorder_id: str, quantity: int, lead_time_days: int) -> None:
        """The supplier takes an order."""
        self.supplied += steps_of(product, reorder_id, quantity, self.today, lead_time_days)

    def _steps_due(self) -> list[Step]:
        """What the supplier has done up to today; what it delivered is booked in."""
        due = [step for step in self.supplied if step.on <= self.today]
        if due:
            self.supplied = [step for step in self.supplied if step.on > self.today]
        for step in due:
            self.stock[step.product] = self.stock.get(step.product, 0) + step.arrived
        return due

    async def _write_stock(self, products: Iterable[ProductKey]) -> None:
        await batch_write(
            self.clients.dynamodb,
            self.settings.inventory_table,
            [{"PutRequest": {"Item": self._stock_item(product)}} for product in products],
        )

    def _stock_item(self, product: ProductKey) -> dict[str, Any]:
        return {
            "product_id": text(product.product_id),
            "location_id": text(location_key(product.location_id)),
            "current_stock": number(self.stock[product]),
        }


def opening_stock(rows: Iterable[Row]) -> dict[ProductKey, int]:
    """What the shop starts with: OPENING_DAYS days of each product's mean sales between its first and its last sale."""
    sold: dict[ProductKey, tuple[int, int, int]] = {}
    for row in rows:
        sale = sale_of(row)
        if sale is not None and sale.quantity > 0:
            units, first, last = sold.get(sale.product, (0, sale.day, sale.day))
            sold[sale.product] = units + sale.quantity, min(first, sale.day), max(last, sale.day)
    return {
        product: max(OPENING_MIN, -(-units * OPENING_DAYS // max(OPENING_DAYS, last - first + 1)))
        for product, (units, first, last) in sold.items()
    }
