"""Which sales does a record of a DynamoDB stream tell of, and what does it take back?

A new item is a sale, or an order with lines. Of a changed one each line is known by its product and event id: a line
that was there reads differently, one that is new is added, one that is gone is taken back, and one that is no valid
sale any more stays as it was counted. One that expired takes nothing back: it was sold all the same. A record tells
the same whenever it is read. Lambda, EventBridge Pipes and our own reader write one alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from domain.buckets import NO_SALES, Bucket, bucket_of
from domain.events import ProductKey, SaleCorrected, SaleRecorded
from handlers.errors import InvalidEvent
from worker.dynamodb_json import plain
from worker.order_lines import LINE_FIELDS, LINES_MAX, Line, order_lines
from worker.schema import FUTURE_MS, read_event

TIME_FIELDS = ("occurred_at", "sale_date", "date")
EVENT_ID_CHARS_MAX = 256
ONLY_SALES = "only sales can be corrected"

SaleKey = tuple[ProductKey, str]
DayKey = tuple[ProductKey, int]


class _Image(NamedTuple):
    """What an image counts, by product and event id, each sale with its line; and its lines that are no valid sale,
    each with the reason, and the event ids of these."""

    sales: dict[SaleKey, SaleRecorded]
    lines: dict[SaleKey, Line]
    refused: list[Line]
    refused_ids: set[str]


class _Day(NamedTuple):
    """What an image counts of one product and day; occurred_at is that of its first line."""

    occurred_at: int
    sales: int
    bucket: Bucket


EMPTY_DAY = _Day(0, 0, NO_SALES)


def is_record(said: Mapping[str, Any]) -> bool:
    return "eventName" in said and isinstance(said.get("dynamodb"), dict)


def record_lines(record: Mapping[str, Any], table_fields: Mapping[str, str], now: int) -> Iterator[Line]:
    """The lines of a stream record; none if it changes nothing that is counted. table_fields: what the table calls our
    fields. now (ms) is what event times are held against if the record does not say when it was written. InvalidEvent
    if the record as a whole cannot be read."""
    told_at = _told_at(record, now)
    match record["eventName"]:
        case "INSERT":
            yield from _image_lines(record, "NewImage", table_fields, told_at)
        case "MODIFY":
            old = _read(_image_lines(record, "OldImage", table_fields, told_at), told_at)
            new = _read(_image_lines(record, "NewImage", table_fields, told_at), told_at)
            yield from _changes(record, old, new)
        case "REMOVE" if _expired(record):
            return
        case "REMOVE":
            old = _read(_image_lines(record, "OldImage", table_fields, told_at), told_at)
            yield from _corrections(record, old.sales.values(), ())
            yield from (line for line in old.refused if line.broken == ONLY_SALES)
        case name:
            raise InvalidEvent(f"eventName: {str(name)[:40]!r} is none of INSERT, MODIFY and REMOVE")


def _told_at(record: Mapping[str, Any], now: int) -> int:
    """When the record was written, as far as one may believe it, else now (both ms). A reader's clock would judge one
    and the same record differently whenever it is read."""
    said = record["dynamodb"].get("ApproximateCreationDateTime")
    if isinstance(said, (int, float, Decimal)) and not isinstance(said, bool):
        seconds = Decimal(said)
        if seconds.is_finite() and 0 <= seconds <= (now + FUTURE_MS) / 1000:
            return int(seconds * 1000)
    return now


def _image_lines(record: Mapping[str, Any], name: str, table_fields: Mapping[str, str], told_at: int) -> Iterator[Line]:
    """What the item was or is, as a new item of it would be read: identified by its keys unless it has an event_id."""
    image, keys = record["dynamodb"].get(name), record["dynamodb"].get("Keys")
    if not isinstance(image, dict):
        raise InvalidEvent(f"a {record['eventName']} without {name}: the stream must show NEW_AND_OLD_IMAGES")
    try:
        fields = _order_of(plain(image), table_fields)
        key = _key_of(plain(keys or {}))
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as exc:
        raise InvalidEvent(f"not DynamoDB JSON: {exc}") from exc
    if not _is_empty_order(fields):
        yield from order_lines(fields, None, key or None, told_at)


def _is_empty_order(fields: Mapping[str, Any]) -> bool:
    """Whether it is an order that lines will come to: it sells nothing yet, and is no mistake."""
    lists = [fields[name] for name in LINE_FIELDS if isinstance(fields.get(name), list)]
    return "product_id" not in fields and bool(lists) and not any(lists)


def _key_of(keys: Mapping[str, Any]) -> str:
    values = [str(value) for _, value in sorted(keys.items())]
    key = json.dumps(values, ensure_ascii=False) if len(values) > 1 else "".join(values)
    key.encode()  # half a surrogate pair is no id
    return key


def _order_of(item: Mapping[str, Any], table_fields: Mapping[str, str]) -> dict[str, Any]:
    """An item, and the lines in it, by our names and with its time and its id apart."""
    fields = _time_and_id_apart(_by_our_names(item, table_fields))
    # What names the item may be called as what numbers its lines: two orders would have a line 1 each, with one id.
    line_fields = {ours: theirs for ours, theirs in table_fields.items() if ours != "event_id"}
    if line_fields:
        for name in LINE_FIELDS:
            if isinstance(fields.get(name), list):
                fields[name] = [_by_our_names(x, line_fields) if isinstance(x, dict) else x for x in fields[name]]
    return fields


def _by_our_names(said: Mapping[str, Any], table_fields: Mapping[str, str]) -> dict[str, Any]:
    moved = {ours: said[theirs] for ours, theirs in table_fields.items() if theirs in said}
    taken = {theirs for theirs in table_fields.values() if theirs in said}
    return {name: value for name, value in said.items() if name not in taken} | moved


def _time_and_id_apart(fields: dict[str, Any]) -> dict[str, Any]:
    """Two sales of a product may share a minute: as a sort key their time has the id behind it, `<time>#<event_id>`."""
    for name in TIME_FIELDS:
        said = fields.get(name)
        if isinstance(said, str) and "#" in said:
            time, _, event_id = said.partition("#")
            known = fields.get("event_id") not in (None, "")
            fields = {**fields, name: time} | ({} if known or not event_id else {"event_id": event_id})
    return fields


def _read(lines: Iterator[Line], told_at: int) -> _Image:
    image = _Image({}, {}, [], set())
    for place, line in enumerate(islice(lines, LINES_MAX + 1)):
        if place == LINES_MAX:
            raise InvalidEvent(f"more than {LINES_MAX} lines in one message")
        try:
            sale = _sale_of(line, place, told_at)
            key = (sale.product, sale.event_id)
            if image.sales.setdefault(key, sale) != sale:
                raise InvalidEvent("event_id: another line of the item has it too")
            image.lines.setdefault(key, line)
        except InvalidEvent as exc:
            image.refused.append(Line(line.fields, broken=exc.reason))
            image.refused_ids.add(_event_id_of(line, place))
    return image


def _sale_of(line: Line, place: int, told_at: int) -> SaleRecorded:
    event = read_event(line.fields, line.kind, line.event_id or str(place), told_at)
    if not isinstance(event, SaleRecorded):
        raise InvalidEvent(ONLY_SALES)
    return event


def _event_id_of(line: Line, place: int) -> str:
    """The event id that a line which is no valid sale would have had."""
    said = line.fields.get("event_id") if isinstance(line.fields, dict) else None
    return line.event_id or str(place) if said in (None, "") else str(said)


def _changes(record: Mapping[str, Any], old: _Image, new: _Image) -> Iterator[Line]:
    """What differs, is new or is gone, then the lines that were mended, then those that are no valid sale."""
    # A line that is no valid sale any more is not gone: taken back, its id would be known when it is mended.
    before = [sale for key, sale in old.sales.items() if key in new.sales or key[1] not in new.refused_ids]
    # One that is one at last may have been sent again by the queue too, as is said of what is in quarantine: its own id
    # tells. Any other that is new may have been there and gone before: its own id would be known, and not count again.
    mended = {key for key in new.sales if key not in old.sales and key[1] in old.refused_ids}
    after = [sale for key, sale in new.sales.items() if key not in mended]
    yield from _corrections(record, before, after)
    yield from (line for key, line in new.lines.items() if key in mended)
    yield from new.refused


def _corrections(record: Mapping[str, Any], old: Iterable[SaleRecorded], new: Iterable[SaleRecorded]) -> Iterator[Line]:
    """One line for each product and day on which the sales differ, those of the old ones first."""
    event_id = _id_of(record)
    before, after = _days(old), _days(new)
    differences = {key: _difference(before.get(key), after.get(key)) for key in {**before, **after}}
    differing = [(key, difference) for key, difference in differences.items() if any(difference)]
    for number, (key, difference) in enumerate(differing):
        named = event_id if len(differing) == 1 else f"{event_id}-{number}"
        occurred_at = (after.get(key) or before[key]).occurred_at
        correction = SaleCorrected(key[0], named, occurred_at, *difference)
        # The whole record beside each of many differences would make a small message large in quarantine.
        shown = record if len(differing) == 1 else {"eventName": record["eventName"], **correction._asdict()}
        yield Line(shown, event=correction)


def _days(sales: Iterable[SaleRecorded]) -> dict[DayKey, _Day]:
    days: dict[DayKey, _Day] = {}
    for sale in sales:
        day = days.get((sale.product, sale.day), EMPTY_DAY._replace(occurred_at=sale.occurred_at))
        days[sale.product, sale.day] = _Day(day.occurred_at, day.sales + 1, bucket_of(sale, day.bucket))
    return days


def _difference(before: _Day | None, after: _Day | None) -> tuple[int, ...]:
    """What a day must change by: the number of its sales, then the parts of its bucket."""
    old, new = before or EMPTY_DAY, after or EMPTY_DAY
    return (new.sales - old.sales, *(b - a for a, b in zip(old.bucket, new.bucket, strict=True)))


def _id_of(record: Mapping[str, Any]) -> str:
    said = record.get("eventID")
    if not isinstance(said, str) or not said.isascii() or not 0 < len(said) <= EVENT_ID_CHARS_MAX:
        raise InvalidEvent(f"eventID: without one a repetition of this {record['eventName']} would not be recognised")
    return said


def _expired(record: Mapping[str, Any]) -> bool:
    """Whether it was DynamoDB itself that removed the item, as its time to live was over."""
    by = record.get("userIdentity")
    if not isinstance(by, dict):
        return False
    said = {str(name).lower(): value for name, value in by.items()}
    return said.get("type") == "Service" and said.get("principalid") == "dynamodb.amazonaws.com"
