"""Does an item meet a condition, and what does an update make of it?

Condition, filter and key expressions of attributes at the top of an item: comparisons, BETWEEN, begins_with,
attribute_exists, attribute_not_exists, AND, OR, NOT; of updates SET with plain values and sums, and REMOVE. An
expression is read once and kept. A missing attribute meets no comparison."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from bench.standin.refusal import Refused, unknown

Item = dict[str, Any]
Operand = Callable[["Scope"], Any]
Test = Callable[["Scope"], bool]

WORD = re.compile(r"\s*([:#]?\w+|<>|<=|>=|[=<>(),+-])")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class Scope(NamedTuple):
    """An item (empty if there is none) with the names and values of an expression."""

    item: Mapping[str, Any]
    names: Mapping[str, str]
    values: Mapping[str, Any]


def value_of(attribute: Mapping[str, Any]) -> tuple[str, Any]:
    """A typed attribute as something to compare: numbers by value, binary by its bytes."""
    ((kind, value),) = attribute.items()
    if kind == "N":
        return kind, Decimal(value)
    return kind, base64.b64decode(value) if kind == "B" else value


def meets(expression: str | None, scope: Scope) -> bool:
    return expression is None or condition(expression)(scope)


@lru_cache(maxsize=1_000)
def condition(expression: str) -> Test:
    words = Words(expression)
    test = _either(words)
    words.end()
    return test


class Words:
    """What is left to read of an expression."""

    def __init__(self, expression: str) -> None:
        self._all = WORD.findall(expression)
        self._at = 0
        if "".join(self._all) != re.sub(r"\s", "", expression):
            raise unknown(f"the expression {expression!r}")

    def peek(self) -> str:
        return self._all[self._at] if self._at < len(self._all) else ""

    def take(self) -> str:
        self._at += 1
        return str(self._all[self._at - 1]) if self._at <= len(self._all) else ""

    def takes(self, word: str) -> bool:
        """Takes the next word if it is this one."""
        found = self.peek().upper() == word
        self._at += found
        return found

    def need(self, word: str) -> None:
        if not self.takes(word):
            raise Refused("ValidationException", f"expected {word} before {self.peek() or 'the end'}")

    def end(self) -> None:
        if self.peek():
            raise Refused("ValidationException", f"unexpected {self.peek()}")


def _either(words: Words) -> Test:
    test = _both(words)
    while words.takes("OR"):
        test = _or(test, _both(words))
    return test


def _both(words: Words) -> Test:
    test = _single(words)
    while words.takes("AND"):
        test = _and(test, _single(words))
    return test


def _or(one: Test, other: Test) -> Test:
    return lambda scope: one(scope) or other(scope)


def _and(one: Test, other: Test) -> Test:
    return lambda scope: one(scope) and other(scope)


def _single(words: Words) -> Test:
    if words.takes("NOT"):
        negated = _single(words)
        return lambda scope: not negated(scope)
    if words.takes("("):
        test = _either(words)
        words.need(")")
        return test
    for function, make in FUNCTIONS.items():
        if words.takes(function):
            words.need("(")
            test = make(words)
            words.need(")")
            return test
    return _comparison(words)


def _exists(words: Words) -> Test:
    name = words.take()
    return lambda scope: scope.names.get(name, name) in scope.item


def _absent(words: Words) -> Test:
    there = _exists(words)
    return lambda scope: not there(scope)


def _begins(words: Words) -> Test:
    left = operand(words)
    words.need(",")
    right = operand(words)
    return lambda scope: bool((a := left(scope)) and (b := right(scope)) and a[0] == b[0] and a[1].startswith(b[1]))


FUNCTIONS = {"ATTRIBUTE_EXISTS": _exists, "ATTRIBUTE_NOT_EXISTS": _absent, "BEGINS_WITH": _begins}


def _comparison(words: Words) -> Test:
    left = operand(words)
    if words.takes("BETWEEN"):
        low = operand(words)
        words.need("AND")
        high = operand(words)
        return _and(_compared("<=", low, left), _compared("<=", left, high))
    sign = words.take()
    if sign not in COMPARE:
        raise unknown(f"{sign!r} in an expression")
    return _compared(sign, left, operand(words))


def _compared(sign: str, left: Operand, right: Operand) -> Test:
    compare = COMPARE[sign]

    def test(scope: Scope) -> bool:
        a, b = left(scope), right(scope)
        if a is None or b is None:
            return False
        return compare(a[1], b[1]) if a[0] == b[0] else sign == "<>"

    return test


def operand(words: Words) -> Operand:
    """A value or an attribute, as value_of has it; None for an attribute that is not there."""
    raw = raw_operand(words.take())

    def read(scope: Scope) -> Any:
        attribute = raw(scope)
        return None if attribute is None else value_of(attribute)

    return read


def raw_operand(word: str) -> Operand:
    """A value or an attribute with its type, None for an attribute that is not there."""
    if word.startswith(":"):
        return lambda scope: scope.values[word]
    if not re.fullmatch(r"#?\w+", word):
        raise unknown(f"{word!r} in an expression")
    return lambda scope: scope.item.get(scope.names.get(word, word))
