"""The deciding half of the worker over fakes."""

from __future__ import annotations

from dataclasses import dataclass, field

from fakes.bus import InMemoryBus
from fakes.clock import TODAY, FakeClock
from fakes.faults import Faults
from fakes.forecaster import FakeForecaster
from fakes.metrics import RecordedMetrics
from fakes.parking import InMemoryParking
from fakes.shop import InMemoryInventory
from fakes.state import InMemoryState

from domain.policy import SupplyTerms
from handlers.place_reorders import PlaceReorders
from handlers.products import Products
from handlers.record_sales import RecordSales
from handlers.reforecast import Reforecast
from handlers.relay_outbox import RelayOutbox
from handlers.watermark import Watermark

TERMS = SupplyTerms(lead_time_days=7, pack_size=6, minimum_order_quantity=12)


@dataclass
class Deciding:
    clock: FakeClock
    metrics: RecordedMetrics
    faults: Faults
    store: InMemoryState = field(init=False)

    def __post_init__(self) -> None:
        self.today = TODAY
        self.store = InMemoryState(self.faults)
        self.inventory = InMemoryInventory(TERMS, self.faults)
        self.forecaster = FakeForecaster(self.faults)
        self.bus = InMemoryBus(self.faults)
        self.products = Products(self.store, 1_000, 10**9)
        self.watermark = Watermark()
        parking = InMemoryParking(self.faults)
        self.record = RecordSales(self.products, parking, self.clock, self.metrics, self.watermark)
        self.reforecast = Reforecast(
            self.products,
            self.inventory,
            self.forecaster,
            TERMS,
            lambda: self.today,
            self.watermark,
            self.clock,
            self.metrics,
        )
        self.place = PlaceReorders(self.products, self.clock, self.metrics)
        self.relay = RelayOutbox(self.store, self.bus, self.metrics)

    async def sold(self, *events):
        outcomes, dirty = await self.record(events, lambda row: (events[row].event_id, ""))
        assert None not in outcomes
        return dirty

    async def assessed(self, *keys):
        assessments, _ = await self.reforecast(list(keys))
        return assessments

    async def decided(self, *keys):
        return await self.place(await self.assessed(*keys))
