"""Is a sentence nothing but plain words?

Only letters of the Latin script, digits, and the punctuation of a plain sentence; no markup, no address, no number
that is spelled out, and no word that speaks to somebody else than a planner."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

IN_WORDS: Final = frozenset(
    {"zero", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"}
    | {"fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty"}
    | {"sixty", "seventy", "eighty", "ninety", "nil", "nought", "naught", "couple", "dozen", "dozens", "score"}
    | {"scores", "gross", "pair", "pairs", "double", "doubles", "doubled", "doubling", "triple", "triples", "tripled"}
    | {"quadruple", "quadrupled", "twice", "thrice", "half", "halves", "halve", "halved", "third", "thirds", "quarter"}
    | {"quarters", "quarterly", "fifth", "tenth", "percent", "lakh", "crore", "million", "umpteen", "tripling"}
)
_COUNTED = re.compile(r"hundred|thousand|million|billion|trillion|\w+fold(?:s|ed)?$|\w+percent")
# Letters or digits one by one: "t w o", "9 9 9".
_SPACED = re.compile(r"(?<![\w.])(?:[^\W\d_][\s._-]+){2,}[^\W\d_](?!\w)|\d\s+\d")
# Words that have no place in a report on stock: whoever uses them speaks to somebody else than a planner.
_OUT_OF_PLACE = re.compile(
    r"(?i)\b(instructions?|prompts?|passwords?|passcodes?|credentials?|api|token|secrets?|jailbreak|javascript"
    r"|system|assistant|ignore|disregard|override|click|download|login|wire|transfer|bitcoin)\b"
)
_MARKUP = re.compile(r"[<>`*_{}\[\]|\\~^=$€£&@%]")
_PUNCTUATION: Final = frozenset(" .,;:!?()\"'+-–—/#“”‘’„‚«»…·")
_ADDRESS = re.compile(
    r"(?i)://|\bwww\b|\w\s?[.·][^\W\d_]|\w\s[.·]\s?[^\W\d_]|\bdot (?:com|net|org|io|ai|co|eu|de|info|app|dev|shop)\b"
)
_ABBREVIATIONS = re.compile(r"(?i)(?<![\w.])(?:e\.g|i\.e)(?![\w])")


def holds_address(text: str) -> bool:
    """Whether a text, or a part of it, could be followed as a link."""
    return _ADDRESS.search(_ABBREVIATIONS.sub("", text)) is not None


def is_plain(text: str) -> bool:
    """Whether a text is plain words; of the numbers that are written in digits others judge."""
    if not all(map(_is_plain_character, unicodedata.normalize("NFC", text))):
        return False
    bare = without_marks(text)
    if holds_address(bare) or any(unfit.search(bare) for unfit in (_MARKUP, _OUT_OF_PLACE, _SPACED)):
        return False
    return not any(is_number_in_words(part) for part in re.split(r"[\s.,;:!?()\"'+–—/#“”‘’„‚«»…·-]+", bare.lower()))


def without_marks(text: str) -> str:
    """The text in its plainest spelling: compatible characters for what looks like them, accents off."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(character for character in apart if not unicodedata.combining(character))


def is_number_in_words(word: str) -> bool:
    """word: lower-case, without punctuation."""
    return word in IN_WORDS or _COUNTED.search(word) is not None


def _is_plain_character(character: str) -> bool:
    """Letters of another script and digits of any other kind could spell a number that nothing here would find, and
    what only looks like a full stop an address."""
    if character.isascii():
        return character.isprintable()
    if character in _PUNCTUATION:
        return True
    # A letter that is spelled otherwise where it is compatible, such as a full-width one, is none of a plain text.
    plain = unicodedata.normalize("NFKC", character) == character and unicodedata.numeric(character, None) is None
    return plain and character.isalpha() and unicodedata.name(character, "").startswith("LATIN")
