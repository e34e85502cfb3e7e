"""How do sales become SQS messages?

Many sales ride in one message, a JSON array of rows: that saves more than any tuning of the receiver. On a
FIFO queue a message holds sales of one group only, so that the sales of a product stay in the order given.
No row is lost or altered, however odd it is; nothing here calls AWS."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

SQS_BODY_BYTES_MAX = 1_048_576
SQS_BATCH_ENTRIES_MAX = 10

_POINTER_CLASS = "software.amazon.payloadoffloading.PayloadS3Pointer"
# Version 1 of Amazon's extended client wrote this name; its messages may still be in a queue.
_POINTER_CLASSES = (_POINTER_CLASS, "com.amazon.sqs.javamessaging.MessageS3Pointer")
_REFUSED_BY_SQS = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Row = Mapping[str, Any] | str
"""A sale as a JSON object, or a line that could not be read, as the text it was."""


class PackedMessage(NamedTuple):
    """The body of one message, its group on a FIFO queue, how many sales (bad ones too) it carries, and which of the
    queue's partitions it must go to."""

    body: str
    group_id: str | None
    sales: int
    partition: int = 0

    @property
    def size_bytes(self) -> int:
        return len(self.body) if self.body.isascii() else len(self.body.encode())

    @property
    def oversized(self) -> bool:
        """SQS would refuse it: put the body into S3 and send pointer_body() instead."""
        return self.size_bytes > SQS_BODY_BYTES_MAX


class _Way(NamedTuple):
    """What all rows of a message share."""

    partition: int
    group_id: str | None


@dataclass(slots=True)
class _OpenMessage:
    """The rows of a message that still has room. size_bytes counts the brackets and commas as well."""

    rows: list[str] = field(default_factory=list)
    size_bytes: int = 1

    def add(self, row: str) -> None:
        self.rows.append(row)
        self.size_bytes += len(row) + 1

    def close(self, way: _Way) -> PackedMessage:
        return PackedMessage(f"[{','.join(self.rows)}]", way.group_id, len(self.rows), way.partition)


def partition_of(product_id: str, location_id: str | None, partitions: int) -> int:
    """The one of so many partitions that all sales of a product travel in, at any time and from any producer."""
    return _number_of(product_id, location_id) % partitions


def pack(
    rows: Iterable[Row],
    *,
    fifo_groups: int | None,
    partitions: int = 1,
    sales_per_message: int = 100,
    bytes_max: int = 200_000,
) -> Iterator[PackedMessage]:
    """Packs rows in the order given; with fifo_groups or partitions, in the order given within each of them. The order
    of a product's sales is kept in any case.

    A row longer than bytes_max goes alone, and so does a row that is text. Raises ValueError for limits that
    cannot work and for a NaN or infinite number, TypeError for a value that JSON cannot carry."""
    ways_work = partitions >= 1 and (fifo_groups is None or fifo_groups >= 1)
    if not ways_work or sales_per_message < 1 or not 2 < bytes_max <= SQS_BODY_BYTES_MAX:
        raise ValueError(
            "pack needs fifo_groups >= 1, partitions >= 1, sales_per_message >= 1, 2 < bytes_max <= SQS_BODY_BYTES_MAX"
        )
    filling: dict[_Way, _OpenMessage] = {}
    for row in rows:
        way = _way_of(row, fifo_groups, partitions)
        if isinstance(row, str):
            yield PackedMessage(_raw_body(row), way.group_id, 1, way.partition)
            continue
        text = _encode(row)
        message = filling.get(way)
        if message is not None and message.size_bytes + len(text) + 1 > bytes_max:
            yield message.close(way)
            message = None
        if message is None:
            message = filling[way] = _OpenMessage()
        message.add(text)
        if len(message.rows) >= sales_per_message:
            yield filling.pop(way).close(way)
    for way, message in filling.items():
        yield message.close(way)


def batches(
    messages: Iterable[PackedMessage],
    entries_max: int = SQS_BATCH_ENTRIES_MAX,
    bytes_max: int = SQS_BODY_BYTES_MAX,
) -> Iterator[list[PackedMessage]]:
    """Groups messages, in order, into SendMessageBatch calls. Raises ValueError if one fits no call."""
    batch: list[PackedMessage] = []
    batch_bytes = 0
    for message in messages:
        size = message.size_bytes
        if size > bytes_max:
            raise ValueError(f"a message of {size} bytes fits no batch of {bytes_max}: send a pointer to it instead")
        if batch and (len(batch) >= entries_max or batch_bytes + size > bytes_max):
            yield batch
            batch, batch_bytes = [], 0
        batch.append(message)
        batch_bytes += size
    if batch:
        yield batch


def pointer_body(bucket: str, key: str) -> str:
    """The body that Amazon's SQS extended client sends in place of one it has put into S3."""
    return _encode([_POINTER_CLASS, {"s3BucketName": bucket, "s3Key": key}])


def trace_attributes(fields: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The MessageAttributes of a message that belongs to a trace: fields are traceparent and, if there is any,
    tracestate, as a propagator of W3C Trace Context writes them. They count towards the message's size."""
    return {name: {"DataType": "String", "StringValue": value} for name, value in fields.items() if value}


def read_pointer(body: str) -> tuple[str, str] | None:
    """The bucket and key that a body points to, None if it is no pointer."""
    # Almost no body is one, and a body may be a megabyte: look at its beginning before parsing it.
    if not any(name in body[:100] for name in _POINTER_CLASSES):
        return None
    try:
        match json.loads(body):
            case [name, {"s3BucketName": str(bucket), "s3Key": str(key)}] if name in _POINTER_CLASSES:
                return bucket, key
    except (ValueError, RecursionError):
        return None
    return None


_ONE_WAY = _Way(0, None)


def _way_of(row: Row, groups: int | None, partitions: int) -> _Way:
    if groups is None and partitions == 1:
        return _ONE_WAY
    number = _crc32(row) if isinstance(row, str) else _number_of(row.get("product_id"), row.get("location_id"))
    # What chose the partition must not choose the group as well, or a partition would have few groups.
    return _Way(number % partitions, None if groups is None else f"g{number // partitions % groups}")


def _number_of(product_id: Any, location_id: Any) -> int:
    """What a product's partition and group are chosen by."""
    return _crc32(f"{product_id}\x00{location_id or ''}")


def _crc32(name: str) -> int:
    """The same in every process and at any time; hash() would not promise that."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass"))


def _raw_body(text: str) -> str:
    """Text goes as it is, unless SQS would refuse it or the receiver would not see one bad sale in it: it is
    JSON after all (a number, an empty array), or it begins like an array, of which each broken element would be one.
    Then it goes as the one element of an array."""
    if not text.strip() or text.strip().startswith("[") or _REFUSED_BY_SQS.search(text) or _is_json(text):
        return _encode([text])
    return text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except RecursionError:
        return True  # Another parser may go deeper than ours, so it is as good as JSON.
    except ValueError:
        return False
    return True


def _encode_other(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a sale cannot carry a {type(value).__name__}")


# ASCII only: the length in characters is then the length in bytes, and no character is left that SQS refuses.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_encode_other).encode
