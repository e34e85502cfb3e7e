"""Which suppliers are ordered from today, and how do their waiting orders go out?

A purchase is made durable first, under the id of its supplier and day, together with the event that tells of it. Then
each of its orders is let go by an event of its own that counts once. Whoever comes after a crash, or at the same time,
finds the purchase and finishes it: no order goes out twice, and none is left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from domain.buying import Rule
from domain.events import MS_PER_DAY, OrderReleased, ProductKey
from domain.joint_purchases import Purchase, WaitingLine, purchase_of
from domain.product import reorder_id
from handlers.announcements import announce_purchase
from handlers.current_rules import CurrentRules
from handlers.metrics import Metric
from handlers.order_ports import Purchases
from handlers.ports import Agenda, Metrics
from handlers.record_sales import RecordSales
from handlers.relay_outbox import RelayOutbox

log = structlog.get_logger()


class ReleasePurchases:
    def __init__(
        self,
        purchases: Purchases,
        current: CurrentRules,
        record: RecordSales,
        agenda: Agenda,
        relay: RelayOutbox,
        first_day: Callable[[], int],
        metrics: Metrics,
        now: Callable[[], int],
    ) -> None:
        self._purchases = purchases
        self._current = current
        self._record = record
        self._agenda = agenda
        self._relay = relay
        self._first_day = first_day
        self._metrics = metrics
        self._now = now

    async def __call__(self) -> set[ProductKey]:
        """Lets go what may go; the products that are to be decided for it."""
        released: set[ProductKey] = set()
        for supplier, rule in self._current.rules.suppliers.items():
            if rule.joins:
                released |= await self._review(supplier, rule)
        return released

    async def _review(self, supplier: str, rule: Rule) -> set[ProductKey]:
        waiting = await self._purchases.of(supplier)
        if not waiting.lines:
            return set()
        purchases = list(waiting.purchases)
        through = {(line.product, line.cycle) for purchase in purchases for line in purchase.lines}
        left = [line for line in waiting.lines if (line.product, line.cycle) not in through]
        made = purchase_of(supplier, rule, left, self._first_day())
        known = {purchase.proposal_id for purchase in purchases}
        if made is not None and made.proposal_id not in known and await self._make(made):
            purchases.append(made)
        return await self._let_go(purchases, waiting.lines)

    async def _make(self, purchase: Purchase) -> bool:
        entry = announce_purchase(purchase, self._now())
        if not await self._purchases.make(purchase, entry):
            return False  # by another worker: its orders are let go when it is read the next time
        self._metrics.count(Metric.PURCHASES_PROPOSED)
        log.info("purchase.proposed", proposal_id=purchase.proposal_id, lines=len(purchase.lines))
        await self._relay([entry])
        return True

    async def _let_go(self, purchases: Sequence[Purchase], lines: Sequence[WaitingLine]) -> set[ProductKey]:
        """Tells each order of these purchases that still waits; what was told does not wait any more."""
        proposal_of = {(line.product, line.cycle): p for p in purchases for line in p.lines}
        told = [line for line in lines if (line.product, line.cycle) in proposal_of]
        events = [_released(line, proposal_of[line.product, line.cycle]) for line in told]
        if not events:
            return set()
        products = {event.product for event in events}
        entries = await self._agenda.add(products)
        to_decide = products
        try:
            outcomes, to_decide = await self._record(events, lambda row: (events[row].event_id, ""))
        finally:
            await self._agenda.committed(entries, to_decide)
        done = [line for line, outcome in zip(told, outcomes, strict=True) if outcome is not None]
        await self._purchases.gone(done)
        return to_decide


def _released(line: WaitingLine, purchase: Purchase) -> OrderReleased:
    """The same event whenever it is made: it must count once."""
    order_id = reorder_id(line.product, line.cycle)
    at = purchase.review_on * MS_PER_DAY
    return OrderReleased(line.product, f"release:{purchase.proposal_id}:{order_id}", at, order_id, purchase.proposal_id)
