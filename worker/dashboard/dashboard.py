"""What is the live page to the worker?

Somebody who looks on: it is told what was decided, and hears the metrics. It never makes the worker wait, and a page
that cannot be served is logged and missed by nobody but planners."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from domain.decision import Decision
from handlers.current_rules import CurrentRules
from handlers.insight_ports import InsightBook
from handlers.ports import Clock, Inventory, StateStore
from worker.dashboard.board import Board
from worker.dashboard.door import Door
from worker.dashboard.filling import Filling, Scan
from worker.dashboard.live import Live
from worker.dashboard.looking import Looking
from worker.dashboard.past_orders import OrderHistory
from worker.dashboard.planning import Planning
from worker.dashboard.product_view import ProductView
from worker.dashboard.rows import row_of
from worker.dashboard.server import Inside, Server, serving
from worker.dashboard.tally import Tally
from worker.dashboard.tiles import Tiles
from worker.producer import Row
from worker.settings import DASHBOARD_TOKEN, Settings

log = structlog.get_logger()

SAMPLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Sights:
    """What the page looks at: the worker's own parts. send puts a planner's message on the queue, None without one."""

    scan: Scan
    store: StateStore
    orders: OrderHistory
    insights: InsightBook
    inventory: Inventory
    rules: CurrentRules
    clock: Clock
    send: Callable[[Sequence[Row]], Awaitable[None]] | None


class Dashboard:
    def __init__(self, settings: Settings, sights: Sights, tally: Tally) -> None:
        clock = sights.clock
        looking = Looking(sights.inventory, sights.rules, settings.terms, clock)
        self._settings = settings
        self._tally = tally
        self.board = Board(settings.dashboard_products)
        self._tiles = Tiles(self.board)
        self._clock = clock
        self._filling = Filling(sights.scan, looking, self.board, clock, settings.dashboard_scan_interval_s)
        self._live = Live(self._said, clock)
        self._view = ProductView(sights.store, sights.orders, looking, self.board, sights.insights)
        plans = settings.dashboard_plans and sights.send is not None
        self._planning = Planning(sights.send, clock.now) if plans and sights.send is not None else None
        inside = Inside(self.board, self._view, self._live, self._planning, clock)
        self._server = Server(inside, Door(os.environ.get(DASHBOARD_TOKEN, "")))
        self.port = 0
        self.served = asyncio.Event()

    def decided(self, decisions: Sequence[Decision]) -> None:
        """Takes in what was decided and committed."""
        try:
            self.board.put(row_of(decision.state, decision.record) for decision in decisions)
        except Exception as exc:  # noqa: BLE001 - a row that cannot be shown must not keep a product from being ordered
            log.error("dashboard.rows_lost", products=len(decisions), reason=repr(exc))

    async def keep(self) -> None:
        """Serves the page until it is cancelled."""
        settings = self._settings
        try:
            async with serving(self._server, settings.dashboard_host, settings.dashboard_port) as self.port:
                log.info("dashboard.listening", host=settings.dashboard_host, port=self.port)
                self.served.set()
                async with asyncio.TaskGroup() as keeping:
                    for kept in (self._live.keep(), self._filling.keep(), self._sample()):
                        keeping.create_task(kept)
        except Exception as exc:  # noqa: BLE001 - the worker goes on without its page, whatever became of that
            log.error("dashboard.not_served", host=settings.dashboard_host, reason=repr(exc))

    async def _sample(self) -> None:
        """Notes the counts whether anybody looks or not, or there would be no trend; but only once all is there."""
        while True:
            # What is still being found is no trend.
            if self._filling.filled:
                self._tiles.sample(self._clock.now())
            await self._clock.sleep(SAMPLE_S)

    def _said(self, now: int) -> dict[str, Any]:
        return {
            "at": now,
            "version": self.board.version,
            "filled": self._filling.filled,
            "plans": self._planning is not None,
            **self._tiles.said(now),
            "operations": self._tally.said(now),
        }
