"""What do the tests of a product's state write with?

Sales of the mug, and folds of them: all at once, one by one, or in batches of any size."""

from __future__ import annotations

from itertools import pairwise

from domain_streams import MUG, NEW_YEARS_EVE, NOW
from hypothesis import strategies as st

from domain.events import MS_PER_DAY, SaleRecorded
from domain.folding import fold
from domain.product import Outcome, ProductState

APPLIED, DUPLICATE, LATE, CONFLICT = Outcome.APPLIED, Outcome.DUPLICATE, Outcome.LATE, Outcome.CONFLICT
D = NEW_YEARS_EVE


def sale(event_id: str, day: int, quantity: int = 1, revenue: int = 0, promotion: bool = False) -> SaleRecorded:
    return SaleRecorded(MUG, event_id, day * MS_PER_DAY, quantity, revenue, promotion)


def take(state: ProductState, *events, now: int = NOW) -> tuple[ProductState, list[Outcome]]:
    folded = fold(state, events, now)
    return folded.state, list(folded.outcomes)


def one_by_one(events) -> tuple[ProductState, list[Outcome]]:
    state, outcomes = ProductState(MUG), []
    for event in events:
        state, outcome = take(state, event)
        outcomes += outcome
    return state, outcomes


def counted(state: ProductState) -> tuple:
    """What the events decide, whatever commits they came in."""
    return (
        dict(state.buckets),
        state.newest_day,
        state.sales,
        state.units,
        state.stock,
        state.promotions,
        state.open_orders,
        state.dirty,
        state.category,
    )


def cut(stream, data) -> list:
    """The stream in batches of any size."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))) | {0, len(stream)})
    return [stream[begin:end] for begin, end in pairwise(cuts)]
