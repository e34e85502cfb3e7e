"""Which product is a sentence about, and do the facts of that very product bear it out?

Of several products a sentence must name exactly one, by its id: what is true of one product is not told of another,
and each is told only what was said of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from handlers.insight_check import Known, agrees, known_of, products_named
from handlers.insight_text import InsightText


class BorneOut(NamedTuple):
    """What was said of each product and holds, in the order of the facts; how many sentences were kept, and not."""

    texts: tuple[InsightText, ...]
    kept: int
    dropped: int


def borne_out(text: InsightText, facts: Mapping[str, Any]) -> BorneOut:
    """An answer held against the facts that were asked about, as they were sent."""
    products: Sequence[Mapping[str, Any]] = facts["products"]
    known = [known_of(product) for product in products]
    together = known_of(facts)

    def about(row: int) -> Callable[[str], bool]:
        name = str(products[row].get("product_id"))
        alone = len(products) == 1
        return lambda line: (alone or products_named(line, together) == {name}) and agrees(line, known[row])

    texts = tuple(_only(text, about(row)) for row in range(len(products)))
    kept = sum(map(sentences, texts))
    return BorneOut(texts, kept, sentences(text) - kept)


def agreeing(text: InsightText, known: Known) -> InsightText:
    """An insight on one product without the sentences that its facts do not bear out."""
    return _only(text, lambda line: agrees(line, known))


def _only(text: InsightText, holds: Callable[[str], bool]) -> InsightText:
    return replace(
        text,
        factors=tuple(filter(holds, text.factors)),
        recommendations=tuple(filter(holds, text.recommendations)),
        risks=tuple(filter(holds, text.risks)),
        inventory_suggestions=tuple(filter(holds, text.inventory_suggestions)),
    )


def sentences(text: InsightText) -> int:
    """How many sentences an insight has."""
    return len(text.factors) + len(text.recommendations) + len(text.risks) + len(text.inventory_suggestions)
