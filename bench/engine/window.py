"""How does plain Python keep a product's days and make its feature row?

Lists by day, cut from the front now and then, and small loops over the last 56 of them: at this length `sum` of a
slice takes a third of a microsecond, less than the bookkeeping of running sums that late events and a moving window
would need. The peers that hold state as Python objects all use it, so that they differ only in what carries it."""

from __future__ import annotations

from math import sqrt
from operator import mul

from bench.engine.spec import WINDOW_DAYS

KEPT_DAYS = 92  # the window, how late an event may be, and a day
_WEIGHTS = [0.1 * 0.9**age for age in range(WINDOW_DAYS - 1, -1, -1)]
WEIGHTS = [weight / sum(_WEIGHTS) for weight in _WEIGHTS]


class Days:
    """Net units, and units, minor units of money and promoted units of what was sold, by day from `first` on."""

    __slots__ = ("first", "net", "promoted", "revenue", "sold")

    def __init__(self, day: int) -> None:
        self.first = day - WINDOW_DAYS
        self.net: list[int] = []
        self.sold: list[int] = []
        self.revenue: list[int] = []
        self.promoted: list[int] = []

    def reach(self, day: int) -> None:
        """Makes room until that day."""
        more = day - self.first + 1 - len(self.net)
        if more <= 0:
            return
        zeros = [0] * more
        for days in (self.net, self.sold, self.revenue, self.promoted):
            days += zeros
        if len(self.net) > KEPT_DAYS + 32:
            gone = len(self.net) - KEPT_DAYS
            self.first += gone
            for days in (self.net, self.sold, self.revenue, self.promoted):
                del days[:gone]

    def reach_back(self, day: int) -> None:
        """Makes room before the first day."""
        zeros = [0] * (self.first - day)
        self.first = day
        for name in ("net", "sold", "revenue", "promoted"):
            setattr(self, name, zeros + getattr(self, name))

    def sell(self, day: int, quantity: int, price_minor: int, promotion: bool) -> None:
        """Counts one sale or return."""
        at = day - self.first
        if at >= len(self.net):
            self.reach(day)
            at = day - self.first
        elif at < 0:
            self.reach_back(day)
            at = 0
        self.net[at] += quantity
        if quantity > 0:
            self.sold[at] += quantity
            self.revenue[at] += quantity * price_minor
            if promotion:
                self.promoted[at] += quantity

    def row(self, as_of: int, dates: tuple[int, int, int, int]) -> tuple[float, ...]:
        """The sixteen features as of a day; dates is that day's calendar, which a batch shares."""
        if as_of - 1 - self.first >= len(self.net):
            self.reach(as_of - 1)
        end = as_of - self.first
        start = end - WINDOW_DAYS
        if start < 0:
            self.reach_back(as_of - WINDOW_DAYS)
            start, end = 0, WINDOW_DAYS
        net = self.net[start:end]
        month = net[-30:]
        units = sum(month)
        since = next((age for age, day in enumerate(reversed(net), 1) if day > 0), WINDOW_DAYS + 1)
        return (
            net[-7],
            net[-30],
            sum(net[-7:]) / 7,
            units / 30,
            sum(net) / WINDOW_DAYS,
            sum(map(mul, net, WEIGHTS)),
            # Whole numbers until the root: no digit is lost.
            sqrt(30 * sum(map(mul, month, month)) - units * units) / 30,
            sum(net[::7]) / 8,
            (WINDOW_DAYS - net.count(0)) / WINDOW_DAYS,
            since,
            *self._prices(start, end),
            *dates,
        )

    def _prices(self, start: int, end: int) -> tuple[float, float]:
        sold = self.sold[start:end]
        units = sum(sold)
        if not units:
            return 1.0, 0.0
        revenue = self.revenue[start:end]
        at = next(at for at in range(WINDOW_DAYS - 1, -1, -1) if sold[at])
        mean = sum(revenue) / units
        last = revenue[at] / sold[at]
        return (last / mean if mean else 1.0), sum(self.promoted[start:end]) / units
