"""Is this what a supplier may say, and what event is it?

Only the four kinds that are a supplier's: a planner's word, or a sale, does not come by this way. The product need not
be named: an order's id says whose it is. A message without an id of its own gets one from what it says, so that the
same file or request sent again counts once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from pydantic_core import to_json

from domain.product import product_of, reorder_id
from handlers.errors import InvalidEvent
from worker.producer import Row
from worker.schema import read_event

KINDS = ("order_confirmed", "order_shipped", "shipment_received", "reorder_cancelled")
FIELDS = ("type", "reorder_id", "product_id", "location_id", "event_id", "occurred_at", "quantity", "due_on")
SAID = {
    "confirmed": "order_confirmed",
    "shipped": "order_shipped",
    "received": "shipment_received",
    "delivered": "shipment_received",
    "cancelled": "reorder_cancelled",
    "canceled": "reorder_cancelled",
}
MESSAGES_MAX = 10_000


class Refused(NamedTuple):
    """A message that is none, by its place from 1."""

    number: int
    reason: str


class Read(NamedTuple):
    rows: list[Row]
    refused: list[Refused]


def read_messages(said: Iterable[Any], now: int) -> Read:
    """The rows to put on the queue, and what is wrong with the others. now (ms): times must not lie beyond it."""
    read = Read([], [])
    for number, each in enumerate(said, start=1):
        try:
            if number > MESSAGES_MAX:
                raise InvalidEvent(f"more than {MESSAGES_MAX} messages at once")
            read.rows.append(row_of(each, now))
        except InvalidEvent as exc:
            read.refused.append(Refused(number, exc.reason))
            if number > MESSAGES_MAX:
                break
    return read


def row_of(said: Any, now: int) -> Row:
    """One message as the queue carries it; InvalidEvent with the field and the reason."""
    if not isinstance(said, Mapping):
        raise InvalidEvent(f"not an object but {type(said).__name__}")
    fields = {name: said[name] for name in FIELDS if said.get(name) not in (None, "")}
    unknown = sorted(set(map(str, said)) - set(FIELDS) - {"status"})
    if unknown:
        raise InvalidEvent(f"{unknown[0]}: no field of a supplier's message")
    told = str(fields.get("type", said.get("status", ""))).strip().lower()
    fields["type"] = SAID.get(told, told)
    if fields["type"] not in KINDS:
        raise InvalidEvent(f"type: {told[:60]!r} is none of {', '.join((*KINDS, *sorted(SAID)))}")
    order_id = fields.get("reorder_id")
    if not isinstance(order_id, str):
        raise InvalidEvent("reorder_id: a text, as Reorder Required named it")
    fields |= _product_of(order_id, fields)
    fields.setdefault("event_id", _id_of(fields))
    read_event(fields, None, str(fields["event_id"]), now)
    return fields


def _product_of(order_id: str, fields: Mapping[str, Any]) -> dict[str, str]:
    """Whose order it is. InvalidEvent if the message names another product, or the id is none of ours."""
    label, _, cycle = order_id.rpartition(":")
    if not label or not (cycle.isascii() and cycle.isdigit()):
        raise InvalidEvent("reorder_id: none that Reorder Required named")
    product = product_of(label)
    if reorder_id(product, int(cycle)) != order_id:
        raise InvalidEvent("reorder_id: none that Reorder Required named")
    ours = {name: value for name, value in product._asdict().items() if value is not None}
    named = {name: str(fields[name]) for name in ("product_id", "location_id") if name in fields}
    if any(ours.get(name) != value for name, value in named.items()):
        raise InvalidEvent("product_id or location_id: not that of the order")
    return ours


def _id_of(fields: Mapping[str, Any]) -> str:
    said = {name: str(fields[name]) for name in sorted(fields)}
    for name, text in said.items():
        if not text.isascii() and not _is_unicode(text):
            raise InvalidEvent(f"{name}: half a surrogate pair, which is no text")
    return f"supplier:{blake2b(to_json(said), digest_size=16).hexdigest()}"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
