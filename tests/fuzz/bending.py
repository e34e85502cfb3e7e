"""How is an input bent into one that nobody would send?

Pieces of its bytes are cut out, doubled or overwritten; and where it is JSON, one of its values becomes another that a
parser lets through and arithmetic does not expect."""

from __future__ import annotations

import json
import random
from typing import Any

PIECES = [b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\n", b"\x00", b"\xff", b"\\ud800", b"1e400", b"NaN"]
NUMBERS = [0, -1, 0.5, 10**400, -(2**63), float("inf"), float("nan"), 1e300]
TEXTS = ["", "x" * 300, "\ud800", "1E+126", "Infinity", "2024-02-30", "9999-12-31T23:59:59-23:59"]
VALUES: list[Any] = [*NUMBERS, *TEXTS, None, True, [], {}, [[]], ["a"], {"a": 1}]


def bent(data: bytes, chance: random.Random) -> bytes:
    """The input, bent in one to three places."""
    for _ in range(chance.randint(1, 3)):
        head, value = _json_of(data)
        if value is not None and chance.random() < 0.7:
            text = json.dumps(_with_another(value, chance))
            data = head + text.encode("utf-8", "surrogatepass")
        else:
            data = _cut(data, chance)
    return data


def _json_of(data: bytes) -> tuple[bytes, Any]:
    """A leading byte, if it is none of the JSON, and the value; None if there is none."""
    for at in (0, 1):
        try:
            return data[:at], json.loads(data[at:])
        except (ValueError, RecursionError):
            continue
    return b"", None


def _with_another(value: Any, chance: random.Random) -> Any:
    """The value with one of the values in it replaced, taken away or doubled."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice(list(value))
        if chance.random() < 0.15:
            return {other: inner for other, inner in value.items() if other != name}
        return {**value, name: _with_another(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        at = chance.randrange(len(value))
        if chance.random() < 0.15:
            return value[:at] + value[at:][: chance.randint(0, 2)] * 2
        return [*value[:at], _with_another(value[at], chance), *value[at + 1 :]]
    return chance.choice(VALUES)


def _cut(data: bytes, chance: random.Random) -> bytes:
    at, end = sorted(chance.randint(0, len(data)) for _ in range(2))
    end = min(end, at + chance.choice((1, 4, 64, len(data))))
    return (
        data[:at]
        + chance.choice((b"", data[at:end] * 2, chance.choice(PIECES), chance.randbytes(end - at)))
        + data[end:]
    )
