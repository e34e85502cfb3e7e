"""Which orders of one supplier go out together, and when?

Orders of a supplier that is bought from jointly wait for its next review day. Those decided before that day are one
purchase, if they come to the supplier's minimum, or if one of the products would run out before the review after that
could bring it. One purchase has one id: that of its supplier and day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from domain.buying import EVERY_DAY, Rule, next_review_day, review_day
from domain.events import ProductKey

LINES_MAX = 500
EPOCH = date(1970, 1, 1)


class WaitingLine(NamedTuple):
    """An order that waits for its supplier's review. value_minor: None if nothing says what a unit costs. stockout_on:
    the day the stock and what is on order without this line would be gone, None if that cannot be foreseen."""

    supplier: str
    product: ProductKey
    cycle: int
    quantity: int
    value_minor: int | None
    stockout_on: int | None
    lead_time_days: int
    proposed_on: int


class Purchase(NamedTuple):
    """Orders of one supplier that go out together. reason: what let them go."""

    proposal_id: str
    supplier: str
    review_on: int
    value_minor: int
    minimum_minor: int
    reason: str
    lines: tuple[WaitingLine, ...]


def purchase_of(supplier: str, rule: Rule, waiting: Sequence[WaitingLine], today: int) -> Purchase | None:
    """The purchase of the supplier's newest review day up to today; None if its orders must go on waiting.

    A supplier without a minimum has none of 0. A line beyond LINES_MAX waits for the next review."""
    weekdays = EVERY_DAY if rule.order_weekdays is None else rule.order_weekdays
    day = review_day(weekdays, today)
    lines = sorted((line for line in waiting if line.proposed_on < day), key=lambda line: (line.proposed_on, line))
    if not lines:
        return None
    lines = lines[:LINES_MAX]
    value = sum(line.value_minor or 0 for line in lines)
    minimum = rule.minimum_order_value_minor or 0
    later = next_review_day(weekdays, day)
    urgent = any(_runs_out(line, later) for line in lines)
    if value < minimum and not urgent:
        return None
    reason = "minimum reached" if value >= minimum else "a product would run out before the next review"
    return Purchase(f"{supplier}:{EPOCH + timedelta(days=day)}", supplier, day, value, minimum, reason, tuple(lines))


def taken_by(purchases: Sequence[Purchase], lines: Sequence[WaitingLine]) -> Mapping[WaitingLine, Purchase]:
    """Those lines that are in a purchase, and in which. A line that began to wait on the purchase's day or later is not
    the one of that name in it: that one's order was never committed."""
    said = {(line.product, line.cycle): p for p in sorted(purchases, key=_review_on) for line in p.lines}
    found = {line: said.get((line.product, line.cycle)) for line in lines}
    return {line: p for line, p in found.items() if p is not None and line.proposed_on < p.review_on}


def _review_on(purchase: Purchase) -> int:
    return purchase.review_on


def _runs_out(line: WaitingLine, next_review: int) -> bool:
    """Whether the product is gone before an order of the next review could be there."""
    return line.stockout_on is not None and line.stockout_on < next_review + line.lead_time_days
