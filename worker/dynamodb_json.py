"""What does an item in DynamoDB's JSON say in plain values?

Numbers keep every digit: a whole number becomes an int, any other a Decimal. Binary values stay the base64 text they
travel as."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any


def plain(image: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an image as plain values; ValueError or TypeError if it is no such image."""
    return {str(name): _value(attribute) for name, attribute in image.items()}


def _value(attribute: Any) -> Any:
    if not isinstance(attribute, Mapping) or len(attribute) != 1:
        raise ValueError("an attribute has exactly one type")
    ((kind, said),) = attribute.items()
    match kind:
        case "S" | "B" | "BOOL" | "SS" | "BS":
            return said
        case "NULL":
            return None
        case "N":
            return _number(said)
        case "NS":
            return [_number(each) for each in said]
        case "L":
            return [_value(each) for each in said]
        case "M":
            return plain(said)
    raise ValueError(f"unknown type {kind!r:.20}")


def _number(said: Any) -> int | Decimal:
    try:
        value = Decimal(str(said))
    except InvalidOperation:
        value = Decimal("NaN")
    # DynamoDB's numbers end at 1E+126; Python would hang on far larger ones.
    if not value.is_finite() or abs(value.adjusted()) > 130:
        raise ValueError(f"not a number: {said!r:.60}")
    return int(value) if value == value.to_integral_value() and abs(value.adjusted()) < 40 else value
