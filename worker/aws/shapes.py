"""What is a request in JSON, and what does an answer in JSON say?

Compiled once from the service's own model, the one botocore works by. What the model does not expect is refused here,
never guessed at: botocore's own code is asked then, and what it makes of it holds."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypedDict

import msgspec

KEPT = 128


class NotOfTheShape(Exception):
    """A value that only botocore has words for."""


class Moment(ABC):  # noqa: B024 - it is asked isinstance, and nothing else
    """A time as it is read: seconds since the epoch become a datetime in UTC."""


Moment.register(datetime)

_SCALARS: dict[str, Any] = {
    "string": str,
    "blob": bytes,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "timestamp": Moment,
}


@lru_cache(KEPT)
def writer(shape: Any) -> Callable[[Any], bytes]:
    """Writes requests of this shape; NotOfTheShape for one with a time in it, or with what is not JSON. Binary must be
    bytes. Otherwise the shape is not looked at: that is what validation is for."""
    encode = msgspec.json.Encoder().encode
    # In a text they would have a backslash before the second quote.
    times = [f'"{name}":'.encode() for name in _names_of_times(shape, set())]

    def write(value: Any) -> bytes:
        try:
            body = encode(value)
        except (TypeError, ValueError) as exc:
            raise NotOfTheShape from exc
        if any(name in body for name in times):
            raise NotOfTheShape
        return body

    return write


@lru_cache(KEPT)
def reader(shape: Any) -> Callable[[bytes], Any]:
    """Reads answers of this shape; NotOfTheShape for one that is something else, members left out excepted."""
    decode = msgspec.json.Decoder(_type_of(shape, {}), dec_hook=_moment).decode

    def read(body: bytes) -> Any:
        try:
            return decode(body)
        except msgspec.MsgspecError as exc:
            raise NotOfTheShape from exc

    return read


def _moment(_: type, seconds: Any) -> datetime:
    if type(seconds) not in (int, float):
        raise ValueError("a time in another form")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as exc:
        raise ValueError("a time of no year that there is") from exc


def _names_of_times(shape: Any, seen: set[str]) -> set[str]:
    """The members that are times, at any depth."""
    if shape.type_name == "list":
        return _names_of_times(shape.member, seen)
    if shape.type_name == "map":
        return _names_of_times(shape.value, seen)
    if shape.type_name != "structure" or shape.name in seen:
        return set()
    seen.add(shape.name)
    found = {name for name, member in shape.members.items() if member.type_name == "timestamp"}
    return found.union(*(_names_of_times(member, seen) for member in shape.members.values()))


def _type_of(shape: Any, structures: dict[str, Any]) -> Any:
    if shape.type_name == "list":
        return list[_type_of(shape.member, structures)]  # type: ignore[misc]
    if shape.type_name == "map":
        return dict[str, _type_of(shape.value, structures)]  # type: ignore[misc]
    if shape.type_name != "structure":
        return _SCALARS[shape.type_name]
    if shape.name not in structures:
        # It is there before its members are, for they may contain it.
        kind = structures[shape.name] = TypedDict(shape.name, {}, total=False)  # type: ignore[operator]
        kind.__annotations__ = {name: _type_of(member, structures) for name, member in shape.members.items()}
        kind.__optional_keys__ = frozenset(kind.__annotations__)
    return structures[shape.name]
