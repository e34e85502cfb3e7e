"""Which events may reach a product, and what would a naive shopkeeper make of them?

Hypothesis makes the streams; the twin keeps a plain list of what it accepted and counts everything anew each time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pandas as pd
from hypothesis import strategies as st

from domain.buckets import Bucket
from domain.events import (
    MS_PER_DAY,
    Event,
    ProductKey,
    PromotionPlanned,
    ReorderCancelled,
    SaleCorrected,
    SaleRecorded,
    ShipmentReceived,
    StockChanged,
)
from domain.product import Outcome

MUG = ProductKey("85123A", "north")
NEW_YEARS_EVE = 15_339  # 2011-12-31; the leap day of 2012 is 60 days later
TODAY = 20_000
NOW = TODAY * MS_PER_DAY

# Both sides of month ends, of the leap day, of the 35-day horizon and of the 91 days that are kept.
days = st.one_of(
    st.integers(NEW_YEARS_EVE - 3, NEW_YEARS_EVE + 3),
    st.sampled_from([NEW_YEARS_EVE + offset for offset in (-92, -91, -36, -35, 31, 32, 35, 36, 59, 60, 61, 91, 92)]),
    st.integers(NEW_YEARS_EVE - 100, NEW_YEARS_EVE + 100),
)
times = st.builds(
    lambda day, ms: day * MS_PER_DAY + ms,
    days,
    st.one_of(st.sampled_from([0, MS_PER_DAY - 1]), st.integers(0, MS_PER_DAY - 1)),
)
quantities = st.one_of(st.just(0), st.integers(-5, 30))
prices = st.sampled_from([0, 1, 199, 255, -100])


@st.composite
def sales_of(draw, event_id: str, at=times) -> SaleRecorded:
    quantity = draw(quantities)
    return SaleRecorded(MUG, event_id, draw(at), quantity, quantity * draw(prices), draw(st.booleans()))


def corrections_of(event_id: str, at=times) -> st.SearchStrategy[SaleCorrected]:
    """Of sales that may not be there yet, or never: a day may be below zero."""
    parts = [st.integers(-30, 30) for _ in Bucket._fields]
    return st.builds(SaleCorrected, st.just(MUG), st.just(event_id), at, st.integers(-2, 2), *parts)


def other_events_of(event_id: str) -> st.SearchStrategy[Event]:
    order_ids = st.sampled_from(["85123A#north:1", "85123A#north:9", "85123A:1", "nonsense"])
    return st.one_of(
        st.builds(StockChanged, st.just(MUG), st.just(event_id), times, st.integers(-5, 100)),
        st.builds(lambda at, first, n: PromotionPlanned(MUG, event_id, at, first, first + n), times, days, st.just(3)),
        st.builds(ShipmentReceived, st.just(MUG), st.just(event_id), times, order_ids, st.integers(1, 9)),
        st.builds(ReorderCancelled, st.just(MUG), st.just(event_id), times, order_ids),
    )


@st.composite
def deliveries(draw, events_max: int = 20, corrected: bool = False) -> list[Event]:
    """Events as they come in: some more than once, some ids with another payload, in any order, some late."""
    count = draw(st.integers(1, events_max))
    kinds = [other_events_of, *[corrections_of] * corrected, *[sales_of] * 4]
    events: list[Event] = [draw(draw(st.sampled_from(kinds))(f"e{n}")) for n in range(count)]
    again = draw(st.lists(st.sampled_from(events), max_size=events_max // 2))
    altered = draw(st.lists(st.integers(0, count - 1).flatmap(lambda n: sales_of(f"e{n}")), max_size=3))
    return draw(st.permutations([*events, *again, *altered]))


@dataclass
class Shopkeeper:
    """The naive twin: a list of accepted events, aggregated anew whenever someone asks. It forgets no id."""

    accepted: list[Event] = field(default_factory=list)

    @property
    def sales(self) -> list[SaleRecorded]:
        return [event for event in self.accepted if isinstance(event, SaleRecorded)]

    @property
    def corrections(self) -> list[SaleCorrected]:
        return [event for event in self.accepted if isinstance(event, SaleCorrected)]

    @property
    def newest_day(self) -> int | None:
        return max((date_of(event.occurred_at) for event in (*self.sales, *self.corrections)), default=None)

    @property
    def count(self) -> int:
        return len(self.sales) + sum(correction.sales for correction in self.corrections)

    @property
    def units(self) -> int:
        return sum(s.quantity for s in self.sales) + sum(c.sold - c.returned for c in self.corrections)

    def deliver(self, *batch: Event) -> list[Outcome]:
        """What becomes of the events of one commit. Late is older than 35 days before what was newest before it."""
        newest = self.newest_day
        return [self._take(event, newest) for event in batch]

    def _take(self, event: Event, newest: int | None) -> Outcome:
        for known in self.accepted:
            if known.event_id == event.event_id:
                return Outcome.DUPLICATE if known == event and type(known) is type(event) else Outcome.CONFLICT
        of_a_sale = isinstance(event, SaleRecorded | SaleCorrected)
        if of_a_sale and newest is not None and newest - date_of(event.occurred_at) > 35:
            return Outcome.LATE
        self.accepted.append(event)
        return Outcome.APPLIED

    def table(self) -> pd.DataFrame:
        """One row an accepted sale; date is a Timestamp."""
        columns = ["occurred_at", "quantity", "revenue", "promotion"]
        rows = [(s.occurred_at, s.quantity, s.revenue_minor, s.promotion) for s in self.sales]
        table = pd.DataFrame(rows, columns=columns)
        return table.assign(date=pd.to_datetime(table.pop("occurred_at").astype("int64"), unit="ms").dt.normalize())

    def buckets(self) -> dict[int, Bucket]:
        """The days that came to anything and are not further than 91 days before the newest one."""
        table = self.table()
        sold, back = table["quantity"].clip(lower=0), -table["quantity"].clip(upper=0)
        counted = table[["date"]].assign(
            sold=sold,
            revenue=table["revenue"].where(table["quantity"] >= 0, 0),
            returned=back,
            refunded=-table["revenue"].where(table["quantity"] < 0, 0),
            promoted=sold.where(table["promotion"].astype(bool), 0),
        )
        corrected = pd.DataFrame(self.corrections, columns=SaleCorrected._fields)
        days = pd.to_datetime(corrected["occurred_at"].astype("int64"), unit="ms").dt.normalize()
        both = pd.concat([counted, corrected[list(Bucket._fields)].assign(date=days)]).astype(
            dict.fromkeys(Bucket._fields, "int64")
        )
        if both.empty:
            return {}
        by_day = both.groupby("date")[list(Bucket._fields)].sum()
        by_day = by_day[by_day.index >= by_day.index.max() - pd.Timedelta(days=91)]
        by_day = by_day[(by_day != 0).any(axis=1)]
        epoch = pd.Timestamp("1970-01-01")
        return {(date - epoch).days: Bucket(*row) for date, row in zip(by_day.index, by_day.to_numpy(), strict=True)}

    def stock(self) -> tuple[int, int] | None:
        """The newest count; of two at the same time, the higher."""
        counts = [(e.occurred_at, e.level) for e in self.accepted if isinstance(e, StockChanged)]
        return max(counts)[::-1] if counts else None


def date_of(occurred_at: int) -> int:
    """The day by the calendar, not by our division."""
    return datetime.fromtimestamp(occurred_at / 1000, UTC).date().toordinal() - 719_163
