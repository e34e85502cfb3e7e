"""A page of a shop that exists in memory alone: the real page and its server, with what they look at made up.

Names, categories and words are as hostile as a sender could make them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from fakes.insights import InMemoryInsights
from fakes.shop import InMemoryInventory
from fakes.state import InMemoryState

from domain.buckets import Bucket, Days
from domain.events import MS_PER_DAY, InsightPublished, ProductKey
from domain.orders import APPROVAL, OpenOrder
from domain.policy import FORECAST_DAYS
from domain.product import ForecastNote, Interval, ProductState, reorder_id
from handlers.current_rules import CurrentRules
from handlers.metrics import Metric
from worker.clock import SystemClock
from worker.dashboard.dashboard import Dashboard, Sights
from worker.dashboard.past_orders import PastOrder
from worker.dashboard.rows import NUMBERS, STATUSES, Row
from worker.dashboard.tally import Tally
from worker.settings import Settings

TODAY = 20_000
MARKUP = "\"><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
HOSTILE = ProductKey(f"Candle {MARKUP}", "</td><b>LEEDS")


@dataclass
class OnShow:
    """A shop on show. sent: what planners said."""

    settings: Settings
    store: InMemoryState = field(default_factory=InMemoryState)
    inventory: InMemoryInventory = field(default_factory=InMemoryInventory)
    insights: InMemoryInsights = field(default_factory=InMemoryInsights)
    tally: Tally = field(default_factory=Tally)
    past: dict[ProductKey, list[PastOrder]] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        sights = Sights(
            self, self.store, self, self.insights, self.inventory, CurrentRules(), SystemClock(), self._send
        )
        self.dashboard = Dashboard(self.settings, sights, self.tally)

    async def pages(self) -> AsyncIterator[list[ProductState]]:
        yield list(self.store.headers.values())

    async def of(self, state: ProductState) -> list[PastOrder]:
        known = {order.cycle: order for order in (*state.closed_orders, *state.open_orders)}
        return [order._replace(now=known.get(order.cycle)) for order in self.past.get(state.key, [])]

    async def _send(self, rows: Sequence[Any]) -> None:
        self.sent += [dict(row) for row in rows]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.dashboard.port}/"

    def stock(self, key: ProductKey, level: int, a_day: int = 4, **more: Any) -> ProductState:
        """Has a product that sold about so much a day, and what the shop holds of it."""
        rng = np.random.default_rng(len(self.store.headers))
        sold = {TODAY - age: int(rng.poisson(a_day)) for age in range(1, 70)}
        days = Days.of({day: Bucket(units, units * 250) for day, units in sold.items() if units})
        totals = tuple((span, float(a_day * span), 0.3) for span in (1, 8, FORECAST_DAYS))
        promised = tuple(Interval(TODAY - age, max(0, a_day - 3), a_day + 4) for age in range(28, 0, -1))
        state = ProductState(
            key,
            version=1,
            buckets=days,
            newest_day=max(days),
            sales=60,
            decisions=1,
            forecast=ForecastNote(TODAY, 1, "model", totals),
            intervals=promised,
        )._replace(**more)
        self.store.headers[key] = state
        self.inventory.put(key, level, TODAY * MS_PER_DAY)
        return state

    def say(self, key: ProductKey, *sentences: str) -> None:
        """Has an insight of a product kept."""
        at, lists = TODAY * MS_PER_DAY, ((), (), ())
        told = (at, at, TODAY, "stock", "covered -> low", MARKUP, sentences, *lists, "bedrock", MARKUP)
        self.insights.put(InsightPublished(key, "i", *told))


def a_shop(settings: Settings, products: int = 60) -> OnShow:
    """A shop with products in every state, one with a hostile name and one whose order waits for a planner."""
    shop = OnShow(settings)
    waits = OpenOrder(cycle=3, quantity=96, received=0, due_on=TODAY + 7, requested_on=TODAY, hold=APPROVAL)
    late = OpenOrder(cycle=2, quantity=40, received=0, due_on=TODAY - 4, requested_on=TODAY - 11, overdue=True)
    shop.stock(HOSTILE, 3, a_day=9, category=f"Lights {MARKUP}", open_orders=(late,), cycle=2)
    waiting = shop.stock(ProductKey("Waiting lamp"), 1, open_orders=(waits,), cycle=3)
    shop.past[HOSTILE] = [PastOrder(reorder_id(HOSTILE, 2), 2, 40, (TODAY - 11) * MS_PER_DAY, None, late)]
    shop.past[waiting.key] = [PastOrder(reorder_id(waiting.key, 3), 3, 96, TODAY * MS_PER_DAY, None, waits)]
    for number in range(products):
        level = (0, 5, 35, 900)[number % 4]
        shop.stock(ProductKey(f"Product {number:03d}", "LEEDS" if number % 2 else None), level, category="Garden")
    shop.say(HOSTILE, f"Sales {MARKUP} doubled", "javascript:alert(1)")
    shop.tally.sums[Metric.SALES_APPLIED] = 4_140
    return shop


def made_up_rows(products: int, version: int = 1) -> list[Row]:
    """Rows of so many products, as one big shop has them."""
    rng = np.random.default_rng(7)
    numbers = {name: np.round(rng.gamma(2.0, 40.0, products), 1) for name in NUMBERS}
    numbers |= {"as_of": np.full(products, float(TODAY)), "out_on": TODAY + np.floor(numbers["cover"])}
    numbers |= {"due_on": np.where(numbers["on_order"] > 0, TODAY + 9.0, np.nan)}
    status = rng.choice(len(STATUSES), products, p=[0.05, 0.1, 0.03, 0.12, 0.69, 0.01])
    numbers["risk"] = np.where(status < 2, numbers["risk"] * 10, 0.0)
    columns = {name: values.tolist() for name, values in numbers.items()}
    return [
        Row(
            label=f"SKU-{number:06d}#store-{number % 40}",
            category=("Garden", "Kitchen", "Lights", "Toys")[number % 4],
            version=version,
            status=int(status[number]),
            reason=0,
            frozen=False,
            **{name: values[number] for name, values in columns.items()},
        )
        for number in range(products)
    ]


@asynccontextmanager
async def shown(shop: OnShow) -> AsyncIterator[OnShow]:
    """Serves the shop's page while the block runs."""
    serving = asyncio.create_task(shop.dashboard.keep())
    try:
        async with asyncio.timeout(10):
            await shop.dashboard.served.wait()
        yield shop
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
