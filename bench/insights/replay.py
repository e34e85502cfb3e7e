"""What would the levels of a shop's products have been, day by day?

The sales of a file are folded and decided with the worker's own pure functions, a product once for each day that it
sold on, with the stock of a shop that holds OPENING_DAYS of what is to come and whose supplier keeps its lead time.
Which forecast a product is given is the caller's; nothing here knows a later day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from domain.decision import Decision, assess, decide
from domain.events import MS_PER_DAY, Event, ProductKey, SaleRecorded, ShipmentReceived
from domain.features import DailySeries, Ints, series_of
from domain.folding import fold
from domain.forecast import DemandForecast, TotalDemand
from domain.policy import FORECAST_DAYS, SupplyTerms
from domain.product import ProductState, StockLevel, reorder_id
from domain.triggers import Crossing

OPENING_DAYS = 21
OPENING_MIN = 5
MONTH_DAYS = 365.25 / 12

Said = tuple[str, tuple[TotalDemand, ...]]
"""Who forecast a product (`model` or `fallback`), and its totals over the asked lengths."""
Forecast = Callable[[Sequence[ProductKey], DailySeries, Ints], Sequence[Said]]


@dataclass(slots=True)
class Told:
    """What a replay came to. products: the day of each one's first sale."""

    crossings: Counter[Crossing] = field(default_factory=Counter)
    by_day: Counter[int] = field(default_factory=Counter)
    products: dict[ProductKey, int] = field(default_factory=dict)
    decisions: int = 0
    last_day: int = 0

    @property
    def product_months(self) -> float:
        """Months from the first sale of each product to the end of the file."""
        return sum(self.last_day - first + 1 for first in self.products.values()) / MONTH_DAYS

    @property
    def told(self) -> int:
        return sum(self.crossings.values())


class Replay:
    def __init__(self, sales: Sequence[SaleRecorded], forecast: Forecast, terms: SupplyTerms) -> None:
        self._by_day: dict[int, dict[ProductKey, list[Event]]] = defaultdict(lambda: defaultdict(list))
        for sale in sales:
            self._by_day[sale.day][sale.product].append(sale)
        self._forecast, self._terms = forecast, terms
        self._stock = _opening(sales)
        self._due: dict[int, list[ShipmentReceived]] = defaultdict(list)
        self._states: dict[ProductKey, ProductState] = {}
        self.told = Told()

    def run(self) -> Told:
        """Plays the days of the file, those without a sale too."""
        for day in range(min(self._by_day), max(self._by_day) + 1):
            self._deliver(day)
            if sold := self._by_day.get(day):
                self._sell(day, sold)
                for decision in self._decide(day + 1, list(sold)):
                    self._follow(day, decision)
            self.told.last_day = day
        return self.told

    def _sell(self, day: int, sold: dict[ProductKey, list[Event]]) -> None:
        for key, events in sold.items():
            self._fold(key, events, day)
            self.told.products.setdefault(key, day)
            self._stock[key] -= sum(event.quantity for event in events if isinstance(event, SaleRecorded))

    def _deliver(self, day: int) -> None:
        for shipment in self._due.pop(day, ()):
            self._stock[shipment.product] += shipment.quantity
            self._fold(shipment.product, [shipment], day)

    def _fold(self, key: ProductKey, events: list[Event], day: int) -> None:
        state = self._states.get(key, ProductState(key))
        self._states[key] = fold(state, events, (day + 1) * MS_PER_DAY - 1).state

    def _decide(self, as_of: int, keys: list[ProductKey]) -> Iterator[Decision]:
        states = [self._states[key] for key in keys]
        series = series_of(states, as_of)
        cover = np.tile(np.array([1, self._terms.protection_days, FORECAST_DAYS], dtype=np.int64), (len(keys), 1))
        forecasts = [DemandForecast(as_of, *said) for said in self._forecast(keys, series, cover)]
        now = as_of * MS_PER_DAY
        stocks = [StockLevel(self._stock[key], now) for key in keys]
        for found in assess(states, stocks, [self._terms] * len(keys), forecasts, [0] * len(keys)):
            decision = decide(found.snapshot, found, now)
            if decision is not None:
                yield decision

    def _follow(self, day: int, decision: Decision) -> None:
        self.told.decisions += 1
        key = decision.state.key
        self._states[key] = decision.state
        if decision.order is not None:
            cycle, quantity = decision.state.cycle, decision.order.recommended_order_quantity
            arrives = day + 1 + self._terms.lead_time_days
            shipment = ShipmentReceived(key, f"{key}:{cycle}", arrives * MS_PER_DAY, reorder_id(key, cycle), quantity)
            self._due[arrives].append(shipment)
        if decision.crossing is not None:
            self.told.crossings[decision.crossing] += 1
            self.told.by_day[day] += 1


def _opening(sales: Sequence[SaleRecorded]) -> dict[ProductKey, int]:
    """The units of each product's first OPENING_DAYS days, at least OPENING_MIN."""
    first: dict[ProductKey, int] = {}
    units: Counter[ProductKey] = Counter()
    for sale in sales:
        if sale.day < first.setdefault(sale.product, sale.day) + OPENING_DAYS:
            units[sale.product] += sale.quantity
    return {key: max(OPENING_MIN, units[key]) for key in first}
