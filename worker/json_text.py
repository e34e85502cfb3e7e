"""What does a body say, even where a part of it is broken?

One bad element of an array must not take the others with it: where the whole cannot be parsed, the array is cut into
the texts of its elements, and each is parsed alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic_core import from_json

from handlers.errors import InvalidEvent

# A text that has no end matches too, so that its end is not looked for again from each quote within it.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|(?P<endless>))|[\[\]{},]', re.DOTALL)
_BRACKET_OR_COMMA = re.compile(r"[\[\]{},]")


class Broken(NamedTuple):
    """An element that cannot be parsed: its text and why."""

    text: str
    reason: str


def parse(text: str) -> Any:
    """The value of a JSON text; of an array that is broken in places a list with Broken in those places."""
    try:
        return _value(text)
    except InvalidEvent:
        elements = _elements(text)
        if elements is None:
            raise
        return [_value_or_broken(element) for element in elements]


def _value(text: str) -> Any:
    try:
        # NaN and Infinity are let through here so that only the line that has one is refused.
        return from_json(text, allow_inf_nan=True)
    except (ValueError, TypeError) as exc:  # TypeError: text with half a surrogate pair
        reason = f"not JSON: {exc}"
    try:
        # Slower, and takes what the other does not: half surrogate pairs, for one. The fields say no to them.
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidEvent(reason) from None


def _value_or_broken(text: str) -> Any:
    try:
        return _value(text)
    except InvalidEvent as exc:
        return Broken(text, exc.reason)


def _elements(text: str) -> list[str] | None:
    """The texts of an array's elements, None if it is no array or its brackets do not match."""
    body = text.strip()
    if not body.startswith("["):
        return None
    depth, start, elements = 0, 1, []
    for token in _tokens(body):
        match token.group()[0]:
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case "," if depth == 1:
                elements.append(body[start : token.start()].strip())
                start = token.end()
        if depth == 0:
            if token.end() != len(body):
                return None
            last = body[start : token.start()].strip()
            return [*elements, last] if elements or last else []
    return None


def _tokens(body: str) -> Iterator[re.Match[str]]:
    """Texts, brackets and commas. The quote of a text without an end counts for nothing, and neither does a quote
    after it: each has a backslash before it, or the text would have ended there."""
    for token in _TOKEN.finditer(body):
        if token.lastgroup == "endless":
            yield from _BRACKET_OR_COMMA.finditer(body, token.start())
            return
        yield token
