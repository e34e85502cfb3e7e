"""Which products must be looked at although nothing is heard of them?

Those with an order that is overdue. Each order leaves a reminder for the day after it is due; one that finds its order
received, told of already, or due later goes away."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from domain.events import ProductKey
from domain.ordering import needs_a_look
from handlers.order_ports import Reminders
from handlers.products import Products

log = structlog.get_logger()

LOOKED_AT_MAX = 1_000


class LookAgain:
    def __init__(self, products: Products, reminders: Reminders, first_day: Callable[[], int]) -> None:
        self._products = products
        self._reminders = reminders
        self._first_day = first_day

    async def __call__(self) -> set[ProductKey]:
        """The products to decide; their reminders stay until that is done."""
        today = self._first_day()
        due = await self._reminders.due(today, LOOKED_AT_MAX)
        keys = {reminder.product for reminder in due}
        if not keys:
            return set()
        # Another worker may have changed them since they were cached here.
        self._products.forget(keys)
        states = await self._products.get(list(keys))
        overdue = {key for key, state in states.items() if needs_a_look(state, today)}
        # A product that this worker must not touch is left to one that may.
        await self._reminders.done([r for r in due if r.product in states and r.product not in overdue])
        if overdue:
            log.info("orders.overdue_found", products=len(overdue))
        return overdue
