"""How does an event change what we know of a product?

Folding a batch gives the next state, an outcome for each event, and the ledger segments to write with it. Duplicate
and late are results, not errors. A product may stay open from one batch to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain.buckets import HORIZON_DAYS, NO_DAY, Days, OpenDays
from domain.day_table import DayTable
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
from domain.ledger import ENTRY_BYTES, ID_BYTES, Ledger, Segment, digests_of, entry_of, ids_in, payload_in
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

    state is the one that was last closed. Since then: fresh is what is to be remembered of the events that were
    accepted, last_day the newest of their days, sales and units what they come to."""

    __slots__ = (
        *("_closed_ids", "_days", "_indexed", "_known", "category", "fresh", "last_day", "rest", "row", "sales"),
        *("state", "table", "units"),
    )

    def __init__(self, state: ProductState, table: DayTable | None = None) -> None:
        self.state = self.rest = state
        self._days = state.buckets
        self.table = table
        self.row = table.take_row(state.buckets) if table is not None else None
        self.category = state.category
        self._known: set[bytes] | None = None
        self._indexed = 0  # segments below this number are in the index
        self._closed_ids = state.ledger.size
        self.fresh = b""
        self.last_day = -1
        self.sales = self.units = 0

    def __del__(self) -> None:
        # However it comes to its end, by a lost commit or a cancelled task: the row is free then.
        if self.table is not None and self.row is not None:
            self.table.give_back(self.row)

    @property
    def buckets(self) -> Days:
        """The days as they are now; a copy of what is in the table."""
        if self.table is None or self.row is None:
            return self._days
        return self.table.days([self.row])[0] if self.fresh else self.state.buckets

    def _put(self, days: Days) -> None:
        if self.table is not None and self.row is not None and not self.table.put(self.row, days):
            self.table.give_back(self.row)
            self.row = None
        self._days = days

    @property
    def known(self) -> set[bytes]:
        """Every id that is remembered, for reading. An index of them is made when it is first asked for, and is brought
        up to date whenever it is asked for again: most products are never asked (see domain/taking.py)."""
        ledger = self.state.ledger
        if self._known is None:
            self._known = ledger.digests()
        else:
            since = ledger.segments[max(0, self._indexed - ledger.first) :]
            self._known |= digests_of(ledger.tail).union(*(digests_of(segment.entries) for segment in since))
        self._indexed = ledger.next_number
        if self.fresh:
            self._known |= digests_of(self.fresh)
        return self._known

    def counted_with(self, digest: bytes) -> bytes | None:
        """The payload digest that an id was counted with, None if it was not. What comes again does so soon, and
        needs no index of all ids; where there is one, it is asked first."""
        ledger = self.state.ledger
        if self._known is None:
            found = payload_in(self.fresh, digest) or ledger.newest_payload_of(digest)
            if found is not None:
                return found
        return payload_in(self.fresh, digest) or ledger.payload_of(digest) if digest in self.known else None

    def entries(self) -> bytes:
        """What is remembered of every event."""
        return self.state.ledger.joined() + self.fresh

    @property
    def ids(self) -> int:
        """How many ids are remembered."""
        return self._closed_ids + len(self.fresh) // ENTRY_BYTES

    @property
    def newest(self) -> int:
        return self._days.newest if self.table is None or self.row is None else int(self.table.newest[self.row])

    @property
    def promotions(self) -> tuple[tuple[int, int], ...]:
        return self.rest.promotions

    def take(self, events: Sequence[Event]) -> tuple[Outcome, ...]:
        """Takes events one by one; what became of each. Many sales are better taken by domain/taking.py."""
        days, known, before = OpenDays(self.buckets), self.known, len(self.fresh)
        # Against the days as they were: the order of the events within a batch changes nothing.
        late_before = days.newest - HORIZON_DAYS
        outcomes = tuple([self._take(event, days, late_before, known) for event in events])
        if APPLIED in outcomes:
            self._put(days.closed())
        if self.table is not None and self.row is not None and len(self.fresh) > before:
            more = ids_in(self.fresh[before:])
            self.table.ids.make_room()
            self.table.ids.add(more, self.row, len(more))
        return outcomes

    def _take(self, event: Event, days: OpenDays, late_before: int, known: set[bytes]) -> Outcome:
        entry = entry_of(event)
        digest = entry[:ID_BYTES]
        if digest in known:
            return DUPLICATE if self.entry_of(digest) == entry else CONFLICT
        day = event[2] // MS_PER_DAY
        if type(event) is SaleRecorded:
            outcome = self._sell(event, day, days) if day >= late_before else LATE
        elif type(event) is SaleCorrected:
            outcome = self._correct(event, day, days) if day >= late_before else LATE
        else:
            outcome, self.rest = _noted(self.rest, event, digest)
        if outcome is APPLIED or outcome is UNMATCHED:
            known.add(digest)
            self.fresh += entry
            # The day of any event keeps its id: a receipt must not count twice either.
            self.last_day = max(self.last_day, day)
        return outcome

    def add(self, entries: bytes, sales: int, units: int, last_day: int) -> None:
        """Takes over so many sales that were counted in the table, and what they come to."""
        if self.fresh:
            entries, sales, units = self.fresh + entries, self.sales + sales, self.units + units
            last_day = max(self.last_day, last_day)
        self.fresh, self.sales, self.units, self.last_day = entries, sales, units, last_day

    def _sell(self, sale: SaleRecorded, day: int, days: OpenDays) -> Outcome:
        try:
            days.sell(day, sale)
        except OverflowError:
            return EXCESSIVE
        self.sales += 1
        self.units += sale.quantity
        if sale.category is not None:
            self.category = sale.category
        return APPLIED

    def _correct(self, by: SaleCorrected, day: int, days: OpenDays) -> Outcome:
        try:
            days.add(day, (by.sold, by.revenue, by.returned, by.refunded, by.promoted))
        except OverflowError:
            return EXCESSIVE
        self.sales += by.sales
        self.units += by.sold - by.returned
        return APPLIED

    def entry_of(self, digest: bytes) -> bytes:
        """What is remembered of an event whose id is known."""
        return digest + (payload_in(self.fresh, digest) or self.state.ledger.payload_of(digest) or b"")

    def closed(self, now: int, days: Days | None = None) -> Folded:
        """The next state, and what to write with it. now as in fold; days are its buckets, if somebody has them."""
        days, rest = self.buckets if days is None else days, self.rest
        ledger, written, dropped = self._remembered(now // MS_PER_DAY, days.newest)
        self.state = self.rest = ProductState(
            rest.key,
            rest.version + 1,
            days,
            days.newest if days.newest != NO_DAY else None,
            rest.sales + self.sales,
            rest.units + self.units,
            rest.dirty + len(self.fresh) // ENTRY_BYTES,
            rest.dirty_since if rest.dirty else now,
            rest.decisions,
            rest.received_at,
            ledger,
            self.category,
            *rest[12:],
        )
        self._days = days
        self.fresh, self.last_day, self.sales, self.units = b"", -1, 0, 0
        return Folded(self.state, (), written, dropped)

    def decided(self, state: ProductState) -> bool:
        """Takes over a state that a decision has made of the one that was last closed; False if it is another's."""
        ours = not self.fresh and state.buckets is self.state.buckets and state.ledger is self.state.ledger
        if ours:
            self.state = self.rest = state
            self.category = state.category
        return ours

    def _remembered(self, today: int, newest: int) -> tuple[Ledger, tuple[Segment, ...], tuple[int, ...]]:
        """The ledger with what is fresh, the segments to write, and the numbers of those to delete."""
        before = self.state.ledger
        ledger, written = before.append(self.fresh, self.last_day, today)
        self._closed_ids = self.ids
        if not ledger.segments or newest == NO_DAY:
            return ledger, written, ()
        ledger, dropped = ledger.forget(newest - HORIZON_DAYS, today - HORIZON_DAYS)
        for segment in before.segments[: len(dropped)]:
            self._forget(segment)
        return ledger, written, dropped

    def _forget(self, segment: Segment) -> None:
        count = len(segment.entries) // ENTRY_BYTES
        self._closed_ids -= count
        if self._known is not None:
            self._known -= digests_of(segment.entries)
        if self.table is not None and self.row is not None:
            self.table.ids.forget(self.row, count)


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
