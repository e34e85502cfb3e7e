"""Does a sentence of a model say anything that the facts do not hold?

A sentence passes only if each number, date and id in it stands in the facts, and nothing in it is markup, an address or
a number in words. What is in doubt is dropped: a sentence too few costs nothing, an invented number costs trust."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

IN_WORDS: Final = frozenset(
    {"two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"}
    | {"fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty"}
    | {"sixty", "seventy", "eighty", "ninety", "hundred", "hundreds", "thousand", "thousands", "million", "millions"}
    | {"billion", "dozen", "dozens", "double", "doubled", "doubling", "triple", "tripled", "twice", "thrice", "half"}
    | {"halve", "quarter", "percent", "twofold", "tenfold"}
)
# Words that have no place in a report on stock: whoever uses them speaks to somebody else than a planner.
_OUT_OF_PLACE = re.compile(
    r"(?i)\b(instructions?|prompts?|passwords?|passcodes?|credentials?|api|token|secrets?|jailbreak|javascript"
    r"|system|assistant|ignore|disregard|override|click|download|login|wire|transfer|bitcoin)\b"
)
_MARKUP = re.compile(r"[<>`*_{}\[\]|\\~^=$€£&@%]")
_ADDRESS = re.compile(r"(?i)://|\w\w\.[a-z]{2}")
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
    """What the facts hold: numbers, dates, and ids by what they are ids of."""

    numbers: frozenset[float]
    dates: frozenset[str]
    ids: Mapping[str, frozenset[str]]


def known_of(facts: Any) -> Known:
    """What a sentence about these facts may name. Texts of the shop, such as a category, lend it neither number nor
    date: they are not ours."""
    numbers, dates = set(_OF_NAMES), set()
    ids: dict[str, set[str]] = {"product": set(), "order": set(), "location": set()}
    named = {"product_id": "product", "reorder_id": "order", "location_id": "location"}
    for name, value in _leaves(facts):
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            numbers.add(float(value))
        elif isinstance(value, str) and name in named and is_plain_id(value):
            ids[named[name]].add(value)
        elif isinstance(value, str) and name.endswith("_on") and _DATE.fullmatch(value):
            dates.add(value)
    return Known(frozenset(numbers), frozenset(dates), {of: frozenset(found) for of, found in ids.items()})


def is_plain_id(text: str) -> bool:
    """Whether an id can be named in a sentence and be told from anything else."""
    return _PLAIN_ID.fullmatch(text) is not None and not _ADDRESS.search(text)


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
    return {word for word, of in _words(line, known) if of == "product"}


def agrees(line: str, known: Known) -> bool:
    """Whether a sentence says nothing but words, and numbers, dates and ids of the facts."""
    left = [word for word, of in _words(line, known) if of is None]
    rest = " ".join(left)
    if any(unfit.search(rest) for unfit in (_MARKUP, _ADDRESS, _OUT_OF_PLACE)) or not all(map(_is_latin, rest)):
        return False
    return all(_agrees(word, known) for word in left)


def _words(line: str, known: Known) -> Iterable[tuple[str, str | None]]:
    """Each word, and what it is an id of. An id stands behind what it is an id of, or behind another such id: `22`
    alone is a number."""
    before, introduced = "", None
    for word in filter(None, (word.strip(_EDGES) for word in line.translate(_MINUSES).split())):
        kinds = (before.lower() in introductions or introduced == of for of, introductions in _INTRODUCES.items())
        of = next((of for of, may in zip(_INTRODUCES, kinds, strict=True) if may and word in known.ids[of]), None)
        yield word, of
        if word not in ("and", "or"):
            before, introduced = word, of


def _is_latin(character: str) -> bool:
    """Letters of another script and digits of any other kind could spell a number that nothing here would find."""
    if character.isascii():
        return True
    if unicodedata.numeric(character, None) is not None:
        return False
    return not character.isalpha() or unicodedata.name(character, "").startswith("LATIN")


def _agrees(word: str, known: Known) -> bool:
    if any(part in IN_WORDS for part in re.split(r"[-–/]", word.lower())):
        return False
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
