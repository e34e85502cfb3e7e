"""What does the retailer around the worker do?

It sells, takes back, counts, plans promotions, keeps the true stock in its own table, and receives what was ordered:
booking a delivery before telling of it. Producers send the same event again, in other messages, and sometimes
nonsense. Everything that was ever sent is on record here, independent of the code under test."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from domain.events import (
    MS_PER_DAY,
    Event,
    OrderConfirmed,
    OrderShipped,
    ProductKey,
    PromotionPlanned,
    ReorderCancelled,
    SaleRecorded,
    ShipmentReceived,
    StockChanged,
)
from domain.ledger import id_digest, payload_digest
from simulation.network import Network, Said
from simulation.queues import Partitions
from simulation.sales_table import SalesTable
from simulation.scenario import Scenario
from simulation.services import Buckets
from simulation.shards import Record
from simulation.streams import Streams
from simulation.tables import Tables
from worker.aws.inventory import location_key
from worker.producer import pointer_body

MS_PER_HOUR = 3_600_000
START_MS = 20_000 * MS_PER_DAY + 36_000_000
POISON = (
    "{",
    "[]",
    '{"product_id": "P1"}',
    '{"event_id": "x", "product_id": "P1", "quantity": NaN, "date": "2024-01-01"}',
    '{"event_id": "x", "product_id": "P1", "quantity": 1e30, "date": "2024-01-01"}',
    '{"event_id": "x", "product_id": "P1", "quantity": 1, "date": "2999-01-01"}',
)

EventKey = tuple[ProductKey, bytes]
BAD = None


@dataclass(slots=True)
class Stock:
    """history: when (seconds) the level became what."""

    level: int
    history: list[tuple[float, int]] = field(default_factory=list)


class Shop:
    """events: what each id of a product was sent with, by payload digest. lines: what a body carries, BAD for a line
    that is no event; carried: the same of a stream's record, by its id. queued: what went by the queue, if only as
    well. booked: when the delivery of a shipment event was booked. table: that of the sales, if there is one."""

    def __init__(
        self,
        scenario: Scenario,
        network: Network,
        tables: Tables,
        queue: Partitions,
        buckets: Buckets,
        streams: Streams | None = None,
    ) -> None:
        self._scenario = scenario
        self._network = network
        self._loop = network.loop
        self._chance = Random(f"restock shop {scenario.seed}")
        self._moods = Random(f"restock supplier {scenario.seed}")
        self._tables = tables
        self._queue = queue
        self._buckets = buckets
        self._leapt_ms = 0
        self._made = 0
        self.products = [ProductKey(f"P{i + 1}", None if i % 3 else "north") for i in range(scenario.products)]
        self.stock: dict[ProductKey, Stock] = {}
        self.events: dict[EventKey, dict[bytes, Event]] = {}
        self.lines: dict[str, list[EventKey | None]] = {}
        self.carried: dict[str, list[EventKey | None]] = {}
        self.queued: set[EventKey | None] = set()
        self.booked: dict[EventKey, float] = {}
        self.ordered: set[str] = set()
        self.published_again = 0
        self.coming = 0
        self.table: SalesTable | None = None
        if streams is not None:
            table = tables[scenario.settings.stream_table]
            self.table = SalesTable(scenario, table, streams, self._carry, self._in, self._book)

    def now(self) -> int:
        """The true time, in milliseconds since the epoch."""
        return START_MS + self._leapt_ms + int(self._loop.time() * 1000)

    def open(self) -> None:
        """Stocks the shelves and schedules the whole load."""
        scenario, chance = self._scenario, self._chance
        for product in self.products:
            self._book(product, chance.choice((0, 20, 200)))
        for at, days in scenario.leaps:
            self._loop.call_at(at, self._leap, days * MS_PER_DAY)
        for at, hours in scenario.lapses:
            self._loop.call_at(at, self._leap, hours * MS_PER_HOUR)
        moments = [chance.random() * scenario.load_s for _ in range(scenario.messages)]
        rush = chance.random() * scenario.load_s
        for at in moments + [rush + chance.random() * 3 for _ in range(scenario.burst)]:
            self._loop.call_at(at, self._sell)

    def _leap(self, by_ms: int) -> None:
        self._leapt_ms += by_ms

    def _sell(self) -> None:
        chance = self._chance
        if chance.random() < self._scenario.poison:
            self._send([BAD], chance.choice(POISON), ProductKey("P1"))
            return
        product = self._any_product()
        events = [self._event(product) for _ in range(chance.choice((1, 1, 1, 3, 12)))]
        self._send_events(product, self._by_queue(events), with_bad_line=chance.random() < 0.1)
        if chance.random() < self._scenario.duplicates:
            part = chance.sample(events, chance.randint(1, len(events)))
            self._again(product, part)
        if chance.random() < self._scenario.duplicates / 10:
            self._in(chance.expovariate(1 / 60), self._reuse_id, product, events[0])

    def _by_queue(self, events: list[Event]) -> list[Event]:
        """What goes by the queue, after the table has taken what is its own."""
        return events if self.table is None else [event for event in events if not self.table.took(event)]

    def _carry(self, record: Record, events: list[Event | None]) -> None:
        self.carried[record.event_id] = [BAD if event is None else self._on_record(event) for event in events]

    def _any_product(self) -> ProductKey:
        return self.products[min(int(self._chance.paretovariate(0.8)), len(self.products)) - 1]

    def _event(self, product: ProductKey) -> Event:
        chance = self._chance
        self._made += 1
        event_id, now = f"e{self._made}", self.now()
        kind = chance.random()
        if kind < 0.04:
            return StockChanged(product, event_id, now, self.stock[product].level)
        if kind < 0.06:
            today = now // MS_PER_DAY
            return PromotionPlanned(product, event_id, now, today + 1, today + 1 + chance.randrange(5))
        days_ago = chance.choice((0, 0, 0, 0, 0, 1, 3, 20, 34, 36, 60))
        quantity = chance.randint(1, 6) if chance.random() < 0.9 else -chance.randint(1, 3)
        self._book(product, -quantity)
        sale = SaleRecorded(
            product, event_id, now - days_ago * MS_PER_DAY, quantity, quantity * chance.randint(1, 9_999)
        )
        return sale._replace(promotion=chance.random() < 0.1)

    def _reuse_id(self, product: ProductKey, event: Event) -> None:
        """A producer's mistake: another sale under an id that is taken."""
        if isinstance(event, SaleRecorded):
            price = event.revenue_minor // event.quantity
            other = event._replace(quantity=event.quantity + 7, revenue_minor=price * (event.quantity + 7))
            if not other.quantity:
                return
            self._send_events(product, [other])

    def _book(self, product: ProductKey, quantity: int) -> None:
        stock = self.stock.setdefault(product, Stock(0))
        stock.level += quantity
        stock.history.append((self._loop.time(), stock.level))
        table = self._tables["retail-inventory"]
        item = {
            "product_id": {"S": product.product_id},
            "location_id": {"S": location_key(product.location_id)},
            "current_stock": {"N": str(stock.level)},
            "updated_at": {"N": str(self.now())},
        }
        table.show(table.key_of(item), item)

    def _send_events(self, product: ProductKey, events: list[Event], with_bad_line: bool = False) -> None:
        if not events and not with_bad_line:
            return
        keys: list[EventKey | None] = [self._on_record(event) for event in events]
        self.queued.update(keys)
        rows: list[Any] = [_as_sent(event) for event in events]
        if with_bad_line:
            keys.append(BAD)
            rows.append({"quantity": "many"})
        self._send(keys, json.dumps(rows if len(rows) > 1 else rows[0]), product)

    def _on_record(self, event: Event) -> EventKey:
        key = (event.product, id_digest(event.event_id))
        self.events.setdefault(key, {})[payload_digest(event)] = event
        return key

    def _send(self, keys: list[EventKey | None], body: str, product: ProductKey) -> None:
        chance = self._chance
        if chance.random() < 0.05:
            name = f"body{len(self._buckets.objects)}"
            self._buckets.objects["retail-payloads", name] = body.encode()
            body = pointer_body("retail-payloads", name)
        self.lines[body] = keys
        self._queue.send(body, product.product_id)

    def supply(self, entry: Said) -> None:
        """A published entry arrives: deliver the order, once, in one or two shipments; now and then cancel it."""
        if entry["DetailType"] != "Reorder Required":
            return
        detail = json.loads(entry["Detail"])
        order_id = detail["reorder_id"]
        if order_id in self.ordered:
            self.published_again += 1
            return
        self.ordered.add(order_id)
        chance = self._chance
        product = ProductKey(detail["product_id"], detail.get("location_id"))
        quantity = detail["recommended_order_quantity"]
        self._talk(product, order_id, quantity)
        if chance.random() < 0.1:
            self._soon(self._cancel, product, order_id)
        elif quantity > 1 and chance.random() < 0.3:
            first = chance.randint(1, quantity - 1)
            self._soon(self._deliver, product, order_id, first, 1)
            self._in(self._some_time(), self._deliver, product, order_id, quantity - first, 2)
        else:
            self._soon(self._deliver, product, order_id, quantity, 1)

    def _talk(self, product: ProductKey, order_id: str, quantity: int) -> None:
        """What a supplier says beside what it does: it confirms, contradicts itself, ships more than it delivers, and
        in any order. What it has said must stand in the position, right or wrong."""
        moods, said = self._moods, []
        at = self.now()
        while moods.random() < 0.5:
            promised = moods.choice((quantity, quantity, max(1, quantity - 2), quantity + 3))
            said.append(
                OrderConfirmed(product, f"word:{order_id}:{len(said)}", at + moods.randint(-5, 5), order_id, promised)
            )
        if moods.random() < 0.3:
            said.append(OrderShipped(product, f"left:{order_id}", at, order_id, moods.randint(1, quantity)))
        for event in moods.sample(said, len(said)):
            self._later(moods.uniform(1, self._scenario.supplied_within_s), event)

    def _later(self, seconds: float, event: Event) -> None:
        self._in(seconds, self._send_events, event.product, [event])

    def _soon(self, action: Callable[..., None], *said: Any) -> None:
        self._in(self._chance.uniform(1, self._scenario.supplied_within_s), action, *said)

    def _in(self, seconds: float, action: Callable[..., None], *said: Any) -> None:
        """Does something later; until then it counts as coming."""
        self.coming += 1
        self._loop.call_later(seconds, self._now, action, *said)

    def _now(self, action: Callable[..., None], *said: Any) -> None:
        self.coming -= 1
        action(*said)

    def _deliver(self, product: ProductKey, order_id: str, quantity: int, part: int) -> None:
        self._book(product, quantity)
        event = ShipmentReceived(product, f"ship:{order_id}:{part}", self.now(), order_id, quantity)
        self.booked[product, id_digest(event.event_id)] = self._loop.time()
        self._tell(product, event)

    def _cancel(self, product: ProductKey, order_id: str) -> None:
        self._tell(product, ReorderCancelled(product, f"cancel:{order_id}", self.now(), order_id))

    def _tell(self, product: ProductKey, event: Event) -> None:
        self._send_events(product, [event])
        if self._chance.random() < self._scenario.duplicates:
            self._again(product, [event])

    def _again(self, product: ProductKey, events: list[Event]) -> None:
        """Sends events once more; where days go by, perhaps only when their ids may have been forgotten."""
        self._in(self._some_time(), self._send_events, product, events)

    def _some_time(self) -> float:
        if self._scenario.leaps and self._chance.random() < 0.5:
            return self._chance.random() * self._scenario.load_s
        return self._chance.expovariate(1 / 120)


