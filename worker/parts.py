"""What does the worker consist of?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.decision import Decision
from handlers.current_rules import CurrentRules, ReloadRules
from handlers.explain import Explain
from handlers.learn_lead_times import LearnLeadTimes
from handlers.look_again import LookAgain
from handlers.order_ports import OrderBooks
from handlers.place_reorders import PlaceReorders
from handlers.ports import Agenda, Clock, ForecastMetrics, Forecasts, Parking, StateStore
from handlers.products import Products
from handlers.reforecast import Reforecast
from handlers.relay_outbox import RelayOutbox
from handlers.release_purchases import ReleasePurchases
from handlers.watch_accuracy import WatchAccuracy
from worker.intake import Intake
from worker.sources.source import Source
from worker.telemetry import EmbeddedMetrics


@dataclass(frozen=True, slots=True)
class Ordering:
    """What the life of orders and the rules consist of. reload_rules: None if there are none to read."""

    rules: CurrentRules
    books: OrderBooks
    look_again: LookAgain
    release_purchases: ReleasePurchases
    learn_lead_times: LearnLeadTimes
    reload_rules: ReloadRules | None


class Onlooker(Protocol):
    """Somebody who looks on and never makes the worker wait: the live page."""

    def decided(self, decisions: Sequence[Decision]) -> None:
        """These were decided and committed."""
        ...

    async def keep(self) -> None:
        """Does its own work until it is cancelled; raises nothing that would end the worker's."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the runner drives; worker/wiring.py puts it together."""

    sources: Sequence[Source]
    intake: Intake
    reforecast: Reforecast
    place_reorders: PlaceReorders
    explain: Explain | None
    relay_outbox: RelayOutbox
    watch_accuracy: WatchAccuracy
    products: Products
    store: StateStore
    agenda: Agenda
    parking: Parking
    forecasts: Forecasts
    forecast_metrics: ForecastMetrics
    ordering: Ordering
    metrics: EmbeddedMetrics
    clock: Clock
    onlooker: Onlooker | None = None
