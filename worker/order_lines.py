"""Which lines may be events in an object that somebody sent?

An order with lines is one candidate a line: what the order says holds for each line that does not say otherwise.
Anything else is one candidate itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from domain.events import Event
from handlers.errors import InvalidEvent

LINES_MAX = 20_000
ORDER_CELLS_MAX = 500_000  # lines times what the order says for each of them
LINE_FIELDS = ("lines", "items", "line_items")


class Line(NamedTuple):
    """A candidate for an event: its fields, its kind if the wrapping told, an id if the wrapping has one. broken says
    why it is none; event is what it was read as already. In either case fields are what to show of it. told_at (ms) is
    when it was written, if that is known: what its time is held against."""

    fields: Any
    kind: str | None = None
    event_id: str | None = None
    broken: str | None = None
    event: Event | None = None
    told_at: int | None = None


def order_lines(
    said: Mapping[str, Any], kind: str | None, event_id: str | None, told_at: int | None = None
) -> Iterator[Line]:
    """The lines of an order, or the object itself. A line without an id gets the order's (or else event_id) and its
    place; InvalidEvent if a small order would become large in memory."""
    # An order without lines is read as a single sale: an empty list must not make a sale vanish.
    field = next((name for name in LINE_FIELDS if said.get(name) and isinstance(said[name], list)), None)
    if field is None:
        yield Line(said, kind, event_id, told_at=told_at)
        return
    order = {name: value for name, value in said.items() if name != field}
    if len(said[field]) * (1 + len(order)) > ORDER_CELLS_MAX:
        raise InvalidEvent(f"an order of {len(said[field])} lines and {len(order)} fields is too large for one message")
    order_id = order.pop("event_id", None) or order.pop("order_id", None) or event_id
    for index, line in enumerate(said[field]):
        fields = {**order, **line} if isinstance(line, dict) else line
        yield Line(fields, kind, f"{order_id}-{index}" if order_id is not None else None, told_at=told_at)
