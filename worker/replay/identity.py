"""Under which id was a parked line known, and how is it sent again under that id?

Whatever has an id of its own keeps it. A line without one was known by its message and its place in it: a message that
is read again as it was has the same ids by itself, a single line of one is given its id in writing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from uuid import UUID

from domain.events import Event
from worker.decode import OUR_NAMES, decode
from worker.sources.source import Message

_PLACED = re.compile(r"-[0-9]{1,5}$")


def message_again(
    record_id: str, receipt: str, body: str, now: int, table_fields: Mapping[str, str] = OUR_NAMES
) -> Message:
    """A quarantined line as a message that counts it under the id that it had, and parks it, if that must be, under the
    record's own id again."""
    if _is_one_of_many(record_id):
        body = _with_its_id(record_id, body, now, table_fields)
    return Message(record_id, receipt, body, source="quarantine")


def _is_one_of_many(record_id: str) -> bool:
    try:
        UUID(record_id)
    except ValueError:
        return _PLACED.search(record_id) is not None
    return False  # the id of a message of one line, which may end in digits


def _with_its_id(record_id: str, body: str, now: int, table_fields: Mapping[str, str]) -> str:
    by_one, by_another = (_read(body, name, now, table_fields) for name in ("a", "b"))
    if by_one is None or by_another is None or by_one.event_id == by_another.event_id:
        return body
    # In writing, and last: no digit of a number changes, and an empty id before it does not count.
    written = body.rstrip().removesuffix("}") + f',"event_id":{json.dumps(record_id)}}}'
    again = _read(written, "a", now, table_fields)
    return written if again is not None and again == _known_as(by_one, record_id) else body


def _read(body: str, message_id: str, now: int, table_fields: Mapping[str, str]) -> Event | None:
    events, rejected = decode(body, message_id, now, table_fields)
    return events[0].event if len(events) == 1 and not rejected else None


def _known_as(event: Event, event_id: str) -> Event:
    return event._replace(event_id=event_id)
