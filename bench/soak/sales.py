"""Which sales does a soak send, and what must come of them?

Zipf over the products, so that some are always cached and most are fetched again; a year of days; ids that are all
different, some sales sent again at once or weeks later, and lines that are no sale. What every product must have
counted in the end is known exactly."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from domain.buckets import KEPT_DAYS
from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from worker.local.shop import OPENING_DAYS, OPENING_MIN
from worker.producer import Row

ZIPF_EXPONENT = 1.3
WARM_DAYS = 2 * (KEPT_DAYS + 1)
CHUNK_SALES_MAX = 2_000
CHUNK_DAYS_MAX = 10
DUPLICATE_RATE = 0.01  # half at once, half of a sale some weeks old
POISON_RATE = 0.001
RETURN_RATE = 0.02
OLD_DAYS_MAX = 20  # with a chunk's own days still within the horizon: a duplicate, not a late sale
REMEMBERED_RATE = 0.01  # of the sales, to be sent again weeks later
POISON: tuple[Row, ...] = (
    '{"event_id": "cut off", "product_id": "P000',
    {"event_id": "no quantity", "product_id": "P00001", "occurred_at": "2026-01-01"},
    {"event_id": "no time", "product_id": "P00001", "quantity": 1, "occurred_at": "yesterday"},
)


class Chunk(NamedTuple):
    """Lines to send (good, repeated and bad ones), the sales among them that are new, and the time it then is."""

    rows: list[Row]
    sales: list[SaleRecorded]
    now: int


@dataclass(slots=True)
class Stream:
    """events distinct sales of `products` products over `days` days from start (ms)."""

    events: int
    products: int
    days: int
    start: int
    seed: int = 1
    sales_of: Any = None
    units_of: Any = None
    repeated: int = 0
    poison: int = 0
    seen_at: list[int] = field(default_factory=list)  # [n]: how many sales there were when product n + 1 first sold
    _earlier: deque[tuple[int, Row]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.sales_of = np.zeros(self.products, dtype=np.int64)
        self.units_of = np.zeros(self.products, dtype=np.int64)

    @property
    def shares(self) -> Any:
        """The share of each product in the sales."""
        weights = np.arange(1, self.products + 1, dtype=np.float64) ** -ZIPF_EXPONENT
        return weights / weights.sum()

    def sales_in(self, days: int) -> int:
        """How many sales so many days have."""
        return self.events * days // self.days

    @property
    def expected(self) -> dict[ProductKey, tuple[int, int]]:
        """Sales and net units of every product that sold."""
        return {
            product_at(rank): (int(self.sales_of[rank]), int(self.units_of[rank]))
            for rank in np.flatnonzero(self.sales_of).tolist()
        }

    def opening(self) -> dict[ProductKey, int]:
        """Units on hand at the start: some weeks of sales."""
        weeks = self.shares * self.events * 3 * OPENING_DAYS / self.days
        return {product_at(rank): max(OPENING_MIN, int(units)) for rank, units in enumerate(weeks.tolist())}

    def warm_after(self, cached_products: int) -> int:
        """After how many sales what is bounded has reached its bound: the cache is full, the oldest ids have been
        forgotten, the buckets cover every day that is kept; and as long again, for the heap to see its largest batches.
        Intervals come one a decided day, which so fast a year has few of: they are left to the limit to allow for."""
        full = self.seen_at[cached_products - 1] if len(self.seen_at) >= cached_products else self.events
        return min(self.events, max(full, self.sales_in(WARM_DAYS)))

    def chunks(self) -> Iterator[Chunk]:
        """Everything to send, in order."""
        chance = np.random.default_rng(self.seed)
        shares = self.shares
        met: set[int] = set()
        size = max(1, min(CHUNK_SALES_MAX, self.sales_in(CHUNK_DAYS_MAX)))
        for first in range(0, self.events, size):
            count = min(size, self.events - first)
            ranks = chance.choice(self.products, count, p=shares)
            units = chance.integers(1, 6, count) * np.where(chance.random(count) < RETURN_RATE, -1, 1)
            np.add.at(self.sales_of, ranks, 1)
            np.add.at(self.units_of, ranks, units)
            pairs = list(zip(ranks.tolist(), units.tolist(), strict=True))
            for number, (rank, _) in enumerate(pairs, first + 1):
                if rank not in met:
                    met.add(rank)
                    self.seen_at.append(number)
            sales = [self._sale(number, rank, sold) for number, (rank, sold) in enumerate(pairs, first)]
            yield self._chunk(sales, chance)

    def _sale(self, number: int, rank: int, units: int) -> SaleRecorded:
        at = self.start + number * self.days * MS_PER_DAY // self.events
        return SaleRecorded(product_at(rank), f"sale-{number:09d}", at, units, units * (199 + rank % 900))

    def _chunk(self, sales: list[SaleRecorded], chance: Any) -> Chunk:
        now = sales[-1].occurred_at
        rows: list[Row] = [row_of(sale) for sale in sales]
        fresh = [rows[at] for at in chance.integers(0, len(rows), len(rows)) if chance.random() < DUPLICATE_RATE / 2]
        while self._earlier and self._earlier[0][0] < now - OLD_DAYS_MAX * MS_PER_DAY:
            self._earlier.popleft()
        old = [row for _, row in self._earlier if chance.random() < DUPLICATE_RATE / 2 * len(rows) / len(self._earlier)]
        bad = [POISON[int(chance.integers(len(POISON)))] for _ in range(int(chance.binomial(len(rows), POISON_RATE)))]
        self._earlier += [(sales[0].occurred_at, row) for row in rows if chance.random() < REMEMBERED_RATE]
        self.repeated += len(fresh) + len(old)
        self.poison += len(bad)
        return Chunk([*rows, *fresh, *old, *bad], sales, now)


def product_at(rank: int) -> ProductKey:
    """The product of a rank, 0 sells most; two in three have a location."""
    return ProductKey(f"P{rank:05d}", None if rank % 3 == 0 else f"STORE-{rank % 7}")


def row_of(sale: SaleRecorded) -> dict[str, Any]:
    """A sale as a producer would write it."""
    return {
        "event_id": sale.event_id,
        "product_id": sale.product.product_id,
        "location_id": sale.product.location_id,
        "occurred_at": datetime.fromtimestamp(sale.occurred_at / 1000, UTC).isoformat(),
        "quantity": sale.quantity,
        "unit_price": sale.revenue_minor / sale.quantity / 100,
        "category": "Lights",
    }
