"""Which events does a message carry?

A body may be one event, an order with several lines, a record of a DynamoDB stream, or a JSON array of any of these,
bare or wrapped by SNS, EventBridge, Pipes or Lambda. What cannot be read becomes a Rejected line with the reason and
the line as it came, or what is to be said of it alone; the other lines of the same message go on. Only a stream
record may carry nothing at all. Decoding never raises for what a sender wrote, and a small message never becomes
large in memory: one with too many lines is rejected whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple

from domain.events import Event
from domain.sales import SaleColumns
from handlers.errors import InvalidEvent
from worker.json_text import Broken, parse
from worker.order_lines import LINES_MAX, Line, order_lines
from worker.plain_sales import plain_sales
from worker.plain_singles import plain_singles
from worker.schema import ID_CHARS_MAX, read_event
from worker.stream_images import is_record, record_lines

DEPTH_MAX = 6
OUR_NAMES: Mapping[str, str] = MappingProxyType({})


class Decoded(NamedTuple):
    """An event, the id of its line in the message, and the line as it came: one of many with what only its order or its
    wrapping said of it, since it may be read again without them."""

    event: Event
    line_id: str
    line: Any


class Rejected(NamedTuple):
    """A line that is no event."""

    reason: str
    line_id: str
    line: Any


RecordLines = Callable[[Mapping[str, Any]], Iterator[Line]]


Read = tuple[Sequence[Event], Sequence[Rejected]]
"""What a message carries, without the lines: few are ever asked for, and they are decode's to tell, in this order."""


def read(body: str, message_id: str, now: int, table_fields: Mapping[str, str] = OUR_NAMES) -> Read:
    """What decode finds in a message body, and much faster if it is as plain as nearly all are."""
    sales = plain_sales(body, message_id, now)
    return (sales, ()) if sales is not None else _read_in_full(body, message_id, now, table_fields)


def _read_in_full(body: str, message_id: str, now: int, table_fields: Mapping[str, str]) -> Read:
    events, rejected = decode(body, message_id, now, table_fields)
    return [decoded.event for decoded in events], rejected


class Singles(NamedTuple):
    """What many bodies of one line each carry: sales, and the place of the body of each; then what others carry, by
    the places of those."""

    sales: SaleColumns
    rows: Sequence[int]
    others: Mapping[int, Read]


def read_singles(
    bodies: Sequence[str], message_ids: Sequence[str], now: int, table_fields: Mapping[str, str] = OUR_NAMES
) -> Singles:
    """What read finds in each of many bodies that are no arrays, and much faster where they are plain sales."""
    rows, sales = plain_singles(bodies, message_ids, now)
    odd = sorted({*range(len(bodies))}.difference(rows)) if len(rows) < len(bodies) else ()
    return Singles(sales, rows, {row: _read_in_full(bodies[row], message_ids[row], now, table_fields) for row in odd})


def decode(
    body: str, message_id: str, now: int, table_fields: Mapping[str, str] = OUR_NAMES
) -> tuple[list[Decoded], list[Rejected]]:
    """Reads every line of a message body. now (ms) is what event times are held against, save where a stream record
    says when it was written; table_fields is what the watched table calls our fields."""
    events: list[Decoded] = []
    rejected: list[Rejected] = []
    records = partial(record_lines, table_fields=table_fields, now=now)
    try:
        lines = list(islice(_lines(parse(body), DEPTH_MAX, records), LINES_MAX + 1))
        if len(lines) > LINES_MAX:
            raise InvalidEvent(f"more than {LINES_MAX} lines in one message")
    except InvalidEvent as exc:
        return [], [Rejected(exc.reason, message_id, body)]
    single = len(lines) == 1
    for index, line in enumerate(lines):
        line_id = message_id if single else f"{message_id}-{index}"
        shown = body if single else _alone(line)
        try:
            event = _event(line, f"{message_id}-{index}", now)
        except InvalidEvent as exc:
            rejected.append(Rejected(exc.reason, line_id, shown))
        else:
            events.append(Decoded(event, line_id, shown))
    return events, rejected


def _event(line: Line, event_id: str, now: int) -> Event:
    if line.broken is not None:
        raise InvalidEvent(line.broken)
    told_at = now if line.told_at is None else line.told_at
    return line.event or read_event(line.fields, line.kind, line.event_id or event_id, told_at)


def _alone(line: Line) -> Any:
    """A line of many as it is read alone to the same event: with its kind, and the id that it has of its order."""
    if line.broken is not None or line.event is not None or not isinstance(line.fields, dict):
        return line.fields
    told = {} if line.kind is None else {"type": line.kind}
    # An id in writing may not be as long as one that stands for it: a longer one would have the line refused for ever.
    if line.event_id is not None and len(line.event_id) <= ID_CHARS_MAX and line.fields.get("event_id") in (None, ""):
        told["event_id"] = line.event_id
    return {**line.fields, **told}


def as_text(line: Any) -> str:
    """A line as text: verbatim if it was text, else as JSON."""
    return line if isinstance(line, str) else json.dumps(line, ensure_ascii=False, default=str)


def _lines(said: Any, depth: int, records: RecordLines) -> Iterator[Line]:
    """Unwraps until single lines are left. A line that is no object comes out as it is and is refused later."""
    if depth <= 0:
        raise InvalidEvent(f"wrapped more than {DEPTH_MAX} times")
    if isinstance(said, list):
        if not said:
            raise InvalidEvent("an empty array")
        for element in said:
            try:
                yield from list(_element(element, depth - 1, records))
            except InvalidEvent as exc:
                yield Line(element, broken=exc.reason)
    else:
        yield from _element(said, depth, records)


def _element(said: Any, depth: int, records: RecordLines) -> Iterator[Line]:
    if isinstance(said, Broken):
        yield Line(said.text, broken=said.reason)
    elif not isinstance(said, dict):
        yield Line(said)
    elif said.get("Type") == "Notification" and isinstance(said.get("Message"), str):
        yield from _lines(parse(said["Message"]), depth - 1, records)
    elif "detail-type" in said and "detail" in said:
        yield from _of_eventbridge(said, records)
    elif is_record(said):
        yield from records(said)
    elif _is_batch_of_records(said):
        yield from _lines(said["Records"], depth - 1, records)
    else:
        yield from order_lines(said, None, None)


def _is_batch_of_records(said: Mapping[str, Any]) -> bool:
    """What Lambda hands to a function, and a function may hand on."""
    batch = said.get("Records")
    return isinstance(batch, list) and any(isinstance(record, dict) and is_record(record) for record in batch)


def _of_eventbridge(said: Mapping[str, Any], records: RecordLines) -> Iterator[Line]:
    detail, event_id = said["detail"], said.get("id")
    if not isinstance(detail, dict):
        raise InvalidEvent("the EventBridge detail is no object")
    if is_record(detail):  # a pipe from the stream to a bus
        yield from records(detail)
        return
    kind = str(said["detail-type"]).strip().lower().replace(" ", "_")
    yield from order_lines(detail, kind, event_id if isinstance(event_id, str) else None)