def _as_sent(event: Event) -> Said:
    """The event as a producer writes it."""
    said: Said = {
        "event_id": event.event_id,
        "product_id": event.product.product_id,
        "location_id": event.product.location_id,
        "occurred_at": event.occurred_at,
    }
    match event:
        case SaleRecorded():
            cents = event.revenue_minor // event.quantity
            price = f"{cents // 100}.{cents % 100:02}"
            return {**said, "quantity": event.quantity, "unit_price": price, "promotion": event.promotion}
        case StockChanged():
            return {**said, "type": "stock_changed", "level": event.level}
        case PromotionPlanned():
            days = {"starts_on": _iso(event.starts_on), "ends_on": _iso(event.ends_on)}
            return {**said, "type": "promotion_planned", **days}
        case ShipmentReceived():
            shipped = {"reorder_id": event.reorder_id, "quantity": event.quantity}
            return {**said, "type": "shipment_received", **shipped}
        case OrderShipped():
            return {**said, "type": "order_shipped", "reorder_id": event.reorder_id, "quantity": event.quantity}
        case OrderConfirmed():
            return {**said, "type": "order_confirmed", "reorder_id": event.reorder_id, "quantity": event.quantity}
        case ReorderCancelled():
            return {**said, "type": "reorder_cancelled", "reorder_id": event.reorder_id}


def _iso(day: int) -> str:
    return str(date(1970, 1, 1) + timedelta(days=day))
