"""Is anything wrong at this instant, and is everything right in the end?

Safety is judged at the instant the table decides a write, the queue a deletion, the bus an entry: what is counted, is
it counted once; what is deleted, is it counted or kept aside; what is ordered, is it needed and not on order. The
judge keeps its own twin from what the shop has on record, in plain dictionaries; it shares no fold with the worker."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence, Set
from typing import Any
from zlib import decompress

from domain.events import MS_PER_DAY, ProductKey
from domain.orders import OpenOrder
from domain.product import product_label, product_of
from simulation.expressions import Item
from simulation.network import Said
from simulation.queues import Message, Queue
from simulation.shards import Record
from simulation.shop import BAD, EventKey, Shop
from simulation.tables import Key, Table, Write
from simulation.twin import Order, Twin

STATE = "restock-state"
ENTRY_BYTES, ID_BYTES = 20, 16
HORIZON_DAYS, KEPT_DAYS = 35, 91


class Violation(AssertionError):
    """A guarantee was broken."""


class Judge:
    """Told of every write, deletion and publication by the simulated services."""

    def __init__(self, shop: Shop, state: Table, queues: Sequence[Queue], messages_in_flight: int) -> None:
        self._shop = shop
        self._state = state
        self._queues = queues
        self._messages_in_flight = messages_in_flight
        self.twins: dict[ProductKey, Twin] = {}
        self.orders: dict[str, Said] = {}
        self.published: set[str] = set()
        self.late: set[EventKey] = set()
        self.quarantined: set[str] = set()

    def decided(self, writes: list[Write]) -> None:
        """One atomic set of writes."""
        by_product: dict[str, list[tuple[Key, Item | None]]] = {}
        for table, key, item in writes:
            if table != STATE:
                continue
            if key[0].startswith("P#"):
                by_product.setdefault(key[0], []).append((key, item))
            elif key[0].startswith("L#") and item is not None:
                self._late(product_of(key[0][2:]), bytes.fromhex(key[1]))
            elif key[0].startswith("Q#") and item is not None:
                self.quarantined.add(key[1])
        created = {key[1] for table, key, item in writes if key[0].startswith("X#") and item is not None}
        for pk, rows in by_product.items():
            self._committed(product_of(pk[2:]), {key[1]: item for key, item in rows}, created)

    def _committed(self, product: ProductKey, rows: dict[str, Item | None], created: set[str]) -> None:
        twin = self.twins.setdefault(product, Twin())
        header = rows.get("H")
        if header is None:
            raise Violation(f"{product} was written without its header")
        self._expect(int(header["version"]["N"]), twin.version + 1, f"version of {product}")
        twin.version += 1
        written = [item for sk, item in sorted(rows.items()) if sk.startswith("E#") and item is not None]
        self._count(product, twin, [*written, header])
        self._agree(product, twin, header)
        orders = [item for sk, item in rows.items() if sk.startswith("O#") and item is not None]
        self._expect(int(header["cycle"]["N"]), twin.cycle + len(orders), f"cycle of {product}")
        for order in orders:
            self._ordered(product, twin, order, created)
        body = json.loads(decompress(header["body"]["B"]))
        on_order = {row[0]: _outstanding(row) for row in body.get("orders", [])}
        self._expect(on_order, twin.outstanding, f"orders of {product}")

    def _count(self, product: ProductKey, twin: Twin, items: Iterable[Item]) -> None:
        """Takes over what this commit says it has counted."""
        entries = b"".join(item.get("entries", item.get("tail", {"B": b""}))["B"] for item in items)
        digests = [entries[at : at + ENTRY_BYTES] for at in range(0, len(entries), ENTRY_BYTES)]
        if len({entry[:ID_BYTES] for entry in digests}) < len(digests):
            raise Violation(f"an id stands twice in one commit of {product}")
        for entry in digests:
            digest, payload = entry[:ID_BYTES], entry[ID_BYTES:]
            if digest not in twin.counted:
                twin.counted[digest] = payload
                self._apply(twin, product, digest, payload)

    def _apply(self, twin: Twin, product: ProductKey, digest: bytes, payload: bytes) -> None:
        event = self._shop.events.get((product, digest), {}).get(payload)
        if event is None:
            raise Violation(f"{product} counted an event that was never sent")
        twin.count(event, self._shop.booked.get((product, digest), 0.0))

    def _agree(self, product: ProductKey, twin: Twin, header: Item) -> None:
        self._expect(int(header["sales"]["N"]), twin.sales, f"sales of {product}")
        self._expect(int(header["units"]["N"]), twin.units, f"units of {product}")
        body = json.loads(decompress(header["body"]["B"]))
        self._expect(body["newest_day"], twin.newest_day, f"newest day of {product}")
        if twin.newest_day is None:
            return
        oldest = twin.newest_day - KEPT_DAYS
        said = {twin.newest_day - age: row + [0] * (5 - len(row)) for age, *row in body["days"]}
        self._expect(
            {day: row for day, row in said.items() if any(row)},
            {day: row for day, row in twin.days.items() if day >= oldest and any(row)},
            f"buckets of {product}",
        )

    def _ordered(self, product: ProductKey, twin: Twin, item: Item, created: set[str]) -> None:
        twin.cycle += 1
        order = _order_of(item)
        order_id = item["reorder_id"]["S"]
        if order_id in self.orders:
            raise Violation(f"order {order_id} was committed twice")
        if order_id not in created:
            raise Violation(f"order {order_id} has no outbox entry")
        outstanding = sum(twin.outstanding.values())
        self._expect(order["on_order"], outstanding, f"units on order behind {order_id}")
        position = order["current_stock"] + outstanding
        self._expect(order["inventory_position"], position, f"position behind {order_id}")
        if position > order["reorder_point"]:
            raise Violation(f"{order_id} was not needed: {order}")
        if order["current_stock"] not in self._levels_since(product, twin.receipt_booked_at):
            raise Violation(f"{order_id} was decided on a stock from before the last counted delivery: {order}")
        twin.orders[twin.cycle] = Order(order["recommended_order_quantity"])
        self.orders[order_id] = order

    def _levels_since(self, product: ProductKey, booked_at: float) -> set[int]:
        history = self._shop.stock[product].history
        first = max(i for i, (at, _) in enumerate(history) if at <= booked_at)
        return {level for _, level in history[first:]}

    def _late(self, product: ProductKey, digest: bytes) -> None:
        newest = self.twins.get(product, Twin()).newest_day
        days = [e.occurred_at // MS_PER_DAY for e in self._shop.events[product, digest].values()]
        if newest is None or min(days) >= newest - HORIZON_DAYS:
            raise Violation(f"a sale of {product} was set aside as late, and is not")
        self.late.add((product, digest))

    def deleting(self, message: Message) -> None:
        """A message goes for good: each of its lines must be counted or kept aside."""
        index = self._first_lost(message.message_id, self._shop.lines[message.body])
        if index is not None:
            raise Violation(f"message {message.message_id} was deleted, and its line {index} is nowhere")

    def settled(self, record: Record) -> bool:
        """Whether what a stream's record means is counted or kept aside."""
        return self._first_lost(record.event_id, self._shop.carried[record.event_id]) is None

    def _first_lost(self, message_id: str, lines: list[EventKey | None]) -> int | None:
        for index, key in enumerate(lines):
            line_id = message_id if len(lines) == 1 else f"{message_id}-{index}"
            if line_id in self.quarantined:
                continue
            if key is BAD or not (self._is_counted(key) or key in self.late):
                return index
        return None

    def _is_counted(self, key: EventKey) -> bool:
        """A product whose id was reused may have been counted with either payload; the other is quarantined."""
        twin = self.twins.get(key[0])
        return twin is not None and key[1] in twin.counted

    def delivered(self, holder: str) -> None:
        """A worker holds one more message; asked only where no answer is lost and no deletion fails."""
        held = sum(queue.held_by(holder) for queue in self._queues)
        if held > self._messages_in_flight:
            raise Violation(f"{holder} holds {held} messages and may hold {self._messages_in_flight}")

    def publishing(self, entry: Said) -> None:
        if entry["DetailType"] == "Reorder Required":
            order_id = json.loads(entry["Detail"])["reorder_id"]
            if order_id not in self.orders:
                raise Violation(f"{order_id} was published, and never committed")
            self.published.add(order_id)

    def converged(self, may_be_late: bool, excused: Set[EventKey] = frozenset()) -> None:
        """After healing, with nothing left to do. Where days went by while messages waited, what was late once may
        have been counted before its copy was: only then. excused: what only a stream carried, and was trimmed."""
        for key, versions in self._shop.events.items():
            if not self._is_counted(key) and key not in self.late and key not in excused:
                raise Violation(f"lost: {next(iter(versions.values()))}")
        both = {key for key in self.late if self._is_counted(key)}
        if both and not may_be_late:
            raise Violation(f"counted, and set aside as late: {both}")
        self._expect(self.published, set(self.orders), "orders that were published")
        for product, twin in self.twins.items():
            header = self._state.items[f"P#{product_label(product)}", "H"]
            self._agree(product, twin, header)
            self._expect(int(header["dirty"]["N"]), 0, f"undecided changes of {product}")

    def _expect(self, said: Any, wanted: Any, what: str) -> None:
        if said != wanted:
            raise Violation(f"{what}: {said}, and should be {wanted}")


def _outstanding(row: list[Any]) -> int:
    """Units on order by a row of a header: the newest word or what was shipped, whichever is more, less what came."""
    said = dict(zip(OpenOrder._fields, row, strict=False))
    promised = said["quantity"] if said.get("word") is None else said["word"][1]
    return max(0, max(promised, said.get("shipped", 0)) - said["received"])


def _order_of(item: Item) -> Said:
    names = (
        "as_of",
        "current_stock",
        "on_order",
        "inventory_position",
        "reorder_point",
        "optimal_inventory",
        "recommended_order_quantity",
    )
    return dict(zip(names, json.loads(item["inputs"]["S"]), strict=False))
