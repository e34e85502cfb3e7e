"""How are the sales of many products counted at once?

As columns: ids are looked up product by product, everything else is done for all sales together, in the table where
the open products' days are. What comes of it is what OpenProduct.take makes of the same events; whoever brings
anything but sales, or has no row in the table, is left to it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from sys import intern
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.buckets import HORIZON_DAYS, KEPT_DAYS
from domain.day_table import PROMOTED, REFUNDED, RETURNED, REVENUE, SOLD, DayTable, Ints
from domain.events import MS_PER_DAY
from domain.folding import Folded, OpenProduct
from domain.ledger import ENTRY_BYTES, entries_of
from domain.product import Outcome
from domain.sales import EventBatch, SaleColumns

APPLIED, DUPLICATE, LATE, CONFLICT, *_ = Outcome
SALES_MIN = 16  # fewer are counted faster one by one
Outcomes = Sequence[Outcome]


def take_all(
    products: Sequence[OpenProduct], events: EventBatch, rows: Sequence[Sequence[int]], table: DayTable
) -> list[Outcomes]:
    """Takes some rows of the events for each of these products, each of which is there once; what became of each."""
    places = [p for p, product in enumerate(products) if product.row is not None and rows[p][-1] < events.plain]
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
    """Sales in the order of their products. row: (products,), the products' rows in the table; sizes: how many sales
    each has; of: (n,), the place of each sale's product. Then a column each, (n,)."""

    products: Sequence[OpenProduct]
    row: Ints
    sizes: Sequence[int]
    of: Ints
    day: Ints
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
        sizes = [*map(len, rows)]
        columns = sales.take([*chain.from_iterable(rows)])
        table_rows = np.array([product.row for product in products], dtype=np.intp)
        of = np.repeat(np.arange(len(products)), sizes)
        return cls(products, table_rows, sizes, of, columns.occurred_at // MS_PER_DAY, columns)

    def added(self) -> NDArray[np.float64]:
        """By how much the sales of each product can change any of its sums at most."""
        added = np.zeros(len(self.products))
        for column in (self.columns.quantity, self.columns.revenue_minor):
            np.add.at(added, self.of, np.abs(column.astype(np.float64)))
        return added

    def where(self, chosen: NDArray[np.bool_]) -> _Parts:
        """What is counted of some of the sales."""
        _, _, _, quantity, revenue, promotion, _ = self.columns
        parts = _Parts(self.of, self.day, quantity, revenue, promotion)
        return parts if chosen.all() else parts.where(chosen)


def _counted(sales: _Sales, table: DayTable) -> list[Outcomes]:
    """What becomes of each product's sales; the table and the products have them then."""
    if not sales.products:
        return []
    newest = table.newest[sales.row]
    # Against the days as they were: the order of the events within a batch changes nothing.
    late = sales.day < (newest - HORIZON_DAYS)[sales.of]
    digests, entries = entries_of(sales.columns)
    outcomes, applied = _recognised(sales, digests, entries, late)
    parts = sales.where(applied)
    np.maximum.at(newest, parts.of, parts.day)
    table.advance(sales.row, newest)
    _add(table, sales.row, newest, parts)
    _give_back(sales, parts, applied, entries[applied].tobytes())
    return outcomes


def _add(table: DayTable, rows: Ints, newest: Ints, parts: _Parts) -> None:
    """Adds sales to their days, but for days that are too old to be kept beside the newest of them."""
    kept = parts.day >= newest[parts.of] - KEPT_DAYS
    of, day, quantity, revenue, promotion = parts if kept.all() else parts.where(kept)
    row, back = rows[of], quantity < 0
    for column, chosen, part in (
        (SOLD, ~back, quantity),
        (REVENUE, ~back, revenue),
        (RETURNED, back, -quantity),
        (REFUNDED, back, -revenue),
        (PROMOTED, promotion & ~back, quantity),
    ):
        table.add(row[chosen], day[chosen], column, part[chosen])


def _recognised(
    sales: _Sales, digests: Sequence[bytes], entries: NDArray[np.uint8], late: NDArray[np.bool_]
) -> tuple[list[Outcomes], NDArray[np.bool_]]:
    """What becomes of each sale, by product, and which are counted; the ids of those are known from now on."""
    all_applied = [(APPLIED,) * size for size in range(max(sales.sizes) + 1)]
    outcomes: list[Outcomes] = [all_applied[size] for size in sales.sizes]
    applied = np.ones(len(digests), dtype=np.bool_)
    some_late = {*sales.of[late].tolist()}
    at = 0
    for place, (product, size) in enumerate(zip(sales.products, sales.sizes, strict=True)):
        known, end = product.known, at + size
        if size == 1:
            plain = place not in some_late and digests[at] not in known
            if plain:
                known.add(digests[at])
        else:
            fresh = {*digests[at:end]}
            plain = len(fresh) == size and place not in some_late and known.isdisjoint(fresh)
            if plain:
                known |= fresh
        if not plain:
            outcomes[place] = said = _judged(product, digests[at:end], entries[at:end], late[at:end].tolist())
            applied[at:end] = [outcome is APPLIED for outcome in said]
        at = end
    return outcomes, applied


def _judged(
    product: OpenProduct, digests: Sequence[bytes], entries: NDArray[np.uint8], late: Sequence[bool]
) -> list[Outcome]:
    """One by one, as some of these sales are not new or not in time."""
    counted: dict[bytes, int] = {}
    said = []
    for at, (digest, is_late) in enumerate(zip(digests, late, strict=True)):
        if digest in product.known:
            first = counted.get(digest)
            known_as = product.entry_of(digest) if first is None else entries[first].tobytes()
            said.append(DUPLICATE if known_as == entries[at].tobytes() else CONFLICT)
        elif is_late:
            said.append(LATE)
        else:
            product.known.add(digest)
            counted[digest] = at
            said.append(APPLIED)
    return said


def _give_back(sales: _Sales, parts: _Parts, applied: NDArray[np.bool_], entries: bytes) -> None:
    """Tells each product what the sales have made of it that were counted."""
    products, place = sales.products, parts.of
    counts = np.bincount(place, minlength=len(products))
    units = np.zeros(len(products), dtype=np.int64)
    np.add.at(units, place, parts.quantity)
    last_days = np.full(len(products), -1, dtype=np.int64)
    np.maximum.at(last_days, place, parts.day)
    categories = _categories(sales, applied)
    end = 0
    for at, (product, count, net, last_day) in enumerate(
        zip(products, counts.tolist(), units.tolist(), last_days.tolist(), strict=True)
    ):
        if count:
            start, end = end, end + count * ENTRY_BYTES
            product.fresh += entries[start:end]
            product.sales += count
            product.units += net
            product.last_day = max(product.last_day, last_day)
            category = categories.get(at)
            if category is not None and category != product.category:
                product.category = intern(category)  # there are few, and as many copies as sales otherwise


def _categories(sales: _Sales, applied: NDArray[np.bool_]) -> dict[int, str | None]:
    """The last category that was said of each product, by its place; None or nothing where none was."""
    category = sales.columns.category
    if applied.all() and None not in category:
        return dict(zip(sales.of.tolist(), category, strict=True))
    named = zip(sales.of.tolist(), applied.tolist(), category, strict=True)
    return {of: said for of, counted, said in named if counted and said is not None}


def close_all(products: Sequence[OpenProduct], now: int) -> list[Folded]:
    """Closes each of these products; their days are copied from the table all at once."""
    rows = [product.row for product in products if product.row is not None]
    copies = iter(products[0].table.days(rows)) if rows and products[0].table is not None else iter(())
    return [product.closed(now, next(copies) if product.row is not None else None) for product in products]
