"""How are the sales of many products counted at once?

As columns: ids are looked up product by product, everything else is done for all sales together, in the table where
the open products' days are. What comes of it is what OpenProduct.take makes of the same events; whoever brings
anything but sales, or has no row in the table, is left to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from sys import intern
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.buckets import HORIZON_DAYS, KEPT_DAYS
from domain.day_table import PROMOTED, REFUNDED, RETURNED, REVENUE, SOLD, DayTable, Ints
from domain.events import MS_PER_DAY
from domain.folding import Folded, OpenProduct
from domain.id_filter import IdFilter, twins
from domain.ledger import ENTRY_BYTES, ID_BYTES, entries_of, ids_in
from domain.product import Outcome
from domain.sales import EventBatch, SaleColumns

APPLIED, DUPLICATE, LATE, CONFLICT, *_ = Outcome
SALES_MIN = 16  # fewer are counted faster one by one
Outcomes = Sequence[Outcome]


def take_all(
    products: Sequence[OpenProduct], events: EventBatch, rows: Sequence[Sequence[int]], table: DayTable
) -> list[Outcomes]:
    """Takes some rows of the events for each of these products, each of which is there once; what became of each."""
    if events.others:
        places = [p for p, product in enumerate(products) if product.row is not None and rows[p][-1] < events.plain]
    else:
        places = [p for p, product in enumerate(products) if product.row is not None]
    if sum([len(rows[place]) for place in places]) < SALES_MIN:
        places = []
    together: list[Outcomes] = []
    if places:
        sales = _Sales.chosen(products, events.sales, rows, places)
        fit = table.make_room(sales.row, sales.added())
        if not fit.all():
            places = [place for place, fits in zip(places, fit.tolist(), strict=True) if fits]
            sales = _Sales.chosen(products, events.sales, rows, places)
        together = _counted(sales, table)
    if len(places) == len(products):
        return together
    outcomes = dict(zip(places, together, strict=True))
    return [
        outcomes[place] if place in outcomes else product.take([events[row] for row in rows[place]])
        for place, product in enumerate(products)
    ]


class _Parts(NamedTuple):
    """What is counted of sales, each (n,); of is the place of each one's product."""

    of: Ints
    day: Ints
    quantity: Ints
    revenue: Ints
    promotion: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_]) -> _Parts:
        of, day, quantity, revenue, promotion = self
        return _Parts(of[chosen], day[chosen], quantity[chosen], revenue[chosen], promotion[chosen])


