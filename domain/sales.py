"""What do many sales say, column by column?

As a sender's lines are read: nothing is an object a sale until somebody asks for one. An EventBatch is such sales, then
other events, and for whoever does not care it is a sequence of events like any other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from domain.events import Event, ProductKey, SaleRecorded

Ints = NDArray[np.int64]

# A quarter of what calling a named tuple's class costs.
sale_of = partial(tuple.__new__, SaleRecorded)


class SaleColumns(NamedTuple):
    """n sales, field by field as in SaleRecorded; the numbers as int64 (n,), promotion as bool (n,)."""

    product: Sequence[ProductKey]
    event_id: Sequence[str]
    occurred_at: Ints
    quantity: Ints
    revenue_minor: Ints
    promotion: NDArray[np.bool_]
    category: Sequence[str | None]

    @classmethod
    def of(cls, sales: Sequence[SaleRecorded]) -> SaleColumns:
        if not sales:
            return NO_SALES
        products, ids, occurred_at, quantities, revenues, promotions, categories = zip(*sales, strict=True)
        times, quantity, revenue = (np.array(each, dtype=np.int64) for each in (occurred_at, quantities, revenues))
        return cls(products, ids, times, quantity, revenue, np.array(promotions, dtype=np.bool_), categories)

    def with_more(self, more: SaleColumns) -> SaleColumns:
        """These sales, then those."""
        if not self.event_id or not more.event_id:
            return self if self.event_id else more
        return SaleColumns(
            [*self.product, *more.product],
            [*self.event_id, *more.event_id],
            np.concatenate([self.occurred_at, more.occurred_at]),
            np.concatenate([self.quantity, more.quantity]),
            np.concatenate([self.revenue_minor, more.revenue_minor]),
            np.concatenate([self.promotion, more.promotion]),
            [*self.category, *more.category],
        )

    def sale(self, row: int) -> SaleRecorded:
        return SaleRecorded(
            self.product[row],
            self.event_id[row],
            int(self.occurred_at[row]),
            int(self.quantity[row]),
            int(self.revenue_minor[row]),
            bool(self.promotion[row]),
            self.category[row],
        )

    def take(self, rows: Sequence[int]) -> SaleColumns:
        """These sales, in this order."""
        index = np.array(rows, dtype=np.intp)
        products, ids, categories = self.product, self.event_id, self.category
        return SaleColumns(
            [products[row] for row in rows],
            [ids[row] for row in rows],
            self.occurred_at[index],
            self.quantity[index],
            self.revenue_minor[index],
            self.promotion[index],
            [categories[row] for row in rows],
        )


_NONE = np.zeros(0, dtype=np.int64)
NO_SALES = SaleColumns((), (), _NONE, _NONE, _NONE, np.zeros(0, dtype=np.bool_), ())


class EventBatch(Sequence[Event]):
    """Events in this order: sales by column, then others."""

    def __init__(self, sales: SaleColumns = NO_SALES, others: Sequence[Event] = ()) -> None:
        self.sales = sales
        self.others = others
        self.plain = len(sales.event_id)
        self.products: list[ProductKey] = [*sales.product, *(event.product for event in others)]

    @classmethod
    def of(cls, events: Sequence[Event]) -> EventBatch:
        if isinstance(events, cls):
            return events
        if {*map(type, events)} == {SaleRecorded}:
            return cls(SaleColumns.of(events))  # type: ignore[arg-type]  # it was just asked
        return cls(NO_SALES, events)

    def __len__(self) -> int:
        return len(self.products)

    @overload
    def __getitem__(self, row: int) -> Event: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Event]: ...
    def __getitem__(self, row: int | slice) -> Event | Sequence[Event]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        return self.sales.sale(row) if row < self.plain else self.others[row - self.plain]

    def __iter__(self) -> Iterator[Event]:
        return (self[row] for row in range(len(self)))

    def by_product(self) -> dict[ProductKey, list[int]]:
        """The rows of each product, in their order."""
        rows: defaultdict[ProductKey, list[int]] = defaultdict(list)
        for row, product in enumerate(self.products):
            rows[product].append(row)
        return dict(rows)
