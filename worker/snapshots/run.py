"""How does a snapshot come about, and what does a second one of the same day do?

It replaces the first, file by file: each appears whole, one after the other, and `inventory_now` last, so that whoever
reads in between finds it no newer than the rest. One that fails among them has replaced those before it.

Tables of how things stand get one file, of the day. Tables of what happened get a file for each of the days back to
`since`, empty ones too: late sales, receipts and planners change what was written before, and what is older stays as it
was. The products pass by once, a page at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

from domain.accuracy import Promise, distinct
from domain.buckets import KEPT_DAYS
from domain.drift import DAYS_A_WEEK
from domain.events import MS_PER_DAY, ProductKey
from domain.product import ProductState
from handlers.announcements import iso_day
from handlers.errors import Misconfigured, TransientFailure
from handlers.ports import AccuracyBook
from handlers.watch_accuracy import GRACE_DAYS, SCORED_MAX
from worker.snapshots import rows
from worker.snapshots.parquet import Row, TableFile
from worker.snapshots.places import Open
from worker.snapshots.reading import Page, Reading
from worker.snapshots.tables import (
    ACCURACY,
    FORECAST_WEEKS,
    INVENTORY,
    INVENTORY_NOW,
    REORDERS,
    STOCKOUTS,
    Table,
)

REMEMBERED_DAYS = KEPT_DAYS - DAYS_A_WEEK  # a whole week that begins then is known
CLOSED_WEEKS = 60  # more than there are weeks to write, from whichever day


@dataclass(frozen=True, slots=True)
class Days:
    """today: the day of the snapshot. since: the first day of which what happened is written again."""

    today: int
    since: int

    @classmethod
    def of(cls, today: int, back: int, now: int) -> Self:
        """So many days back, but no further than the states remember on the day that it is now: of what is older they
        would say that nothing sold."""
        return cls(today, max(today - back, now - REMEMBERED_DAYS))

    @property
    def weeks(self) -> range:
        """The closed weeks that begin within those days."""
        return range(-(-self.since // DAYS_A_WEEK), (self.today - GRACE_DAYS) // DAYS_A_WEEK)


@dataclass(slots=True)
class Files:
    """The open files, by table and day."""

    opened: dict[tuple[str, int], TableFile] = field(default_factory=dict)

    async def add(self, table: Table, day: int, row: Row) -> None:
        """A row of a day that is not written is passed over."""
        found = self.opened.get((table.name, day))
        if found is not None:
            await found.add(row)

    def counts(self) -> dict[str, int]:
        """Rows by table."""
        counted: dict[str, int] = defaultdict(int)
        for (name, _), file in self.opened.items():
            counted[name] += file.rows
        return dict(counted)


@asynccontextmanager
async def files(begin: Open, days: Days) -> AsyncIterator[Files]:
    """The files of a snapshot. They appear at the end of the block, one after the other; if the block fails, none does,
    and if one cannot be finished, those before it are there and the rest is as it was."""
    wanted: list[tuple[Table, Iterable[int]]] = [
        (INVENTORY, (days.today,)),
        (STOCKOUTS, (days.today,)),
        (REORDERS, range(days.since, days.today + 1)),
        (FORECAST_WEEKS, (week * DAYS_A_WEEK for week in days.weeks)),
        (ACCURACY, (week * DAYS_A_WEEK for week in days.weeks)),
        (INVENTORY_NOW, (days.today,)),
    ]
    opened = Files()
    try:
        for table, of_table in wanted:
            for day in of_table:
                opened.opened[table.name, day] = TableFile(table, begin(table.key(str(iso_day(day)))))
        yield opened
        for file in opened.opened.values():
            await file.close()
    except BaseException:
        for file in opened.opened.values():
            # One that cannot be taken away must not keep the others; the bucket forgets its parts after a day.
            with suppress(Misconfigured, TransientFailure, OSError):
                await file.abandon()
        raise


async def take_snapshot(reading: Reading, book: AccuracyBook, begin: Open, days: Days) -> dict[str, int]:
    """Writes every table; returns its rows."""
    promises = await promised(book, days.weeks)
    async with files(begin, days) as opened:
        for scored in await book.closed(CLOSED_WEEKS):
            for row in rows.accuracy_rows(scored):
                await opened.add(ACCURACY, scored.week * DAYS_A_WEEK, row)
        async for page in reading.pages(days.today, days.since):
            await _write(opened, page, promises, days)
    return opened.counts()


async def promised(book: AccuracyBook, weeks: range) -> dict[ProductKey, list[tuple[int, Promise]]]:
    """What was promised of each product, with its week: at most SCORED_MAX products a week, as they are scored."""
    found: dict[ProductKey, list[tuple[int, Promise]]] = defaultdict(list)
    for week in weeks:
        for each in distinct(await book.promised(week), SCORED_MAX):
            found[each.product].append((week, each))
    return found


async def _write(opened: Files, page: Page, promises: dict[ProductKey, list[tuple[int, Promise]]], days: Days) -> None:
    for seen in page.products:
        row = rows.inventory_row(seen)
        await opened.add(INVENTORY, days.today, row)
        await opened.add(INVENTORY_NOW, days.today, row)
        short = rows.stockout_row(seen)
        if short is not None:
            await opened.add(STOCKOUTS, days.today, short)
        await _write_promises(opened, seen.state, promises.get(seen.state.key, ()))
    for product, item, state in page.orders:
        row = rows.reorder_row(product, item, state, days.today)
        await opened.add(REORDERS, int(item["decided_at"]["N"]) // MS_PER_DAY, row)


async def _write_promises(opened: Files, state: ProductState, said: Iterable[tuple[int, Promise]]) -> None:
    for week, each in said:
        await opened.add(FORECAST_WEEKS, week * DAYS_A_WEEK, rows.promise_row(week, each, state))
