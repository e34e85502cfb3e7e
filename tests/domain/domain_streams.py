"""Which events may reach a product, and what would a naive shopkeeper make of them?

Hypothesis makes the streams; the twin keeps a plain list of what it accepted and counts everything anew each time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pandas as pd
from hypothesis import strategies as st

from domain.events import (
    MS_PER_DAY,
    Event,
    ProductKey,
    PromotionPlanned,
    ReorderCancelled,
    SaleRecorded,
    ShipmentReceived,
    StockChanged,
)
from domain.product import Bucket, Outcome

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


def other_events_of(event_id: str) -> st.SearchStrategy[Event]:
    order_ids = st.sampled_from(["85123A#north:1", "85123A#north:9", "85123A:1", "nonsense"])
    return st.one_of(
        st.builds(StockChanged, st.just(MUG), st.just(event_id), times, st.integers(-5, 100)),
        st.builds(lambda at, first, n: PromotionPlanned(MUG, event_id, at, first, first + n), times, days, st.just(3)),
        st.builds(ShipmentReceived, st.just(MUG), st.just(event_id), times, order_ids, st.integers(1, 9)),
        st.builds(ReorderCancelled, st.just(MUG), st.just(event_id), times, order_ids),
    )


@st.composite
def deliveries(draw, events_max: int = 20) -> list[Event]:
    """Events as they come in: some more than once, some ids with another payload, in any order, some late."""
    count = draw(st.integers(1, events_max))
    events: list[Event] = [
        draw(other_events_of(f"e{n}") if draw(st.integers(0, 5)) == 0 else sales_of(f"e{n}")) for n in range(count)
    ]
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
    def newest_day(self) -> int | None:
        return max((date_of(sale.occurred_at) for sale in self.sales), default=None)

    def deliver(self, *batch: Event) -> list[Outcome]:
        """What becomes of the events of one commit. Late is older than 35 days before what was newest before it."""
        newest = self.newest_day
        return [self._take(event, newest) for event in batch]

    def _take(self, event: Event, newest: int | None) -> Outcome:
        for known in self.accepted:
            if known.event_id == event.event_id:
                return Outcome.DUPLICATE if known == event and type(known) is type(event) else Outcome.CONFLICT
        if isinstance(event, SaleRecorded) and newest is not None and newest - date_of(event.occurred_at) > 35:
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
        """The days that are not further than 91 days before the newest one."""
        table = self.table()
        if table.empty:
            return {}
        sold, back = table["quantity"].clip(lower=0), -table["quantity"].clip(upper=0)
        counted = table[["date"]].assign(
            sold=sold,
            revenue=table["revenue"].where(table["quantity"] >= 0, 0),
            returned=back,
            refunded=-table["revenue"].where(table["quantity"] < 0, 0),
            promoted=sold.where(table["promotion"].astype(bool), 0),
        )
        by_day = counted.groupby("date").sum()
        by_day = by_day[by_day.index >= by_day.index.max() - pd.Timedelta(days=91)].astype("int64")
        epoch = pd.Timestamp("1970-01-01")
        return {(date - epoch).days: Bucket(*row) for date, row in zip(by_day.index, by_day.to_numpy(), strict=True)}

    def stock(self) -> tuple[int, int] | None:
        """The newest count; of two at the same time, the higher."""
        counts = [(e.occurred_at, e.level) for e in self.accepted if isinstance(e, StockChanged)]
        return max(counts)[::-1] if counts else None


def date_of(occurred_at: int) -> int:
    """The day by the calendar, not by our division."""
    return datetime.fromtimestamp(occurred_at / 1000, UTC).date().toordinal() - 719_163
