"""The work in plain Python: `json.loads`, checks by hand, a dictionary of products.

What a good programmer would write who adds no dependency. Ids stand in one dictionary a product, days in lists (see
bench/engine/window.py for why not running sums), and what does not depend on a sale stands outside the loops."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from bench.engine.checked import Sale, latest_at, sale_of
from bench.engine.spec import HORIZON_DAYS, Batch, Tally, calendar, main
from bench.engine.window import Days


class Product:
    __slots__ = ("days", "newest", "seen")

    def __init__(self, day: int) -> None:
        self.days = Days(day)
        self.newest = -1
        self.seen: dict[str, int] = {}


def work(batches: Iterator[Batch], tally: Tally) -> None:
    products: dict[str, Product] = {}
    newest = -1
    for now, bodies in batches:
        with tally.clock():
            sales = decoded(bodies, now)
            counts = [0, 0, 0, 0]
            changed: dict[str, Product] = {}
            for sale in sales:
                product_id, _, day, *_ = sale
                product = products.get(product_id)
                if product is None:
                    product = products[product_id] = Product(day)
                outcome = count_one(sale, product)
                counts[outcome] += 1
                if outcome == 0:
                    changed[product_id] = product
                    if day > newest:
                        newest = day
            dates = calendar(newest + 1)
            rows = [(product_id, product.days.row(newest + 1, dates)) for product_id, product in changed.items()]
        tally.close_batch(len(bodies), counts, rows)


def decoded(bodies: list[str], now: int) -> list[Sale]:
    """The valid sales of a batch."""
    loads, latest = json.loads, latest_at(now)
    sales = []
    for body in bodies:
        try:
            said = loads(body)
        except ValueError:
            continue
        sale = sale_of(said, latest)
        if sale is not None:
            sales.append(sale)
    return sales


def count_one(sale: Sale, product: Product) -> int:
    """What becomes of one sale, as its place in the first four OUTCOMES."""
    _, event_id, day, quantity, cents, promotion, payload = sale
    known = product.seen.get(event_id)
    if known is not None:
        return 1 if known == hash(payload) else 3
    if day < product.newest - HORIZON_DAYS:
        return 2
    product.seen[event_id] = hash(payload)
    product.days.sell(day, quantity, cents, promotion)
    if day > product.newest:
        product.newest = day
    return 0


if __name__ == "__main__":
    sys.exit(main(work))
