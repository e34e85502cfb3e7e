"""Does a sentence give an order of its own?

What is ordered, cancelled, frozen and how urgent it is has been decided. A sentence may repeat the order that was just
decided, in its very quantity; it may tell nobody to order otherwise, nor to cancel, to freeze, or to set a threshold.
What is in doubt counts as told."""

from __future__ import annotations

import re
from typing import Final

AN_ID: Final = "#"
"""What stands in the place of an id: how it is spelled says nothing."""

_THRESHOLD = (
    r"(?:reorder[ -]?points?|re-order points?|order[ -]up[ -]to|targets?|thresholds?|safety stock|lead times?"
    r"|service levels?|order quantit(?:y|ies)|quantit(?:y|ies)|minimum|pack sizes?|review periods?)"
)
_AN_ORDER = r"(?:orders?|ordering|reorder|reordering|purchases?|purchasing|deliver(?:y|ies)|replenishment)"
_STOPS = r"(?:stop|halt|suspend|pause|skip|hold|postpone|delay|reject|refuse|approve|release|split|double)"
_STOPPED = r"(?:cancel+ed|frozen|stopped|held|delayed|postponed|revoked)"
_SETS = r"(?:set|raise|lower|increase|decrease|reduce|change|adjust|bump|escalate|lift|mark|treat|cap|fix)"
_OUGHT = r"(?:should|must|ought|shall|needs?|has to|have to)"
_MEDDLES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:urgency|priority|urgent)\b",  # neither stands among the facts
        r"\b(?:cancel|cancel+ing|freeze|freezing|unfreeze|withdraw|revoke|scrap)\b",
        rf"\b(?:{_OUGHT}|to|can|may)(?: to)? be {_STOPPED}\b",
        rf"\b{_STOPS}\b[^.;]{{0,30}}\b{_AN_ORDER}\b",
        rf"\b{_SETS}\b[^.;]{{0,40}}\b{_THRESHOLD}",
        rf"\b{_THRESHOLD}\b[^.;]{{0,40}}\b(?:{_OUGHT}|belongs?|is better)\b",
    )
)
_VERB = r"(?:re-?order|order|buy|purchase|procure|restock|replenish)"
_NOUN_FOLLOWS = "points?|quantit|cycle|size|is|was|are|were|has|have|had|goes|that|which|of|for|in|due"
_BEFORE_A_VERB = (
    r"(?:^|[.;:,!?–] |\b(?:to|should|must|please|and|then|or|can|could|would|will|you|we|now|immediately|also|just"
    r"|better|shall|do|may|need|not|again|today|at once) )"
)
_ORDERS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_BEFORE_A_VERB}{_VERB}\b(?! {AN_ID})(?! (?:{_NOUN_FOLLOWS})\b)",
        r"\b(?:place|raise|send|submit|issue|put in|create|make|trigger)\b[^.;]{0,30}\borders?\b",
        r"\b(?:open|add) (?:an?|another|more)\b[^.;]{0,30}\borders?\b",
        rf"\b(?:{_OUGHT}|to)(?: to)? be (?:re-?)?(?:ordered|bought|purchased|procured)\b",
        r"\b(?:an?|another|next) (?:new )?(?:re-?)?order (?:of|for) ",
    )
)
_CLAUSES = re.compile(r"[:;]|[.!?](?:\s|$)")
_UNITS = re.compile(r"(?<![\d.])(\d[\d,]*(?:\.\d+)?)")


def oversteps(spoken: str, ordered: frozenset[float]) -> bool:
    """Whether a sentence, AN_ID for each id in it, tells to do what was not decided. ordered: quantities of orders that
    were just decided."""
    said = spoken.lower()
    if any(meddles.search(said) for meddles in _MEDDLES):
        return True
    return any(_orders_otherwise(clause.strip(), ordered) for clause in _CLAUSES.split(said))


def _orders_otherwise(clause: str, ordered: frozenset[float]) -> bool:
    if not any(orders.search(clause) for orders in _ORDERS):
        return False
    numbers = {float(number.replace(",", "")) for number in _UNITS.findall(clause)}
    # Nothing but the decided quantity: "order 84 units, then 97" tells of two.
    return not numbers or not numbers <= ordered
