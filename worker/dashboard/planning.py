"""What may a planner say on the page, and what becomes of it?

The six kinds of a planner's message, checked like any message from outside and put on the queue of sales; the worker
does the rest, as if the planner's own system had sent it. The page names the message, so that one that is sent twice
counts once. Nothing here changes a state."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from domain.product import cycle_of, product_of
from handlers.announcements import iso_time
from handlers.errors import InvalidEvent
from worker.producer import Row
from worker.schema import read_event

KINDS: Mapping[str, tuple[str, ...]] = {
    "order_approved": ("reorder_id", "quantity", "by"),
    "order_rejected": ("reorder_id",),
    "order_closed": ("reorder_id",),
    "product_frozen": ("until_on", "by"),
    "product_unfrozen": (),
    "quantity_overridden": ("quantity", "until_on", "by"),
}
NAME_CHARS = 32
REMEMBERED_MAX = 1_000

Send = Callable[[Sequence[Row]], Awaitable[None]]


class Planning:
    """send puts rows on the queue; now is the time in ms."""

    def __init__(self, send: Send, now: Callable[[], int]) -> None:
        self._send = send
        self._now = now
        self._sent: OrderedDict[str, dict[str, Any]] = OrderedDict()

    async def say(self, said: Any) -> str:
        """Sends a planner's message and returns its id. InvalidEvent if it is none; TransientFailure if the queue did
        not take it, and then it may be sent again."""
        row = message_of(said, self._now())
        event_id = str(row["event_id"])
        # Sent again it must be the same to the millisecond, or it would be another message under one id.
        row = self._sent.setdefault(event_id, row)
        while len(self._sent) > REMEMBERED_MAX:
            self._sent.popitem(last=False)
        await self._send([row])
        return event_id


def message_of(said: Any, now: int) -> dict[str, Any]:
    """The message as the queue carries it. said: type, product (a label), name (the page's own for this message) and
    the fields of the type."""
    if not isinstance(said, Mapping):
        raise InvalidEvent(f"not an object but {type(said).__name__}")
    kind, label, name = said.get("type"), said.get("product"), said.get("name")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InvalidEvent(f"type: none of {', '.join(KINDS)}")
    if not isinstance(label, str) or not label:
        raise InvalidEvent("product: a text, as the page names it")
    if not isinstance(name, str) or len(name) != NAME_CHARS or not name.isascii() or not name.isalnum():
        raise InvalidEvent(f"name: {NAME_CHARS} letters and digits")
    product = product_of(label)
    fields: dict[str, Any] = {field: said[field] for field in KINDS[kind] if said.get(field) not in (None, "")}
    if "reorder_id" in KINDS[kind] and cycle_of(product, str(fields.get("reorder_id"))) is None:
        raise InvalidEvent("reorder_id: that of no order of this product")
    fields |= {key: value for key, value in product._asdict().items() if value is not None}
    fields |= {"type": kind, "event_id": f"planner:{name}", "occurred_at": iso_time(now)}
    read_event(fields, None, str(fields["event_id"]), now)
    return fields
