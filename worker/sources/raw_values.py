"""What is sent for a value as it stands in a file?

A number only where JSON carries it exactly, a time only where it can be read; anything else as its text."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

TEXTS = frozenset({"product_id", "location_id", "event_id", "category", "invoice", "line"})
MONTH_FIRST = "InvoiceDate"
"""The one column whose dates are American ones, such as 12/1/2010 8:26."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d\S*)?", re.ASCII)
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_SURROGATE = re.compile("[\ud800-\udfff]")


def lines_of(content: bytes) -> list[str]:
    """A byte that is no UTF-8 becomes a lone surrogate, from which it can be had back."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return [line.removesuffix("\r") for line in text.split("\n")]


def is_utf8(text: str) -> bool:
    """Whether every byte of a text that lines_of gave was UTF-8."""
    return text.isascii() or not _SURROGATE.search(text)


@lru_cache(maxsize=65_536)
def moment_of(value: str | int, month_first: bool) -> tuple[int | None, str]:
    """Microseconds since the epoch (an int is that already), None where no time can be read; and ISO 8601 in UTC, or
    the text as it was."""
    try:
        if isinstance(value, int):
            moment = _EPOCH + timedelta(microseconds=value)
        elif _ISO_TIME.fullmatch(value):
            moment = datetime.fromisoformat(value)
        elif month_first:
            moment = datetime.strptime(value, "%m/%d/%Y %H:%M").replace(tzinfo=UTC)
        else:
            return None, value
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None, str(value)
    return (moment - _EPOCH) // timedelta(microseconds=1), moment.isoformat().replace("+00:00", "Z")


def number_of(value: Any, whole: bool) -> Any:
    """A number that JSON can carry exactly, or the text of anything else."""
    if isinstance(value, str):
        return int(value) if whole and _WHOLE_NUMBER.fullmatch(value) else value
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            return "NaN" if math.isnan(value) else str(value)
        if value == int(value):
            return int(value)
        return value if isinstance(value, float) else str(value)
    return value if value is None or isinstance(value, int) else str(value)


def text_of(value: Any) -> str | None:
    """The text of a value that is not text, bytes that are no UTF-8 escaped; None for a null or a NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(number_of(value, whole=False))
