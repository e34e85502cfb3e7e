"""How does Restock do this work?

By the worker's own functions, one after the other as the worker calls them: decode each message body, group by
product, fold, features. Nothing is rewritten for the occasion, so whatever makes the worker faster shows here."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from bench.engine.spec import FEATURES, OUTCOMES, Batch, Rows, Tally, main
from bench.rows import Disagreement
from domain.day_table import DayTable
from domain.events import ProductKey
from domain.features import rolling_features, series_of
from domain.folding import OpenProduct
from domain.product import Outcome, ProductState
from domain.sales import EventBatch
from domain.taking import close_all, take_all
from handlers.products import OPEN_MAX
from worker.collector import spare_the_collector
from worker.decode import read_singles

Columns = dict[str, NDArray[np.generic]]
COUNTED = [Outcome(name) for name in OUTCOMES[:4]]


class Engine:
    """All products, open, and the newest day seen in any."""

    def __init__(self) -> None:
        self.products: dict[ProductKey, OpenProduct] = {}
        self.table = DayTable.empty(OPEN_MAX)
        self.newest_day = -1

    def take(self, messages: list[tuple[str, str]], now: int) -> tuple[list[Outcome], int, list[OpenProduct], Columns]:
        """Works one micro-batch of (id, body): what became of its events, how many were rejected, the products it
        changed and their feature columns."""
        events, rejected = decoded(messages, now)
        rows = events.by_product()
        products = self.opened(rows)
        outcomes = take_all(products, events, [*rows.values()], self.table)
        changed = [product for product in products if product.fresh]
        self.newest_day = newest_day(changed, self.table, self.newest_day)
        columns = rolling_features(series_of(changed, self.newest_day + 1))
        return [*chain.from_iterable(outcomes)], rejected, changed, columns

    def opened(self, keys: Collection[ProductKey]) -> list[OpenProduct]:
        products = self.products
        try:
            return [products[key] for key in keys]
        except KeyError:
            for key in [key for key in keys if key not in products]:
                products[key] = OpenProduct(ProductState(key), self.table)
        return [products[key] for key in keys]

    def commit(self, changed: list[OpenProduct], now: int) -> None:
        """What the worker does with a change before it writes it. It is not part of the work that is compared: the
        others keep what they have in memory only."""
        close_all(changed, now)


def newest_day(changed: list[OpenProduct], table: DayTable, before: int) -> int:
    """The newest day of any of these products, at least the one of before. The sums are small: all have a row."""
    rows = [product.row for product in changed]
    if None in rows:
        raise Disagreement("a product whose days are not in the table")
    return int(table.newest[rows].max(initial=before))


def decoded(messages: list[tuple[str, str]], now: int) -> tuple[EventBatch, int]:
    """The events, and how many lines were rejected."""
    ids, bodies = zip(*messages, strict=True)
    sales, _, others = read_singles(bodies, ids, now)
    rejected = sum(len(refused) for _, refused in others.values())
    return EventBatch(sales, [event for events, _ in others.values() for event in events]), rejected


def work(batches: Iterator[Batch], tally: Tally) -> None:
    engine = Engine()
    spare_the_collector()
    for now, bodies in batches:
        # SQS gives each message an id; here it is made outside the clock.
        messages = [(f"{now}-{number}", body) for number, body in enumerate(bodies)]
        with tally.clock():
            outcomes, rejected, changed, columns = engine.take(messages, now)
        counts = [outcomes.count(outcome) for outcome in COUNTED]
        if sum(counts) != len(outcomes):
            raise Disagreement(f"an outcome that no peer knows: {set(outcomes)}")
        tally.close_batch(sum(counts) + rejected, counts, rows_of(changed, columns))
        engine.commit(changed, now)


def rows_of(products: list[OpenProduct], columns: Columns) -> Rows:
    """The feature columns as rows: only to compare them, outside the clock."""
    lists = [columns[name].tolist() for name in FEATURES]
    return zip((product.state.key.product_id for product in products), zip(*lists, strict=True), strict=True)


if __name__ == "__main__":
    sys.exit(main(work))
