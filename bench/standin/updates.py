"""What does an update expression make of an item?

SET of values, other attributes and sums of two of them, and REMOVE; right sides are read before anything changes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from bench.standin.expressions import Item, Operand, Scope, Words, raw_operand
from bench.standin.refusal import Refused, unknown

Change = Callable[[Scope], tuple[str, Any]]


def updated(expression: str, scope: Scope) -> Item:
    """The item as the expression leaves it."""
    changed = dict(scope.item)
    for name, value in [change(scope) for change in _changes(expression)]:
        if value is None:
            changed.pop(name, None)
        else:
            changed[name] = value
    return changed


@lru_cache(maxsize=1_000)
def _changes(expression: str) -> tuple[Change, ...]:
    words, changes = Words(expression), []
    while words.peek():
        if words.takes("SET"):
            read = _set
        elif words.takes("REMOVE"):
            read = _remove
        else:
            raise unknown(f"{words.peek()!r} in an update")
        changes.append(read(words))
        while words.takes(","):
            changes.append(read(words))
    return tuple(changes)


def _set(words: Words) -> Change:
    name = words.take()
    words.need("=")
    value = raw_operand(words.take())
    if words.peek() in ("+", "-"):
        value = _sum(value, words.take(), raw_operand(words.take()))

    def change(scope: Scope) -> tuple[str, Any]:
        new = value(scope)
        if new is None:
            raise Refused("ValidationException", "The provided expression refers to an attribute that does not exist")
        return scope.names.get(name, name), new

    return change


def _remove(words: Words) -> Change:
    name = words.take()
    return lambda scope: (scope.names.get(name, name), None)


def _sum(left: Operand, sign: str, right: Operand) -> Operand:
    def total(scope: Scope) -> Any:
        a, b = left(scope), right(scope)
        if a is None or b is None or "N" not in a or "N" not in b:
            raise Refused("ValidationException", "An operand in the update expression has an incorrect data type")
        return {"N": str(Decimal(a["N"]) + (1 if sign == "+" else -1) * Decimal(b["N"]))}

    return total
