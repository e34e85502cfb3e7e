"""How is one mistake put into the templates, and nothing else changed?

A path leads to what is changed; a function gets what stands there and returns what shall stand there instead."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from deploy.template import names, template

GONE = object()


class Planted(NamedTuple):
    """what: the mistake in words; rule: the one that must find it."""

    what: str
    rule: str
    stack: str
    path: tuple[str | int, ...]
    change: Callable[[Any], Any]


def to(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def gone(_: Any) -> Any:
    return GONE


def replaced(old: str, new: str) -> Callable[[Any], Any]:
    def change(text: Any) -> Any:
        if isinstance(text, list):
            return [change(each) for each in text]
        if not isinstance(text, str):
            return text
        return text.replace(old, new)

    return change


@cache
def _templates() -> dict[str, Any]:
    return {name: template(name) for name in names()}


def with_the_mistake(planted: Planted) -> dict[str, Any]:
    """All templates by name, one of them with the mistake."""
    templates = dict(_templates())
    at: Any = copy.deepcopy(templates[planted.stack])
    templates[planted.stack] = at
    *way, last = planted.path
    for step in way:
        at = at[step]
    before = at[last] if isinstance(last, int) else at.get(last)
    after = planted.change(copy.deepcopy(before))
    assert after is not before
    assert after != before, f"{planted.what}: nothing was changed"
    if after is GONE:
        assert before is not None, f"{planted.what}: nothing stood there"
        del at[last]
    else:
        at[last] = after
    return templates
