"""The work with River's statistics: a handful of `stats.Sum` a product, updated by a sale and reverted by the day that
leaves its window.

River's own `Rolling` and `TimeRolling` cannot take a sale that is days late, nor close a window on a day without
sales, and `Var` loses digits when it reverts; so the windows are moved here, over sums of whole numbers, which stay
exact. What River has no revertible statistic for is a loop over the days, as in plain Python. orjson decodes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from math import sqrt
from operator import mul

from river import stats

from bench.engine.peers.grouped import grouped
from bench.engine.peers.plain import Product, count_one
from bench.engine.spec import WINDOW_DAYS, Batch, Tally, calendar, main
from bench.engine.window import WEIGHTS, Days

WINDOWS = (7, 30, WINDOW_DAYS)


class RiverDays(Days):
    """Days, and the sums over the windows that end before as_of."""

    __slots__ = ("as_of", "promoted_sum", "revenue_sum", "sold_sum", "squares", "units")

    def __init__(self, day: int) -> None:
        super().__init__(day)
        self.as_of = day
        self.units = [(window, stats.Sum()) for window in WINDOWS]
        self.squares, self.sold_sum = stats.Sum(), stats.Sum()
        self.revenue_sum, self.promoted_sum = stats.Sum(), stats.Sum()

    def sell(self, day: int, quantity: int, price_minor: int, promotion: bool) -> None:
        if day >= self.as_of:
            self.move(day + 1)
        super().sell(day, quantity, price_minor, promotion)
        age = self.as_of - day
        if age > WINDOW_DAYS:
            return
        for window, units in self.units:
            if age <= window:
                units.update(quantity)
        if age <= 30:
            after = self.net[day - self.first]
            self.squares.update(after * after - (after - quantity) ** 2)
        if quantity > 0:
            self.sold_sum.update(quantity)
            self.revenue_sum.update(quantity * price_minor)
            if promotion:
                self.promoted_sum.update(quantity)

    def move(self, as_of: int) -> None:
        """Lets the windows end before as_of: some days leave, and those that enter have no sales yet."""
        if self.as_of - WINDOW_DAYS < self.first:
            self.reach_back(self.as_of - WINDOW_DAYS)
        for window, units in self.units:
            for left in filter(None, self.net[self.leaving(window, as_of)]):
                units.revert(left)
                if window == 30:
                    self.squares.revert(left * left)
        gone = self.leaving(WINDOW_DAYS, as_of)
        for sold, revenue, promoted in zip(self.sold[gone], self.revenue[gone], self.promoted[gone], strict=True):
            if sold:
                self.sold_sum.revert(sold)
                self.revenue_sum.revert(revenue)
                self.promoted_sum.revert(promoted)
        self.as_of = as_of
        # Only now, as it may cut from the front what had to be reverted.
        self.reach(as_of)

    def leaving(self, window: int, as_of: int) -> slice:
        """The days that a window loses when it is moved."""
        start = self.as_of - window
        return slice(start - self.first, min(as_of - window, self.as_of) - self.first)

    def row(self, as_of: int, dates: tuple[int, int, int, int]) -> tuple[float, ...]:
        if as_of > self.as_of:
            self.move(as_of)
        end = as_of - self.first
        net = self.net[end - WINDOW_DAYS : end]
        week, month, whole = (units.get() for _, units in self.units)
        since = next((age for age, day in enumerate(reversed(net), 1) if day > 0), WINDOW_DAYS + 1)
        return (
            net[-7],
            net[-30],
            week / 7,
            month / 30,
            whole / WINDOW_DAYS,
            sum(map(mul, net, WEIGHTS)),
            sqrt(30 * self.squares.get() - month * month) / 30,
            sum(net[::7]) / 8,
            (WINDOW_DAYS - net.count(0)) / WINDOW_DAYS,
            since,
            *self.prices(end),
            *dates,
        )

    def prices(self, end: int) -> tuple[float, float]:
        units = self.sold_sum.get()
        if not units:
            return 1.0, 0.0
        at = next(at for at in range(end - 1, -1, -1) if self.sold[at])
        mean = self.revenue_sum.get() / units
        last = self.revenue[at] / self.sold[at]
        return (last / mean if mean else 1.0), self.promoted_sum.get() / units


class RiverProduct(Product):
    __slots__ = ()

    def __init__(self, day: int) -> None:
        super().__init__(day)
        self.days = RiverDays(day)


def work(batches: Iterator[Batch], tally: Tally) -> None:
    products: dict[str, Product] = {}
    newest = -1
    for now, bodies in batches:
        with tally.clock():
            by_product, newest = grouped(bodies, now, newest)
            dates = calendar(newest + 1)
            counts, rows = [0, 0, 0, 0], []
            for product_id, sales in by_product.items():
                product = products.get(product_id)
                if product is None:
                    product = products[product_id] = RiverProduct(sales[0][2])
                before = counts[0]
                for sale in sales:
                    counts[count_one(sale, product)] += 1
                if counts[0] > before:
                    rows.append((product_id, product.days.row(newest + 1, dates)))
        tally.close_batch(len(bodies), counts, rows)


if __name__ == "__main__":
    sys.exit(main(work))
