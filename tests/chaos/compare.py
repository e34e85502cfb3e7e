"""Is what was kept exactly what was sent?

The server's tables are read directly and held against the twin; each difference becomes one sentence."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import decompress

from chaos.sales import Line
from chaos.shop import OPENING_STOCK, Shop
from chaos.twin import Counted, reused_ids, twin_of

ROW = 5  # sold, revenue, returned, refunded, promoted
NAMES = ("units sold", "revenue", "units returned", "refunds", "units promoted")
MARK = re.compile(r"[a-z]+-\d{6}-[ab]")
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """The state table, taken apart by what its items are."""

    headers: dict[str, Item]
    orders: dict[str, Item]
    outbox: list[Item]
    quarantine: list[Item]
    late: list[Item]

    @property
    def dirty(self) -> int:
        return sum(int(header["dirty"]["N"]) > 0 for header in self.headers.values())


async def read_kept(dynamodb: Any, table: str) -> Kept:
    kept = Kept({}, {}, [], [], [])
    async for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for item in page["Items"]:
            kind, _, rest = item["pk"]["S"].partition("#")
            sort = item["sk"]["S"]
            if kind == "P" and sort == "H":
                kept.headers[rest] = item
            elif kind == "P" and sort.startswith("O#"):
                kept.orders[f"{rest}:{int(sort.removeprefix('O#'))}"] = item
            elif kind in ("X", "Q", "L"):
                {"X": kept.outbox, "Q": kept.quarantine, "L": kept.late}[kind].append(item)
    return kept


def findings(kept: Kept, shop: Shop, redriven: int) -> list[str]:
    """Everything that is not as it must be. redriven: dead letters that were sent again, under new message ids."""
    aside = Counter(mark for item in kept.quarantine for mark in set(MARK.findall(item["body"]["S"])))
    return [
        *_quarantine(shop.lines, aside, len(kept.quarantine), redriven),
        *_counts(kept.headers, twin_of(shop.lines, aside.keys())),
        *(f"late although nothing is: {item['pk']['S']} {item['sale']['S']}" for item in kept.late),
        *_orders(kept, shop),
    ]


def _quarantine(lines: Sequence[Line], aside: Counter[str], items: int, redriven: int) -> Iterator[str]:
    pairs = reused_ids(lines)
    poison = {line.mark for line in lines if line.kind == "poison"}
    rivals = {mark for pair in pairs for mark in pair}
    for mark in sorted(poison - aside.keys()):
        yield f"poison line {mark} is not in quarantine"
    for mark in sorted(aside.keys() - poison - rivals):
        yield f"the good line {mark} is in quarantine"
    for pair in pairs:
        found = [mark for mark in pair if mark in aside]
        if len(found) != 1:
            yield f"of the two sales under one id, {pair[0]} and {pair[1]}, {len(found)} are in quarantine, not 1"
    if sum(aside.values()) != items:
        yield f"{items} lines in quarantine carry {sum(aside.values())} marks"
    for mark, times in aside.items():
        if times > 1 and not redriven:
            yield f"line {mark} is {times} times in quarantine"


def _counts(headers: dict[str, Item], twin: dict[str, Counted]) -> Iterator[str]:
    for label in sorted(headers.keys() | twin.keys()):
        must, header = twin.get(label, Counted()), headers.get(label)
        if header is None:
            yield f"{label}: no state, {must.sales} sales were sent"
            continue
        for name, sent in (("sales", must.sales), ("units", must.units)):
            counted = int(header[name]["N"])
            if counted != sent:
                yield f"{label}: {_wrong(name, counted, sent)}"
        yield from _days(label, json.loads(decompress(header["body"]["B"])), must)


def _days(label: str, body: dict[str, Any], must: Counted) -> Iterator[str]:
    rows = {body["newest_day"] - age: [*values, *[0] * (ROW - len(values))] for age, *values in body.get("days", [])}
    empty = [0] * ROW
    for day in sorted(rows.keys() | must.days.keys()):
        for name, counted, sent in zip(NAMES, rows.get(day, empty), must.days.get(day, empty), strict=True):
            if counted != sent:
                yield f"{label} on day {day}: {_wrong(name, counted, sent)}"


def _wrong(name: str, counted: int, sent: int) -> str:
    verdict = f"{sent - counted} lost" if abs(counted) < abs(sent) else f"{counted - sent} counted too much"
    return f"{counted} {name} counted, {sent} sent: {verdict}"


def _orders(kept: Kept, shop: Shop) -> Iterator[str]:
    first: dict[str, dict[str, Any]] = {}
    for detail in shop.published:
        if first.setdefault(detail["reorder_id"], detail) != detail:
            yield f"order {detail['reorder_id']} was published with two contents"
    for order_id in sorted(kept.orders.keys() - first.keys()):
        yield f"order {order_id} was committed and never published"
    for order_id in sorted(first.keys() - kept.orders.keys()):
        yield f"order {order_id} was published and never committed"
    named = Counter(item["reorder_id"]["S"] for item in kept.orders.values())
    yield from (f"order id {order_id} belongs to {times} orders" for order_id, times in named.items() if times > 1)
    for order_id in sorted(kept.orders.keys() & first.keys()):
        quantity = int(kept.orders[order_id]["quantity"]["N"])
        if kept.orders[order_id]["reorder_id"]["S"] != order_id:
            yield f"the order of {order_id} bears the id {kept.orders[order_id]['reorder_id']['S']}"
        if quantity != first[order_id]["recommended_order_quantity"]:
            yield f"order {order_id} of {quantity} was published as {first[order_id]['recommended_order_quantity']}"
    for label, header in sorted(kept.headers.items()):
        yield from _cycles(label, header, kept.orders, first)
        yield from _needs(label, shop, kept.orders, first)


def _cycles(label: str, header: Item, orders: dict[str, Item], first: dict[str, dict[str, Any]]) -> Iterator[str]:
    cycles = sorted(_cycle(order_id) for order_id in orders if order_id.rpartition(":")[0] == label)
    if cycles != list(range(1, int(header["cycle"]["N"]) + 1)):
        yield f"{label} has had {header['cycle']['N']} cycles and holds the orders of {cycles}"
    for cycle, quantity, received, *_ in json.loads(decompress(header["body"]["B"])).get("orders", ()):
        if f"{label}:{cycle}" in first:
            yield f"order {label}:{cycle} is open with {received} of {quantity} received, and all was delivered"


def _needs(label: str, shop: Shop, orders: dict[str, Item], first: dict[str, dict[str, Any]]) -> Iterator[str]:
    """No second order for one need: what was on its way counted when the next one was decided."""
    quantities = {_cycle(i): int(item["quantity"]["N"]) for i, item in orders.items() if i.rpartition(":")[0] == label}
    mine = [detail for order_id, detail in first.items() if order_id.rpartition(":")[0] == label]
    for detail in sorted(mine, key=lambda each: _cycle(each["reorder_id"])):
        cycle = _cycle(detail["reorder_id"])
        ordered = sum(quantity for earlier, quantity in quantities.items() if earlier < cycle)
        decided_at = datetime.fromisoformat(detail["decided_at"]).timestamp() * 1000
        told = sum(d.quantity for d in shop.delivered if d.product == label and d.sent_at <= decided_at + 1)
        on_order, order_id = detail["on_order"], detail["reorder_id"]
        if not ordered - told <= on_order <= ordered:
            yield f"order {order_id}: {on_order} on order, between {ordered - told} and {ordered} were"
        if detail["inventory_position"] != detail["current_stock"] + on_order:
            yield f"order {order_id}: its inventory position is not the stock and what is on order"
        if detail["inventory_position"] > detail["reorder_point"]:
            yield f"order {order_id} was placed above its reorder point"
    returned = -sum(
        line.fields["quantity"]
        for line in shop.lines
        if line.product == label and line.kind == "sale" and not line.repeated and line.fields["quantity"] < 0
    )
    most = max([OPENING_STOCK, *(d["inventory_position"] + d["recommended_order_quantity"] for d in mine)]) + returned
    if shop.stock[label] > most:
        yield f"{label}: {shop.stock[label]} in stock at the end, no decision aimed above {most}"


def _cycle(order_id: str) -> int:
    return int(order_id.rpartition(":")[2])
