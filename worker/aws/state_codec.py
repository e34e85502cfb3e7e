"""How is a product's state laid out in restock-state?

pk `P#<product>`, sk `H`: the header, one item of about a kilobyte. sk `E#<number>`: a closed segment of event ids.
sk `O#<cycle>`: an order as it was decided. Outbox entries lie under pk `X#<shard>`. Integers stay integers; the body
is JSON, packed by zlib, which halves it: a header is billed by the kilobyte. A newer schema than ours is refused, never
guessed at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from zlib import compress, crc32, decompress

from pydantic_core import from_json, to_json

from domain.buckets import KEPT_DAYS, NO_DAYS, SLOTS, Days, OpenDays, sums_of
from domain.events import ProductKey, ReorderRequired
from domain.ledger import Ledger, Segment
from domain.product import (
    ForecastNote,
    Interval,
    ProductState,
    StockLevel,
    product_label,
    product_of,
)
from domain.ruling import DecisionRecord
from handlers.ports import OutboxEntry
from worker.aws.dynamodb import Item, number, text
from worker.aws.order_codec import decision_text, is_plain, order_from, order_row, plan_from, plan_rows
from worker.aws.watch_codec import watch_from, watch_row

SCHEMA = 2
PLAIN_SCHEMA = 1  # of a state that an older worker understands as well: a deployment need not wait for it
SHARDS = 4
HEADER = "H"


class NewerSchema(Exception):
    """A newer worker wrote this state: leave it alone."""


def shard_of(name: str) -> str:
    """Spreads what has no natural partition over a few."""
    return str(crc32(name.encode()) % SHARDS)


def header_key(product: ProductKey) -> Item:
    return {"pk": text(f"P#{product_label(product)}"), "sk": text(HEADER)}


def product_in(item: Item) -> ProductKey:
    """The product that an item stands beside."""
    return product_of(item["pk"]["S"].removeprefix("P#"))


def segment_sk(number_: int) -> str:
    return f"E#{number_:012d}"


def encode_header(state: ProductState, token: str) -> Item:
    """The header item. token names this very commit, to tell after a timeout whether it took effect."""
    ledger, label = state.ledger, product_label(state.key)
    item: Item = {
        "pk": {"S": f"P#{label}"},
        "sk": {"S": HEADER},
        "schema": {"N": str(PLAIN_SCHEMA if is_plain(state) else SCHEMA)},
        "version": {"N": str(state.version)},
        "token": {"S": token},
        "sales": {"N": str(state.sales)},
        "units": {"N": str(state.units)},
        "cycle": {"N": str(state.cycle)},
        "decisions": {"N": str(state.decisions)},
        "dirty": {"N": str(state.dirty)},
        "body": {"B": compress(_body(state), 1)},
        "first_segment": {"N": str(ledger.first)},
        "next_segment": {"N": str(ledger.next_number)},
        "tail_newest_day": {"N": str(ledger.tail_newest_day)},
    }
    if ledger.tail:
        item["tail"] = {"B": ledger.tail}
    if state.dirty:
        item["dirty_since"] = {"N": str(state.dirty_since)}
    return item


def _body(state: ProductState) -> bytes:
    body: dict[str, Any] = {"newest_day": state.newest_day}
    if state.newest_day is not None:
        # Days count back from the newest; zeros at the end of a row are left out.
        body["days"] = _rows(state.buckets)
    optional = (
        ("category", state.category),
        ("stock", state.stock),
        ("orders", [order_row(order) for order in state.open_orders] or None),
        ("promotions", state.promotions),
        ("received_at", state.received_at or None),
        ("forecast", state.forecast),
        ("intervals", state.intervals),
        ("band", state.band),
        ("insight_on", state.insight_on),
        ("watch", watch_row(state.watch, state.forecast) if state.watch is not None else None),
    )
    body |= {name: value for name, value in optional if value is not None and value != ()}
    return to_json(body | plan_rows(state))


def _rows(days: Days) -> list[list[int]]:
    """A row a day that came to anything, the oldest first: days before the newest, then the parts of its bucket, zeros
    at the end left out."""
    newest, main = days.newest, sums_of(days.main).tolist()
    sold, revenue = main[:SLOTS], main[SLOTS:]
    active = {slot for column in (sold, revenue) for slot, part in enumerate(column) if part}
    if days.rare is None:
        rows = [[(newest - slot) % SLOTS, sold[slot], revenue[slot]] for slot in active]
    else:
        rare = sums_of(days.rare).tolist()
        back, refunded, promoted = rare[:SLOTS], rare[SLOTS : 2 * SLOTS], rare[2 * SLOTS :]
        active |= {slot for column in (back, refunded, promoted) for slot, part in enumerate(column) if part}
        rows = [
            [(newest - slot) % SLOTS, sold[slot], revenue[slot], back[slot], refunded[slot], promoted[slot]]
            for slot in active
        ]
    for row in rows:
        while row[-1] == 0:
            row.pop()
    rows.sort(reverse=True)
    return rows


def decode_header(product: ProductKey, item: Item, segments: tuple[Segment, ...] = ()) -> ProductState:
    """The state of a header; its segments must be all that the header says are alive."""
    schema = int(item["schema"]["N"])
    if schema > SCHEMA:
        raise NewerSchema(
            f"product {product_label(product)} was written with schema {schema}, this worker knows {SCHEMA}: "
            "deploy the newer version again"
        )
    body = body_of(item)
    newest = body["newest_day"]
    note = _forecast(body["forecast"]) if "forecast" in body else None
    return ProductState(
        key=product,
        version=int(item["version"]["N"]),
        buckets=_days(newest, body.get("days", ())) if newest is not None else NO_DAYS,
        newest_day=newest,
        sales=int(item["sales"]["N"]),
        units=int(item["units"]["N"]),
        dirty=int(item["dirty"]["N"]),
        dirty_since=int(item["dirty_since"]["N"]) if "dirty_since" in item else 0,
        ledger=Ledger(
            tail=item["tail"]["B"] if "tail" in item else b"",
            tail_newest_day=int(item["tail_newest_day"]["N"]),
            first=int(item["first_segment"]["N"]),
            next_number=int(item["next_segment"]["N"]),
            segments=segments,
        ),
        category=body.get("category"),
        stock=StockLevel(*body["stock"]) if "stock" in body else None,
        cycle=int(item["cycle"]["N"]),
        open_orders=tuple(order_from(row) for row in body.get("orders", ())),
        decisions=int(item["decisions"]["N"]),
        received_at=body.get("received_at", 0),
        promotions=tuple((first, last) for first, last in body.get("promotions", ())),
        forecast=note,
        intervals=tuple(Interval(*held) for held in body.get("intervals", ())),
        band=body.get("band"),
        insight_on=body.get("insight_on"),
        watch=watch_from(body["watch"], note) if "watch" in body else None,
        **plan_from(body),
    )


def body_of(item: Item) -> dict[str, Any]:
    """What a header says beside its counters."""
    said: dict[str, Any] = from_json(decompress(item["body"]["B"]))
    return said


def _days(newest: int, rows: Sequence[list[int]]) -> Days:
    draft = OpenDays(NO_DAYS)
    draft.advance(newest)
    main = draft.main
    for row in rows:
        age, slot = row[0], (newest - row[0]) % SLOTS
        if age > KEPT_DAYS:
            continue
        if len(row) > 3:
            draft.put(slot, [*row[1:], 0, 0][:5])
        else:
            main[slot] = row[1]
            if len(row) == 3:
                main[SLOTS + slot] = row[2]
    return draft.closed()


def _forecast(said: list[Any]) -> ForecastNote:
    as_of, inputs, source, totals = said
    return ForecastNote(as_of, inputs, source, tuple((days, mean, spread) for days, mean, spread in totals))


def encode_segment(product: ProductKey, segment: Segment) -> Item:
    return {
        "pk": text(f"P#{product_label(product)}"),
        "sk": text(segment_sk(segment.number)),
        "entries": {"B": segment.entries},
        "newest_day": number(segment.newest_day),
        "written_on": number(segment.written_on),
    }


def decode_segment(item: Item) -> Segment:
    return Segment(
        int(item["sk"]["S"].removeprefix("E#")),
        item["entries"]["B"],
        int(item["newest_day"]["N"]),
        int(item["written_on"]["N"]),
    )


def encode_order(order: ReorderRequired, cycle: int, record: DecisionRecord | None) -> Item:
    item = {
        "pk": text(f"P#{product_label(order.product)}"),
        "sk": text(f"O#{cycle:010d}"),
        "reorder_id": text(order.reorder_id),
        "quantity": number(order.recommended_order_quantity),
        "decided_at": number(order.decided_at),
        "inputs": text(json.dumps(order[3:], ensure_ascii=False)),
    }
    return item if record is None else {**item, "decision": text(decision_text(record))}


def outbox_key(entry_id: str) -> Item:
    return {"pk": text(f"X#{shard_of(entry_id)}"), "sk": text(entry_id)}


def encode_outbox(entry: OutboxEntry) -> Item:
    return {
        **outbox_key(entry.entry_id),
        "detail_type": text(entry.detail_type),
        "detail": text(entry.detail),
        "created_at": number(entry.created_at),
    }


def decode_outbox(item: Item) -> OutboxEntry:
    return OutboxEntry(item["sk"]["S"], item["detail_type"]["S"], item["detail"]["S"], int(item["created_at"]["N"]))
