"""How does an event change what we know of a product?

Folding a batch gives the next state, an outcome for each event, and the ledger segments to write with it. Duplicate
and late are results, not errors. A product may stay open from one batch to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain.buckets import HORIZON_DAYS, NO_DAY, SLOTS, OpenDays, bucket_of
from domain.events import (
    MS_PER_DAY,
    Event,
    OfOrder,
    OfPlan,
    PromotionPlanned,
    SaleCorrected,
    SaleRecorded,
    StockChanged,
)
from domain.ledger import ID_BYTES, Ledger, Segment, digests_of, entry_of
from domain.lifecycle import heard
from domain.product import Outcome, ProductState, StockLevel

APPLIED, DUPLICATE, LATE, CONFLICT, EXCESSIVE, UNMATCHED = Outcome
PROMOTIONS_MAX = 16


class Folded(NamedTuple):
    """The result of a fold: the next state (the same object if nothing was accepted) and what to write with it."""

    state: ProductState
    outcomes: tuple[Outcome, ...]
    written: tuple[Segment, ...] = ()
    dropped: tuple[int, ...] = ()


def fold(state: ProductState, events: Sequence[Event], now: int) -> Folded:
    """Folds events of one product into its state. now (ms) dates the change and ages event ids, nothing else."""
    opened = OpenProduct(state)
    outcomes = opened.take(events)
    return Folded(state, outcomes) if not opened.fresh else opened.closed(now)._replace(outcomes=outcomes)


class OpenProduct:
    """A product's state under change: it takes events, and says when asked what they have made of it.

    state is the one that was last closed. Whoever keeps an open product keeps an index of its event ids with it, and
    copies its days once a closing instead of once a fold."""

    __slots__ = ("buckets", "category", "fresh", "known", "last_day", "rest", "state")

    def __init__(self, state: ProductState) -> None:
        self.state = self.rest = state
        self.buckets = OpenDays(state.buckets)
        self.category = state.category
        self.known = state.ledger.digests()
        self.fresh: dict[bytes, bytes] = {}
        self.last_day = -1

    @property
    def promotions(self) -> tuple[tuple[int, int], ...]:
        return self.rest.promotions

    def take(self, events: Sequence[Event]) -> tuple[Outcome, ...]:  # noqa: C901 - see below
        """Takes events; what became of each."""
        # Every sale passes here: what nearly all of them need stands in the loop itself, where it costs half.
        days, known, fresh = self.buckets, self.known, self.fresh
        days.own()
        # Against the days as they were: the order of the events within a batch changes nothing.
        late_before = days.newest - HORIZON_DAYS
        main, newest, oldest = days.main, days.newest, days.oldest
        outcomes: list[Outcome] = []
        sales = units = 0
        for event in events:
            entry = entry_of(event)
            digest = entry[:ID_BYTES]
            if digest in known:
                outcomes.append(DUPLICATE if self._entry_of(digest) == entry else CONFLICT)
                continue
            day = event[2] // MS_PER_DAY
            if type(event) is not SaleRecorded:
                outcome = self._note(event, day, late_before, digest)
                main, newest, oldest = days.main, days.newest, days.oldest
            elif day < late_before:
                outcome = LATE
            else:
                _, _, _, quantity, revenue, promotion, category = event
                try:
                    if day > newest:
                        days.advance(day)
                        main, newest, oldest = days.main, days.newest, days.oldest
                    if quantity >= 0 and day >= oldest and not promotion:
                        slot = day % SLOTS
                        # The sum that might not fit comes first: then the other was not touched yet.
                        main[SLOTS + slot] += revenue
                        main[slot] += quantity
                    else:
                        days.add(day, bucket_of(event))
                except OverflowError:
                    outcome = EXCESSIVE
                else:
                    outcome = APPLIED
                    sales += 1
                    units += quantity
                    if category is not None:
                        self.category = category
            outcomes.append(outcome)
            if outcome is APPLIED or outcome is UNMATCHED:
                known.add(digest)
                fresh[digest] = entry
                # The day of any event keeps its id: a receipt must not count twice either.
                if day > self.last_day:
                    self.last_day = day
        days.sales += sales
        days.units += units
        return tuple(outcomes)

    def _entry_of(self, digest: bytes) -> bytes:
        """What is remembered of an event whose id is known."""
        return self.fresh.get(digest) or digest + (self.state.ledger.payload_of(digest) or b"")

    def _note(self, event: Event, day: int, late_before: int, digest: bytes) -> Outcome:
        if isinstance(event, SaleCorrected):
            return _corrected(self.buckets, event, day) if day >= late_before else LATE
        outcome, self.rest = _noted(self.rest, event, digest)
        return outcome

    def closed(self, now: int) -> Folded:
        """The next state, and what to write with it. now as in fold."""
        ledger, written, dropped = self._remembered(now // MS_PER_DAY)
        days, rest = self.buckets, self.rest
        sales, units = days.sales, days.units
        self.state = self.rest = ProductState(
            rest.key,
            rest.version + 1,
            days.closed(),
            days.newest if days.newest != NO_DAY else None,
            rest.sales + sales,
            rest.units + units,
            rest.dirty + len(self.fresh),
            rest.dirty_since if rest.dirty else now,
            rest.decisions,
            rest.received_at,
            ledger,
            self.category,
            *rest[12:],
        )
        self.fresh, self.last_day = {}, -1
        return Folded(self.state, (), written, dropped)

    def decided(self, state: ProductState) -> bool:
        """Takes over a state that a decision has made of the one that was last closed; False if it is another's."""
        ours = not self.fresh and state.buckets is self.state.buckets and state.ledger is self.state.ledger
        if ours:
            self.state = self.rest = state
            self.category = state.category
        return ours

    def _remembered(self, today: int) -> tuple[Ledger, tuple[Segment, ...], tuple[int, ...]]:
        """The ledger with what is fresh, the segments to write, and the numbers of those to delete."""
        before, newest = self.state.ledger, self.buckets.newest
        ledger, written = before.append(b"".join(self.fresh.values()), self.last_day, today)
        if not ledger.segments or newest == NO_DAY:
            return ledger, written, ()
        ledger, dropped = ledger.forget(newest - HORIZON_DAYS, today - HORIZON_DAYS)
        for segment in before.segments[: len(dropped)]:
            self.known -= digests_of(segment.entries)
        return ledger, written, dropped


def _corrected(days: OpenDays, by: SaleCorrected, day: int) -> Outcome:
    try:
        days.add(day, (by.sold, by.revenue, by.returned, by.refunded, by.promoted))
    except OverflowError:
        return EXCESSIVE
    days.sales += by.sales
    days.units += by.sold - by.returned
    return APPLIED


def _noted(state: ProductState, event: Event, digest: bytes) -> tuple[Outcome, ProductState]:
    """What an event that is no sale makes of the rest of a state."""
    if isinstance(event, OfOrder | OfPlan):
        return heard(state, event, digest)
    if isinstance(event, StockChanged):
        told = StockLevel(event.level, event.occurred_at)
        newer = state.stock is None or (told.at, told.level) > (state.stock.at, state.stock.level)
        return APPLIED, state._replace(stock=told) if newer else state
    if isinstance(event, PromotionPlanned):
        kept = sorted({*state.promotions, (event.starts_on, event.ends_on)})
        return APPLIED, state._replace(promotions=tuple(kept)[-PROMOTIONS_MAX:])
    raise TypeError(f"no event of a product: {type(event).__name__}")
