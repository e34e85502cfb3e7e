"""Which events does a message carry?

A body may be one event, an order with several lines, or a JSON array of either, bare or wrapped by SNS, EventBridge,
Pipes or a DynamoDB stream image. What cannot be read becomes a Rejected line with the reason and the line as it came;
the other lines of the same message go on. Decoding never raises for what a sender wrote, and a small message never
becomes large in memory: one with too many lines is rejected whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from domain.events import Event
from handlers.errors import InvalidEvent
from worker.dynamodb_json import plain
from worker.json_text import Broken, parse
from worker.schema import read_event

DEPTH_MAX = 6
LINES_MAX = 20_000
ORDER_CELLS_MAX = 500_000  # lines times what the order says for each of them
LINE_FIELDS = ("lines", "items", "line_items")


class Decoded(NamedTuple):
    """An event, the id of its line in the message, and the line as it came."""

    event: Event
    line_id: str
    line: Any


class Rejected(NamedTuple):
    """A line that is no event.."""

    reason: str
    line_id: str
    line: Any


class _Line(NamedTuple):
    """A candidate for an event: its fields, its kind if the wrapping told, an id if the wrapping has one. broken says
    why it could not be unwrapped."""

    fields: Any
    kind: str | None = None
    event_id: str | None = None
    broken: str | None = None


def decode(body: str, message_id: str, now: int) -> tuple[list[Decoded], list[Rejected]]:
    """Reads every line of a message body. now (ms) is what event times are held against."""
    events: list[Decoded] = []
    rejected: list[Rejected] = []
    try:
        lines = list(islice(_lines(parse(body), DEPTH_MAX), LINES_MAX + 1))
        if len(lines) > LINES_MAX:
            raise InvalidEvent(f"more than {LINES_MAX} lines in one message")
    except InvalidEvent as exc:
        return [], [Rejected(exc.reason, message_id, body)]
    single = len(lines) == 1
    for index, line in enumerate(lines):
        line_id = message_id if single else f"{message_id}-{index}"
        shown = body if single else line.fields
        try:
            if line.broken is not None:
                raise InvalidEvent(line.broken)
            event = read_event(line.fields, line.kind, line.event_id or f"{message_id}-{index}", now)
        except InvalidEvent as exc:
            rejected.append(Rejected(exc.reason, line_id, shown))
        else:
            events.append(Decoded(event, line_id, shown))
    return events, rejected


def as_text(line: Any) -> str:
    """A line as text: verbatim if it was text, else as JSON."""
    return line if isinstance(line, str) else json.dumps(line, ensure_ascii=False, default=str)


def _lines(said: Any, depth: int) -> Iterator[_Line]:
    """Unwraps until single lines are left. A line that is no object comes out as it is and is refused later."""
    if depth == 0:
        raise InvalidEvent(f"wrapped more than {DEPTH_MAX} times")
    if isinstance(said, list):
        if not said:
            raise InvalidEvent("an empty array")
        for element in said:
            try:
                yield from list(_element(element, depth - 1))
            except InvalidEvent as exc:
                yield _Line(element, broken=exc.reason)
    else:
        yield from _element(said, depth)


def _element(said: Any, depth: int) -> Iterator[_Line]:
    if isinstance(said, Broken):
        yield _Line(said.text, broken=said.reason)
    elif not isinstance(said, dict):
        yield _Line(said)
    elif said.get("Type") == "Notification" and isinstance(said.get("Message"), str):
        yield from _lines(parse(said["Message"]), depth - 1)
    elif "detail-type" in said and "detail" in said:
        yield from _of_eventbridge(said)
    elif "eventName" in said and isinstance(said.get("dynamodb"), dict):
        yield _of_stream(said)
    else:
        yield from _order_lines(said, None, None)


def _of_eventbridge(said: Mapping[str, Any]) -> Iterator[_Line]:
    detail, event_id = said["detail"], said.get("id")
    if not isinstance(detail, dict):
        raise InvalidEvent("the EventBridge detail is no object")
    kind = str(said["detail-type"]).strip().lower().replace(" ", "_")
    yield from _order_lines(detail, kind, event_id if isinstance(event_id, str) else None)


def _order_lines(said: Mapping[str, Any], kind: str | None, event_id: str | None) -> Iterator[_Line]:
    """An order with lines is one sale a line: what the order says holds for each line that does not say otherwise."""
    # An order without lines is read as a single sale: an empty list must not make a sale vanish.
    field = next((name for name in LINE_FIELDS if said.get(name) and isinstance(said[name], list)), None)
    if field is None:
        yield _Line(said, kind, event_id)
        return
    order = {name: value for name, value in said.items() if name != field}
    if len(said[field]) * (1 + len(order)) > ORDER_CELLS_MAX:
        raise InvalidEvent(f"an order of {len(said[field])} lines and {len(order)} fields is too large for one message")
    order_id = order.pop("event_id", None) or order.pop("order_id", None) or event_id
    for index, line in enumerate(said[field]):
        fields = {**order, **line} if isinstance(line, dict) else line
        yield _Line(fields, kind, f"{order_id}-{index}" if order_id is not None else None)


def _of_stream(record: Mapping[str, Any]) -> _Line:
    """A DynamoDB stream record: an inserted item is a sale, identified by its keys unless it has an event_id."""
    image, keys = record["dynamodb"].get("NewImage"), record["dynamodb"].get("Keys")
    if record["eventName"] != "INSERT" or not isinstance(image, dict):
        raise InvalidEvent(f"a stream record of {record['eventName']!s:.20} is no new sale")
    try:
        fields = plain(image)
        values = [str(value) for _, value in sorted(plain(keys or {}).items())]
        key = json.dumps(values, ensure_ascii=False) if len(values) > 1 else "".join(values)
    except (ValueError, TypeError, AttributeError, ArithmeticError) as exc:
        raise InvalidEvent(f"not DynamoDB JSON: {exc}") from exc
    return _Line(fields, None, key or None)
