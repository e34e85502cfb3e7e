"""What is a request in JSON, and what does an answer in JSON say?

Compiled once from the service's own model, the one botocore works by. A value that the model does not expect is an
error here, never a guess: botocore's own code is asked then, and what it makes of it holds."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic_core import SchemaSerializer, SchemaValidator, core_schema

Schema = core_schema.CoreSchema
KEPT = 128


@lru_cache(KEPT)
def writer(shape: Any) -> Callable[[Any], bytes]:
    """Writes a value of this shape; PydanticSerializationError for one that the shape does not describe. Members that
    the shape does not name are left out: to find those is what validation is for."""
    serializer = SchemaSerializer(_compiled(shape, _WRITTEN))
    return lambda value: serializer.to_json(value, warnings="error")


@lru_cache(KEPT)
def reader(shape: Any) -> Callable[[bytes], Any]:
    """Reads a value of this shape; ValidationError for one that the shape does not describe."""
    return SchemaValidator(_compiled(shape, _READ)).validate_json


def _base64(value: Any) -> str:
    # to_json would write bytes in the alphabet for URLs, which AWS does not read.
    return binascii.b2a_base64(value.encode() if isinstance(value, str) else value, newline=False).decode()


def _not_here(value: Any) -> Any:
    raise ValueError("times come in many forms, and no hot call says any")


def _time(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as exc:
        raise ValueError(f"{seconds} is in no year that there is") from exc


def _written_by(function: Callable[[Any], Any]) -> Schema:
    return core_schema.any_schema(serialization=core_schema.plain_serializer_function_ser_schema(function))


_TEXT, _NUMBER = core_schema.str_schema(strict=True), core_schema.float_schema(strict=True)
_SCALARS: dict[str, Schema] = {
    "string": _TEXT,
    "boolean": core_schema.bool_schema(strict=True),
    "integer": core_schema.int_schema(strict=True),
    "long": core_schema.int_schema(strict=True),
    "float": _NUMBER,
    "double": _NUMBER,
}
_WRITTEN = {**_SCALARS, "blob": _written_by(_base64), "timestamp": _written_by(_not_here)}
_READ: dict[str, Schema] = {
    **_SCALARS,
    "blob": core_schema.no_info_after_validator_function(binascii.a2b_base64, _TEXT),
    "timestamp": core_schema.no_info_after_validator_function(_time, _NUMBER),
}


def _compiled(shape: Any, scalars: dict[str, Schema]) -> Schema:
    """Structures refer to each other by name, for they may contain themselves."""
    structures: dict[str, Schema] = {}
    whole = _schema(shape, scalars, structures)
    return core_schema.definitions_schema(whole, list(structures.values()))


def _schema(shape: Any, scalars: dict[str, Schema], structures: dict[str, Schema]) -> Schema:
    if shape.type_name == "list":
        return core_schema.list_schema(_schema(shape.member, scalars, structures))
    if shape.type_name == "map":
        return core_schema.dict_schema(core_schema.str_schema(), _schema(shape.value, scalars, structures))
    if shape.type_name != "structure":
        return scalars[shape.type_name]
    if shape.name not in structures:
        structures[shape.name] = core_schema.any_schema()  # holds the place while its members are looked at
        members = {
            name: core_schema.typed_dict_field(_schema(member, scalars, structures), required=False)
            for name, member in shape.members.items()
        }
        structures[shape.name] = core_schema.typed_dict_schema(members, ref=shape.name)
    return core_schema.definition_reference_schema(shape.name)
