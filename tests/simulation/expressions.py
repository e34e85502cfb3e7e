"""Does an item meet a DynamoDB condition?

Only the few forms that the worker uses are understood; anything else is refused loudly, so that the simulation never
guesses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

Item = dict[str, Any]
_Attributes = Mapping[str, Any]
_Term = Callable[[_Attributes, _Attributes], bool]

_BETWEEN = re.compile(r"^(\w+) BETWEEN (:\w+) AND (:\w+)$")
_COMPARED = re.compile(r"^(\w+) (=|<) (:\w+)$")
_ABSENT = re.compile(r"^attribute_not_exists\((\w+)\)$")


def meets(item: Mapping[str, Any] | None, condition: str | None, values: Mapping[str, Any] | None) -> bool:
    """Whether the item, None if there is none, meets the condition."""
    if condition is None:
        return True
    return all(term(item or {}, values or {}) for term in _parsed(condition))


@lru_cache
def _parsed(condition: str) -> tuple[_Term, ...]:
    # The AND of a BETWEEN is none that joins terms.
    return tuple(_term(term) for term in re.split(r" AND (?!:)", condition))


def _term(term: str) -> _Term:
    if match := _ABSENT.match(term):
        return partial(_is_absent, match[1])
    if match := _BETWEEN.match(term):
        return partial(_is_between, *match.groups())
    if match := _COMPARED.match(term):
        return partial(_is_equal if match[2] == "=" else _is_less, match[1], match[3])
    raise NotImplementedError(f"the simulated DynamoDB does not know: {term}")


def _is_absent(name: str, item: _Attributes, values: _Attributes) -> bool:
    return name not in item


def _is_between(name: str, first: str, last: str, item: _Attributes, values: _Attributes) -> bool:
    value = plain(item.get(name))
    return value is not None and bool(plain(values[first]) <= value <= plain(values[last]))


def _is_equal(name: str, other: str, item: _Attributes, values: _Attributes) -> bool:
    return item.get(name) == values[other] or (name in item and bool(plain(item[name]) == plain(values[other])))


def _is_less(name: str, other: str, item: _Attributes, values: _Attributes) -> bool:
    value = plain(item.get(name))
    return value is not None and bool(value < plain(values[other]))


def plain(attribute: Mapping[str, Any] | None) -> Any:
    """The comparable value of a string, number or binary attribute."""
    if attribute is None:
        return None
    ((kind, value),) = attribute.items()
    return Decimal(value) if kind == "N" else value


def size_of(item: Item) -> int:
    """About how many bytes DynamoDB would bill for an item."""
    return sum(
        len(name) + len(value if isinstance(value, bytes) else str(value).encode())
        for name, attribute in item.items()
        for value in attribute.values()
    )
