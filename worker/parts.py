"""What does the worker consist of?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from handlers.explain import Explain
from handlers.place_reorders import PlaceReorders
from handlers.ports import Agenda, Clock, ForecastMetrics, Forecasts, Parking, StateStore
from handlers.products import Products
from handlers.reforecast import Reforecast
from handlers.relay_outbox import RelayOutbox
from handlers.watch_accuracy import WatchAccuracy
from worker.intake import Intake
from worker.sources.source import Source
from worker.telemetry import EmbeddedMetrics


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
    metrics: EmbeddedMetrics
    clock: Clock
