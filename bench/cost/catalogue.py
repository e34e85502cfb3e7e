"""Which products are sold, and what does Restock know of them already?

Zipf over the catalogue. A product that will be sold has a past: every day of three months, folded as it was sold, so
that header, tail and segments are what the worker itself would have left there; then a decision's traces. Ids are
UUIDs, as producers send them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import numpy as np

from bench.cost.shapes import EVENTS_PER_DAY, Shape
from domain.buckets import KEPT_DAYS
from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.folding import fold
from domain.ledger import Segment
from domain.orders import OpenOrder
from domain.product import INTERVAL_DAYS, ForecastNote, Interval, ProductState, StockLevel
from worker.aws import state_codec as codec
from worker.aws.dynamodb import Item, number, text
from worker.aws.inventory import location_key
from worker.cost.touched import shares
from worker.producer import Row

UNITS_MAX = 5
COVER_DAYS = 25
DAYS_A_FOLD = 7  # of the past: ids are forgotten as days go by
SEED = 20_261_101


class Catalogue:
    """The sales of a run, and the products among them as they are before it. now (ms) is when the run begins."""

    def __init__(self, shape: Shape, now: int) -> None:
        self._now = now
        self._chance = np.random.default_rng(SEED)
        self._daily = shares(shape.products, shape.zipf) * EVENTS_PER_DAY
        self.ranks = self._chance.choice(shape.products, shape.sales, p=shares(shape.products, shape.zipf)).tolist()
        self._stocked = shape.stocked

    def rows(self, first: int, count: int, at: int) -> list[Row]:
        """Some of the sales as a producer sends them, all made at one time (ms)."""
        moment = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
        units = self._chance.integers(1, UNITS_MAX + 1, count).tolist()
        return [
            {
                "event_id": self._id(),
                "product_id": product_at(rank).product_id,
                "occurred_at": moment,
                "quantity": sold,
                "unit_price": f"{1.99 + rank % 97:.2f}",
            }
            for rank, sold in zip(self.ranks[first : first + count], units, strict=True)
        ]

    def items(self) -> Iterator[Item]:
        """What stands in the state table of the products that will be sold: headers, and segments of ids."""
        for rank in sorted(set(self.ranks)):
            state, segments = self._past(rank)
            yield codec.encode_header(_decided(state), f"{rank:032x}")
            yield from (codec.encode_segment(state.key, segment) for segment in segments)

    def stock(self) -> Iterator[Item]:
        """The shop's record of each of them."""
        for rank in sorted(set(self.ranks)):
            weeks = int(self._daily[rank] * (UNITS_MAX + 1) / 2 * COVER_DAYS) + 2 * COVER_DAYS
            yield {
                "product_id": text(product_at(rank).product_id),
                "location_id": text(location_key(None)),
                "current_stock": number(weeks if self._stocked else 0),
            }

    def _past(self, rank: int) -> tuple[ProductState, Sequence[Segment]]:
        """A product that has sold for as long as its days are kept, and the segments that are alive. A day is one
        sale: what a day came to is what a header keeps, and its ids ride in segments."""
        state = ProductState(product_at(rank))
        segments: dict[int, Segment] = {}
        today = self._now // MS_PER_DAY
        daily = self._chance.poisson(self._daily[rank] * (UNITS_MAX + 1) / 2, KEPT_DAYS).tolist()
        sold = [(today - KEPT_DAYS + day, units) for day, units in enumerate(daily) if units]
        for at in range(0, len(sold) or 1, DAYS_A_FOLD):
            week = sold[at : at + DAYS_A_FOLD]
            sales = [self._sale(state.key, day, units, rank) for day, units in week or [(today - 1, 1)]]
            folded = fold(state, sales, sales[-1].occurred_at)
            state = folded.state
            segments.update((segment.number, segment) for segment in folded.written)
        alive = range(state.ledger.first, state.ledger.next_number)
        return state, [segments[number_] for number_ in alive]

    def _sale(self, key: ProductKey, day: int, units: int, rank: int) -> SaleRecorded:
        return SaleRecorded(key, self._id(), day * MS_PER_DAY, units, units * (199 + rank % 97 * 100))

    def _id(self) -> str:
        return str(UUID(bytes=self._chance.bytes(16)))


def _decided(state: ProductState) -> ProductState:
    """The state with what its decisions have left: a forecast, an interval for each of the last days, an order that is
    under way, the shop's stock."""
    today = state.newest_day or 0
    total = (28, 81.23456789012345, 1.2345678901234567)
    return state._replace(
        dirty=0,
        decisions=KEPT_DAYS,
        forecast=ForecastNote(today, 3_000_000_000, "model", (total, total, total)),
        intervals=tuple(Interval(day, 1, 17) for day in range(today - INTERVAL_DAYS + 1, today + 1)),
        cycle=7,
        open_orders=(OpenOrder(7, 48, 0, today + 7),),
        stock=StockLevel(120, today * MS_PER_DAY),
        band="covered",
    )


def product_at(rank: int) -> ProductKey:
    """The product of a rank, the first sells most. Its id is as long as a usual article number."""
    return ProductKey(f"SKU-{rank:08d}", None)
