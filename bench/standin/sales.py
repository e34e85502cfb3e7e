"""Which sales does a load consist of, and what must the tables say after it?

Products sell by their rank (Zipf: a few sell most), each once before any sells twice: a warm-up of that length touches
all of them. Each has two months of sales behind it, so that states are as large as they are in a shop."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.folding import Folded, fold
from domain.product import ProductState
from handlers.errors import TransientFailure
from handlers.ports import Change, Committed, StateStore

PAST_DAYS = 60
DRAWN_AT_ONCE = 10_000
COMMITTED_AT_ONCE = 1_000
PRICE_MINOR = 1_249

Row = dict[str, Any]


@dataclass(slots=True)
class Sold:
    sales: int = 0
    units: int = 0


@dataclass(slots=True)
class Sales:
    """Sales of so many products, all of them new, written as docs/messages.md asks for. expected is what is counted of
    each product once they are through."""

    products: int
    seed: int = 1
    expected: dict[ProductKey, Sold] = field(default_factory=dict)
    made: int = 0

    def keys(self) -> list[ProductKey]:
        return [ProductKey(f"P-{rank:06d}") for rank in range(self.products)]

    def rows(self, count: int) -> Iterator[Row]:
        """The next so many sales, of now."""
        keys = self.keys()
        opening = np.random.default_rng(self.seed).permutation(self.products)[self.made :][:count]
        chance = np.random.default_rng((self.seed, self.made))
        yield from (self._row(keys[rank], 1) for rank in opening.tolist())
        shares = 1 / np.arange(1, self.products + 1)
        shares /= shares.sum()
        left = count - len(opening)
        while left > 0:
            ranks = chance.choice(self.products, size=min(left, DRAWN_AT_ONCE), p=shares)
            quantities = chance.integers(1, 5, size=len(ranks))
            for rank, quantity in zip(ranks.tolist(), quantities.tolist(), strict=True):
                yield self._row(keys[rank], quantity)
            left -= len(ranks)

    def row_of(self, key: ProductKey) -> Row:
        """One more sale, of this product."""
        return self._row(key, 1)

    def _row(self, key: ProductKey, quantity: int) -> Row:
        self.made += 1
        sold = self.expected.setdefault(key, Sold())
        sold.sales += 1
        sold.units += quantity
        return {
            "product_id": key.product_id,
            "event_id": f"till-{self.seed:04d}-{self.made:010d}",
            "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "quantity": quantity,
            "unit_price": PRICE_MINOR / 100,
            "category": "kitchen",
        }

    def bodies(self, count: int) -> Iterator[str]:
        """As messages of one sale each."""
        return (json.dumps(row, separators=(",", ":")) for row in self.rows(count))

    def remember(self, past: Sequence[Folded]) -> None:
        """What is behind the products is expected too."""
        for each in past:
            sold = self.expected.setdefault(each.state.key, Sold())
            sold.sales += each.state.sales
            sold.units += each.state.units


def past_of(keys: Sequence[ProductKey], now: int) -> list[Folded]:
    """What products have behind them, one sale a day."""
    return [fold(ProductState(key), _past_sales(key, now), now) for key in keys]


def _past_sales(key: ProductKey, now: int) -> list[SaleRecorded]:
    quantities = [1 + (day * 7) % 5 for day in range(1, PAST_DAYS + 1)]
    return [
        SaleRecorded(key, f"past-{key.product_id}-{day}", now - day * MS_PER_DAY, units, units * PRICE_MINOR)
        for day, units in enumerate(quantities, 1)
    ]


async def keep(store: StateStore, folds: Sequence[Folded]) -> None:
    """Writes what is behind the products, as a worker would have."""
    for at in range(0, len(folds), COMMITTED_AT_ONCE):
        some = folds[at : at + COMMITTED_AT_ONCE]
        results = await store.commit([Change(each.state, each.written, each.dropped) for each in some])
        if Committed.NO in results:
            raise TransientFailure("the past of some products is there already")


def differences(expected: dict[ProductKey, Sold], states: Sequence[ProductState]) -> list[str]:
    """What was counted otherwise than expected; nothing if every sale was counted exactly once."""
    found = {state.key: Sold(state.sales, state.units) for state in states}
    return [
        f"{key.product_id}: {found.get(key)} instead of {expected.get(key)}"
        for key in found.keys() | expected.keys()
        if found.get(key) != expected.get(key)
    ]
