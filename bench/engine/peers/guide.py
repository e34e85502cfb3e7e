"""The work as the usual guide to forecasting demand does it: a product's sales become a pandas frame, from which all
features are computed again.

Sales are held in memory here, where the guide queries a table for them, and a product is recomputed once a batch, not
once an event; the frame is of integer columns, summed by day before anything rolls; only the last row is asked of each
rolling window. Decoding and counting are those of the plain peer."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pandas as pd

from bench.engine.peers.plain import Product, count_one, decoded
from bench.engine.spec import WINDOW_DAYS, Batch, Tally, calendar, main
from bench.engine.window import WEIGHTS

Sold = tuple[int, int, int, int, int]
COLUMNS = ["day", "net", "sold", "revenue", "promoted"]


class Sales:
    """What plain Python would sum up at once is kept here sale by sale, as a table of sales would."""

    def __init__(self) -> None:
        self.rows: list[Sold] = []

    def sell(self, day: int, quantity: int, price_minor: int, promotion: bool) -> None:
        sold = max(quantity, 0)
        self.rows.append((day, quantity, sold, sold * price_minor, sold if promotion else 0))

    def row(self, as_of: int, dates: tuple[int, int, int, int]) -> tuple[float, ...]:
        frame = pd.DataFrame(self.rows, columns=COLUMNS)
        days = frame.groupby("day").sum().reindex(range(as_of - WINDOW_DAYS, as_of), fill_value=0)
        net = days["net"]
        positive = net.to_numpy()[::-1] > 0
        selling = days[days["sold"] > 0]
        sums = days.sum()
        ratio = 1.0
        if len(selling) and sums["revenue"]:
            ratio = (selling["revenue"].iloc[-1] / selling["sold"].iloc[-1]) / (sums["revenue"] / sums["sold"])
        return (
            net.iloc[-7],
            net.iloc[-30],
            net.iloc[-7:].mean(),
            net.iloc[-30:].mean(),
            net.mean(),
            net.to_numpy() @ WEIGHTS,
            net.iloc[-30:].std(ddof=0),
            net.iloc[::7].mean(),
            (net != 0).mean(),
            int(positive.argmax()) + 1 if positive.any() else WINDOW_DAYS + 1,
            ratio,
            sums["promoted"] / sums["sold"] if sums["sold"] else 0.0,
            *dates,
        )


def work(batches: Iterator[Batch], tally: Tally) -> None:
    products: dict[str, Product] = {}
    newest = -1
    for now, bodies in batches:
        with tally.clock():
            counts = [0, 0, 0, 0]
            changed: dict[str, Product] = {}
            for sale in decoded(bodies, now):
                product_id, _, day, *_ = sale
                product = products.get(product_id)
                if product is None:
                    product = products[product_id] = Product(day)
                    product.days = Sales()  # type: ignore[assignment]  # it takes sales and gives rows too
                outcome = count_one(sale, product)
                counts[outcome] += 1
                if outcome == 0:
                    changed[product_id] = product
                    newest = max(newest, day)
            dates = calendar(newest + 1)
            rows = [(product_id, product.days.row(newest + 1, dates)) for product_id, product in changed.items()]
        tally.close_batch(len(bodies), counts, [(product_id, list(map(float, row))) for product_id, row in rows])


if __name__ == "__main__":
    sys.exit(main(work))
