"""What becomes of a shop's days, with a model of words beside it?

The worker's own deciding loop and handlers over ports in memory, its own adapter for Bedrock over HTTP. The days come
in the shop's time, so that two runs differ in nothing but what the model of words does; insights are asked for beside
them, as in the worker, and are late, wrong or missing as they like."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from fakes.agenda import InMemoryAgenda
from fakes.bus import InMemoryBus
from fakes.clock import FakeClock
from fakes.faults import Faults
from fakes.forecaster import FakeForecaster
from fakes.forecasts import InMemoryForecasts
from fakes.insights import InMemoryInsights
from fakes.metrics import RecordedMetrics
from fakes.parking import InMemoryParking
from fakes.shop import InMemoryInventory
from fakes.state import InMemoryState

from domain.decision import Decision
from domain.events import MS_PER_DAY, Event, ProductKey, SaleRecorded, ShipmentReceived
from domain.policy import SupplyTerms
from handlers.announcements import INSIGHT_PUBLISHED, REORDER_REQUIRED
from handlers.explain import Explain
from handlers.insight_budget import Budget
from handlers.place_reorders import PlaceReorders
from handlers.ports import Explainer
from handlers.products import Products
from handlers.record_sales import RecordSales
from handlers.reforecast import Reforecast
from handlers.relay_outbox import RelayOutbox
from handlers.watermark import Watermark
from worker.aws.bedrock import BedrockExplainer
from worker.deciding import Deciding
from worker.local.gateway import DEFAULT_MODEL, Converse, Gateway
from worker.parts import Parts
from worker.settings import Settings

TERMS = SupplyTerms(lead_time_days=7, pack_size=6, minimum_order_quantity=12)
OPENING = 40
WITHOUT_BOUND = (10**9, 10**12)  # calls and tokens an hour
ASKING = 2  # as many as the worker asks at once
A_DAY_S = 0.005
DAYS_AFTERWARDS = 400


class _Unwatched:
    def note(self, keys: Iterable[ProductKey]) -> None:
        """Accuracy is not what is looked at here."""


class _Counting:
    """How many products were to be told of."""

    def __init__(self) -> None:
        self.crossings = 0

    def decided(self, decisions: Sequence[Decision]) -> None:
        self.crossings += sum(decision.crossing is not None for decision in decisions)

    async def keep(self) -> None:
        """It has nothing to do of its own."""


class Shop:
    """A shop, its supplier, and a worker that may have somebody to ask."""

    def __init__(self, explainer: Explainer | None, budget: Budget | None = None) -> None:
        faults, self.metrics = Faults(), RecordedMetrics()
        self.clock, self.today = FakeClock(0), 0
        self.store, self.bus = InMemoryState(faults), InMemoryBus(faults)
        self.inventory, self.book = InMemoryInventory(TERMS, faults), InMemoryInsights(faults)
        self.forecasts, self.levels = InMemoryForecasts(faults), dict[ProductKey, int]()
        self._due: defaultdict[int, list[ShipmentReceived]] = defaultdict(list)
        self._heard, self._looking_on = 0, _Counting()
        products, watermark = Products(self.store, 100_000, 10**9), Watermark()
        parking = InMemoryParking(faults)
        self._record = RecordSales(products, parking, self.clock, self.metrics, watermark)
        reforecast = Reforecast(
            products,
            self.inventory,
            FakeForecaster(faults),
            TERMS,
            lambda: self.today + 1,
            watermark,
            self.clock,
            self.metrics,
        )
        self.explain = explainer and Explain(
            explainer, self.bus, budget or Budget(*WITHOUT_BOUND), self.clock, self.metrics, self.book
        )
        parts: Any = Parts(
            sources=(),
            intake=cast(Any, None),
            reforecast=reforecast,
            place_reorders=PlaceReorders(products, self.clock, self.metrics),
            explain=self.explain,
            relay_outbox=RelayOutbox(self.store, self.bus, self.metrics),
            watch_accuracy=cast(Any, _Unwatched()),
            products=products,
            store=self.store,
            agenda=InMemoryAgenda(faults, self.clock),
            parking=parking,
            forecasts=self.forecasts,
            forecast_metrics=cast(Any, None),
            ordering=cast(Any, None),
            metrics=cast(Any, self.metrics),
            clock=self.clock,
            onlooker=self._looking_on,
        )
        self._deciding = Deciding(parts, Settings())

    async def play(self, sales: Sequence[SaleRecorded]) -> None:
        """The days of these sales, one after the other, each with a moment in which answers may come; what is still
        being asked a while after the last is given up."""
        by_day: defaultdict[int, list[SaleRecorded]] = defaultdict(list)
        for sale in sales:
            by_day[sale.day].append(sale)
        asking = [asyncio.create_task(self._deciding.explain()) for _ in range(ASKING)]
        asking.append(asyncio.create_task(self._deciding.explain_crowded()))
        try:
            for day in range(min(by_day), max(by_day) + 1):
                await self._day(day, by_day[day])
                await asyncio.sleep(A_DAY_S)
            for _ in range(DAYS_AFTERWARDS):
                if self.explain is not None and len(self.insights) < self._looking_on.crossings:
                    await asyncio.sleep(A_DAY_S)
        finally:
            for task in asking:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def explained(self, sales: Sequence[SaleRecorded]) -> None:
        """The same, and every insight is waited for at the end of its day."""
        for day in sorted({sale.day for sale in sales}):
            await self._day(day, [sale for sale in sales if sale.day == day])
            await self._deciding.explain_waiting()

    async def _day(self, day: int, sales: Sequence[SaleRecorded]) -> None:
        self.today = day
        self.clock.advance((day + 1) * MS_PER_DAY / 1000 - self.clock.now() / 1000)
        shipments = self._due.pop(day, [])
        for event in (*sales, *shipments):
            change = event.quantity if isinstance(event, ShipmentReceived) else -event.quantity
            self.levels[event.product] = self.levels.get(event.product, OPENING) + change
        for product in {event.product for event in (*sales, *shipments)}:
            self.inventory.put(product, self.levels[product], self.clock.now())
        self._deciding.add(await self._recorded([*shipments, *sales]))
        await self._deciding.decide_all()
        self._order(day)

    async def _recorded(self, events: list[Event]) -> set[ProductKey]:
        if not events:
            return set()
        _, dirty = await self._record(events, lambda row: (events[row].event_id, ""))
        return dirty

    def _order(self, day: int) -> None:
        """The supplier hears of what was published, and delivers after its lead time."""
        entries, self._heard = self.bus.published[self._heard :], len(self.bus.published)
        for said in (json.loads(entry.detail) for entry in entries if entry.detail_type == REORDER_REQUIRED):
            arrives, name = day + said["lead_time_days"], said["reorder_id"]
            product = ProductKey(said["product_id"], said["location_id"])
            shipment = ShipmentReceived(
                product, f"got-{name}", arrives * MS_PER_DAY, name, said["recommended_order_quantity"]
            )
            self._due[arrives].append(shipment)

    def published(self, detail_type: str) -> list[dict[str, Any]]:
        return [json.loads(entry.detail) for entry in self.bus.published if entry.detail_type == detail_type]

    @property
    def insights(self) -> list[dict[str, Any]]:
        return self.published(INSIGHT_PUBLISHED)

    def lines(self) -> Iterator[str]:
        """All that orders are: what was published, what was committed, what every product was decided to be."""
        for said in self.published(REORDER_REQUIRED):
            yield json.dumps(said)
        for name, order in sorted(self.store.orders.items()):
            yield f"{name} {order}"
        for (product, day), record in sorted(self.forecasts.saved.items(), key=str):
            yield f"{product} {day} {record.reorder_point} {record.target} {record.decision}"
        for product, state in sorted(self.store.headers.items(), key=str):
            yield f"{product} {state.version} {state.open_orders} {state.band} {state.watch} {state.insight_on}"

    def write(self, path: Path) -> Path:
        path.write_text("\n".join(self.lines()) + "\n")
        return path


@asynccontextmanager
async def bedrock(converse: Converse | None = None, *, deadline_s: float = 5.0) -> AsyncIterator[BedrockExplainer]:
    """The worker's own adapter, in front of a stand-in that answers so."""
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(Gateway(converse=converse))
        client = await stack.enter_async_context(
            get_session().create_client(
                "bedrock-runtime",
                endpoint_url=gateway.url,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=AioConfig(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10),
            )
        )
        yield BedrockExplainer(client, DEFAULT_MODEL, deadline_s=deadline_s)
