"""Is a request of the shape that the service's own model says?

The model that botocore calls the service by: members and their kinds, what must be there, the words of an enumeration,
lengths and patterns. botocore itself checks less before it sends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.session import get_session

KINDS: dict[str, type | tuple[type, ...]] = {
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": str,
}


@cache
def request_shape(service: str, operation: str) -> Any:
    return get_session().get_service_model(service).operation_model(operation).input_shape


def unfit(shape: Any, said: Any, where: str = "") -> Iterator[str]:
    """What of it does not fit, and where."""
    if shape.type_name == "structure":
        yield from _unfit_structure(shape, said, where)
    elif shape.type_name == "list":
        if not isinstance(said, list):
            yield f"{where} is no list"
            return
        yield from _out_of_bounds(shape, len(said), where)
        for number, each in enumerate(said):
            yield from unfit(shape.member, each, f"{where}[{number}]")
    elif shape.type_name == "map":
        for key, value in said.items():
            yield from unfit(shape.key, key, f"{where} key")
            yield from unfit(shape.value, value, f"{where}.{key}")
    elif shape.type_name == "string":
        yield from _unfit_text(shape, said, where)
    elif not isinstance(said, KINDS[shape.type_name]):
        yield f"{where} is {said!r}, no {shape.type_name}"


def _unfit_structure(shape: Any, said: Any, where: str) -> Iterator[str]:
    if not isinstance(said, dict):
        yield f"{where} is {said!r}, no structure"
        return
    for name in shape.required_members:
        if name not in said:
            yield f"{where} has no {name}"
    for name, value in said.items():
        if name not in shape.members:
            yield f"{where} has a member {name} that nobody knows"
        else:
            yield from unfit(shape.members[name], value, f"{where}.{name}")


def _unfit_text(shape: Any, said: Any, where: str) -> Iterator[str]:
    if not isinstance(said, str):
        yield f"{where} is {said!r}, no text"
        return
    if shape.enum and said not in shape.enum:
        yield f"{where} is {said!r}, none of {', '.join(shape.enum)}"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern.replace(r"\p{Print}", "."), said, re.DOTALL):
        yield f"{where} is {said!r}, which {pattern} does not let pass"
    yield from _out_of_bounds(shape, len(said), where)


def _out_of_bounds(shape: Any, length: int, where: str) -> Iterator[str]:
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", length)
    if not low <= length <= high:
        yield f"{where} has {length}, not {low} to {high}"
