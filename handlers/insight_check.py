"""Does a sentence of a model say anything that the facts do not hold?

A sentence passes only if it is plain words, each number, date and id in it stands in the facts, and it tells nobody to
do what was not decided. What is in doubt is dropped: a sentence too few costs nothing, an invented number costs
trust."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from handlers.insight_commands import AN_ID, oversteps
from handlers.insight_words import holds_address, is_plain

# An id that looks like anything else is not named in a sentence: the event itself has it, as it is.
_PLAIN_ID = re.compile(r"[A-Za-z0-9._#:/%+-]{1,80}")
_PLAIN_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_COMPOUND = re.compile(r"(?P<number>\d+)-(?P<unit>days?|weeks?|units?)")
_RANGE = re.compile(r"(?P<low>\d+(?:\.\d+)?)[-–](?P<high>\d+(?:\.\d+)?)")
_QUANTILES: Final = frozenset({"p10", "p50", "p90"})
_CAPITALS: Final = frozenset({"MOQ", "SKU", "UTC", "OK"})
# What the names of our facts say: rolling_7, rolling_30, demand_28_days, the quantiles.
_OF_NAMES: Final = (7.0, 28.0, 30.0, 10.0, 50.0, 90.0)
_MINUSES: Final = str.maketrans("−‐‑", "---")
_EDGES: Final = ".,;:!?()\"'“”‘’…"
_INTRODUCES: Final = {
    "product": ("product", "products", "item", "items"),
    "order": ("order", "orders"),
    "location": ("location", "locations", "store", "stores"),
}


class Known(NamedTuple):
    """What the facts hold: numbers, dates, ids by what they are ids of, and quantities that were just ordered."""

    numbers: frozenset[float]
    dates: frozenset[str]
    ids: Mapping[str, frozenset[str]]
    ordered: frozenset[float] = frozenset()


def known_of(facts: Any) -> Known:
    """What a sentence about these facts may name. Texts of the shop, such as a category, lend it neither number nor
    date: they are not ours."""
    numbers, dates, ordered = set(_OF_NAMES), set[str](), set[float]()
    ids: dict[str, set[str]] = {"product": set(), "order": set(), "location": set()}
    named = {"product_id": "product", "reorder_id": "order", "location_id": "location"}
    for name, value in _leaves(facts):
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            numbers.add(float(value))
            if name == "quantity":
                ordered.add(float(value))
        elif isinstance(value, str) and name in named and is_plain_id(value):
            ids[named[name]].add(value)
        elif isinstance(value, str) and name.endswith("_on") and _DATE.fullmatch(value):
            dates.add(value)
    held = {of: frozenset(found) for of, found in ids.items()}
    return Known(frozenset(numbers), frozenset(dates), held, frozenset(ordered))


def is_plain_id(text: str) -> bool:
    """Whether an id can be named in a sentence and be told from anything else."""
    return _PLAIN_ID.fullmatch(text) is not None and not holds_address(text)


def _leaves(facts: Any, name: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(facts, Mapping):
        for key, value in facts.items():
            yield from _leaves(value, str(key))
    elif isinstance(facts, list | tuple):
        for value in facts:
            yield from _leaves(value, name)
    else:
        yield name, facts


def products_named(line: str, known: Known) -> set[str]:
    """The ids of products that a sentence names as such."""
    return {word for _, word, of in _words(line, known) if of == "product"}


def agrees(line: str, known: Known) -> bool:
    """Whether a sentence says nothing but words, and numbers, dates and ids of the facts, and commands nothing."""
    words = list(_words(line, known))
    spoken = " ".join(AN_ID if of else raw for raw, _, of in words)
    if not is_plain(" ".join(raw for raw, _, of in words if not of)) or oversteps(spoken, known.ordered):
        return False
    return all(_agrees(word, known) for _, word, of in words if not of)


def _words(line: str, known: Known) -> Iterable[tuple[str, str, str | None]]:
    """Each word as it is written and without its punctuation, and what it is an id of. An id stands behind what it is
    an id of, or behind another such id: `22` alone is a number."""
    before, introduced = "", None
    for raw in line.translate(_MINUSES).split():
        word = raw.strip(_EDGES)
        kinds = (before.lower() in introductions or introduced == of for of, introductions in _INTRODUCES.items())
        of = next((of for of, may in zip(_INTRODUCES, kinds, strict=True) if may and word in known.ids[of]), None)
        yield raw, word, of
        if word and word not in ("and", "or"):
            before, introduced = word, of


def _agrees(word: str, known: Known) -> bool:
    if not any(map(str.isdigit, word)):
        return not (len(word) > 2 and word.isupper() and word not in _CAPITALS) and "#" not in word
    if word in known.dates or word.lower() in _QUANTILES:
        return True
    if found := _COMPOUND.fullmatch(word):
        return _stands(found["number"], known)
    if found := _RANGE.fullmatch(word):
        return _stands(found["low"], known) and _stands(found["high"], known)
    return _PLAIN_NUMBER.fullmatch(word) is not None and _stands(word, known)


def _stands(number: str, known: Known) -> bool:
    """Whether it is a number of the facts, rounded as far as it is written."""
    value, near = float(number.replace(",", "")), 0.5 * 10.0 ** -len(number.partition(".")[2]) + 1e-9
    facts = known.numbers if value < 0 else map(abs, known.numbers)
    return any(abs(fact - value) <= near for fact in facts)