class _Sales(NamedTuple):
    """Sales of some products. row: (products,), the products' rows in the table; ends: (products,), how many sales they
    have up to and with each. Then, in the order of the products, a column each, (n,): at, the place of each sale in
    columns, where they are as they came; of, the place of its product."""

    products: Sequence[OpenProduct]
    row: Ints
    ends: Ints
    at: Ints
    of: Ints
    day: Ints
    quantity: Ints
    revenue: Ints
    promotion: NDArray[np.bool_]
    columns: SaleColumns

    @classmethod
    def chosen(
        cls,
        products: Sequence[OpenProduct],
        sales: SaleColumns,
        rows: Sequence[Sequence[int]],
        places: Sequence[int],
    ) -> _Sales:
        """The sales of the products in these places."""
        if len(places) < len(products):
            products, rows = [products[place] for place in places], [rows[place] for place in places]
        chosen = [*chain.from_iterable(rows)]
        at = np.array(chosen, dtype=np.intp)
        if len(chosen) < len(sales.event_id):
            sales, at = sales.take(chosen), np.arange(len(chosen))
        sizes = np.array([*map(len, rows)], dtype=np.intp)
        return cls(
            products,
            np.array([product.row for product in products], dtype=np.intp),
            np.cumsum(sizes),
            at,
            np.repeat(np.arange(len(products)), sizes),
            (sales.occurred_at // MS_PER_DAY)[at],
            sales.quantity[at],
            sales.revenue_minor[at],
            sales.promotion[at],
            sales,
        )

    def added(self) -> NDArray[np.float64]:
        """By how much the sales of each product can change any of its sums at most."""
        size = np.abs(self.quantity.astype(np.float64)) + np.abs(self.revenue.astype(np.float64))
        return np.bincount(self.of, weights=size, minlength=len(self.products)).astype(np.float64)

    def parts(self, chosen: NDArray[np.bool_]) -> _Parts:
        """What is counted of some of the sales."""
        parts = _Parts(self.of, self.day, self.quantity, self.revenue, self.promotion)
        return parts if chosen.all() else parts.where(chosen)


def _counted(sales: _Sales, table: DayTable) -> list[Outcomes]:
    """What becomes of each product's sales; the table and the products have them then."""
    if not sales.products:
        return []
    newest = table.newest[sales.row]
    # Against the days as they were: the order of the events within a batch changes nothing.
    late = sales.day < (newest - HORIZON_DAYS)[sales.of]
    entries = entries_of(sales.columns)[sales.at]
    outcomes, applied = _recognised(sales, entries, late, table.ids)
    parts, entries = sales.parts(applied), entries[applied]
    np.maximum.at(newest, parts.of, parts.day)
    table.advance(sales.row, newest)
    _add(table, sales.row, newest, parts)
    counts = np.bincount(parts.of, minlength=len(sales.products))
    table.ids.add(ids_in(entries), sales.row, counts)
    _give_back(sales, parts, applied, counts, entries.tobytes())
    return outcomes


def _add(table: DayTable, rows: Ints, newest: Ints, parts: _Parts) -> None:
    """Adds sales to their days, but for days that are too old to be kept beside the newest of them."""
    kept = parts.day >= newest[parts.of] - KEPT_DAYS
    of, day, quantity, revenue, promotion = parts if kept.all() else parts.where(kept)
    row, back = rows[of], quantity < 0
    sign = np.where(back, -1, 1)
    table.add(row, day, np.where(back, RETURNED, SOLD), sign * quantity)
    table.add(row, day, np.where(back, REFUNDED, REVENUE), sign * revenue)
    promoted = promotion & ~back
    if promoted.any():
        table.add(row[promoted], day[promoted], np.full(np.count_nonzero(promoted), PROMOTED), quantity[promoted])


def _recognised(
    sales: _Sales, entries: NDArray[np.void], late: NDArray[np.bool_], known: IdFilter
) -> tuple[list[Outcomes], NDArray[np.bool_]]:
    """What becomes of each sale, by product, and which are counted."""
    untold = np.flatnonzero(known.untold(sales.row))
    if untold.size:
        _tell([sales.products[place] for place in untold.tolist()], sales.row[untold], known)
    ids = ids_in(entries)
    perhaps = known.perhaps(ids)
    sizes = np.diff(sales.ends, prepend=0).tolist()
    all_applied = {size: (APPLIED,) * size for size in {*sizes}}
    others: dict[int, list[Outcome]] = {}
    applied = np.ones(len(ids), dtype=np.bool_)
    # Of every other sale it is certain that it is new and in time.
    doubtful = np.flatnonzero(perhaps | late | twins(ids))
    for at, place, outcome in _judged(sales, entries, late, perhaps, doubtful):
        if outcome is not APPLIED:
            applied[at] = False
            if place not in others:
                others[place] = [APPLIED] * sizes[place]
            others[place][at - int(sales.ends[place])] = outcome
    return [others.get(place) or all_applied[size] for place, size in enumerate(sizes)], applied


def _tell(products: Sequence[OpenProduct], rows: Ints, known: IdFilter) -> None:
    """Tells the filter what products have counted before."""
    entries = b"".join([product.entries() for product in products if product.ids])
    known.tell(ids_in(entries), rows, np.array([product.ids for product in products]))


def _judged(
    sales: _Sales, entries: NDArray[np.void], late: NDArray[np.bool_], perhaps: NDArray[np.bool_], doubtful: Ints
) -> Iterator[tuple[int, int, Outcome]]:
    """Doubtful sales one by one: where they are, the place of their product, and what becomes of them."""
    counted: dict[tuple[int, bytes], bytes] = {}
    columns = (each[doubtful].tolist() for each in (sales.of, late, perhaps))
    for at, place, is_late, asked in zip(doubtful.tolist(), *columns, strict=True):
        entry = entries[at].tobytes()
        digest, payload = entry[:ID_BYTES], entry[ID_BYTES:]
        known_as = counted.get((place, digest))
        if known_as is None and asked:
            known_as = sales.products[place].counted_with(digest)
        if known_as is not None:
            yield at, place, DUPLICATE if known_as == payload else CONFLICT
        elif is_late:
            yield at, place, LATE
        else:
            counted[place, digest] = payload
            yield at, place, APPLIED


def _give_back(sales: _Sales, parts: _Parts, applied: NDArray[np.bool_], counts: Ints, entries: bytes) -> None:
    """Tells each product what the sales have made of it that were counted."""
    products, place = sales.products, parts.of
    units = np.zeros(len(products), dtype=np.int64)
    np.add.at(units, place, parts.quantity)
    last_days = np.full(len(products), -1, dtype=np.int64)
    np.maximum.at(last_days, place, parts.day)
    end = 0
    for product, count, net, last_day, category in zip(
        products, counts.tolist(), units.tolist(), last_days.tolist(), _categories(sales, applied), strict=True
    ):
        if count:
            start, end = end, end + count * ENTRY_BYTES
            product.add(entries[start:end], count, net, last_day)
            if category is not None and category is not product.category:
                product.category = intern(category)  # there are few, and as many copies as sales otherwise


def _categories(sales: _Sales, applied: NDArray[np.bool_]) -> Iterable[str | None]:
    """The last category that was said of each product, in a counted sale; None where none was."""
    category = sales.columns.category
    if None not in {*category} and applied[sales.ends - 1].all():
        return map(category.__getitem__, sales.at[sales.ends - 1].tolist())
    last: list[str | None] = [None] * len(sales.products)
    for place, counted, at in zip(sales.of.tolist(), applied.tolist(), sales.at.tolist(), strict=True):
        said = category[at]
        if counted and said is not None:
            last[place] = said
    return last


def close_all(products: Sequence[OpenProduct], now: int) -> list[Folded]:
    """Closes each of these products; their days are copied from the table all at once."""
    rows = [product.row for product in products if product.row is not None]
    copies = iter(products[0].table.days(rows)) if rows and products[0].table is not None else iter(())
    return [product.closed(now, next(copies) if product.row is not None else None) for product in products]
