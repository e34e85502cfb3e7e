"""How large is an item, as DynamoDB bills it?

Names and values in UTF-8 bytes, binary as it is before base64; a number by its significant digits. Rules: DynamoDB
Developer Guide, "DynamoDB item sizes and formats". The guide calls a number's size approximate; the exact rule here
was measured against DynamoDB's 400 KB limit by the dynoxide project (nubo-db/dynoxide, pull request 195)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WRITE_UNIT_BYTES = 1_024
READ_UNIT_BYTES = 4_096
CONTAINER_BYTES = 3  # a list or map, and one more for each element


def item_bytes(item: Mapping[str, Mapping[str, Any]]) -> int:
    """The size of an item, or of any map of attributes: of a key, of an index entry."""
    total = 0
    for name, value in item.items():
        total += len(name) if name.isascii() else len(name.encode())
        # The three kinds that nearly all attributes have are told here: a call for each would cost as much again.
        if "S" in value:
            said = value["S"]
            total += len(said) if said.isascii() else len(said.encode())
        elif "N" in value:
            said = value["N"]
            total += (len(said) + 3) // 2 if said.isdigit() and said[-1] != "0" and said[0] != "0" else _number(said)
        elif "B" in value:
            total += len(value["B"])
        else:
            total += _other(value)
    return total


def units(size_bytes: int, unit_bytes: int) -> int:
    """How many units a size takes: each that has begun, and one at least."""
    return max(1, -(-size_bytes // unit_bytes))


def _number(text: str) -> int:
    """One byte, one for each two significant digits before and after the point, one more if negative."""
    sign = text.startswith("-")
    mantissa, _, exponent = text.lstrip("+-").lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    shift = int(exponent or 0)
    digits = whole + fraction
    point = len(whole) + shift
    if point < 0:
        digits, point = "0" * -point + digits, 0
    digits = digits.ljust(point, "0")
    before, after = digits[:point].lstrip("0"), digits[point:].rstrip("0")
    if not after:
        before = before.rstrip("0")
    if not before:
        after = after.lstrip("0")
    return 1 + -(-len(before) // 2) + -(-len(after) // 2) + (sign and bool(before or after))


def _value(value: Mapping[str, Any]) -> int:
    return item_bytes({"": value})


def _other(value: Mapping[str, Any]) -> int:
    kind, said = next(iter(value.items()))
    match kind:
        case "L":
            return CONTAINER_BYTES + sum(1 + _value(each) for each in said)
        case "M":
            return CONTAINER_BYTES + len(said) + item_bytes(said)
        case "SS" | "NS" | "BS":
            return sum(_value({kind[0]: each}) for each in said)
        case _:  # BOOL, NULL
            return 1
