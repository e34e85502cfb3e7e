"""Which suppliers are ordered from today, and how do their waiting orders go out?

A purchase is made durable first, under the id of its supplier and day, together with the event that tells of it. Then
each of its orders is let go by an event of its own that counts once. Whoever comes after a crash, or at the same time,
finds the purchase and finishes it: no order goes out twice, and none is left behind. A line is written before its order
is committed, so it is believed only once the order's state says that it waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from domain.buying import Rule
from domain.events import MS_PER_DAY, OrderReleased, ProductKey
from domain.joint_purchases import Purchase, WaitingLine, purchase_of, taken_by
from domain.ordering import Wait, wait_of
from domain.product import reorder_id
from handlers.announcements import announce_purchase
from handlers.current_rules import CurrentRules
from handlers.errors import Misconfigured, TransientFailure
from handlers.metrics import Metric
from handlers.order_ports import Purchases
from handlers.ports import Agenda, Metrics
from handlers.products import Products
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

    async def __call__(self, products: Products) -> set[ProductKey]:
        """Lets go what may go; the products that are to be decided for it. products: as record changes them. What fails
        for one supplier is tried again the next time, and keeps no other one waiting."""
        released: set[ProductKey] = set()
        for supplier, rule in self._current.rules.suppliers.items():
            if not rule.joins:
                continue
            try:
                released |= await self._review(supplier, rule, products)
            except (TransientFailure, Misconfigured) as exc:
                log.warning("purchase.failed", supplier=supplier, reason=str(exc))
        return released

    async def _review(self, supplier: str, rule: Rule, products: Products) -> set[ProductKey]:
        waiting = await self._purchases.of(supplier)
        lines, purchases = waiting.lines, list(waiting.purchases)
        if not taken_by(purchases, lines) and self._new(supplier, rule, lines, purchases) is None:
            return set()  # before any state is read: this is how it is on most days
        lines = await self._committed(lines, products)
        made = self._new(supplier, rule, lines, purchases)
        if made is not None and await self._make(made):
            purchases.append(made)
        return await self._let_go(taken_by(purchases, lines))

    def _new(
        self, supplier: str, rule: Rule, lines: Sequence[WaitingLine], purchases: Sequence[Purchase]
    ) -> Purchase | None:
        """The purchase that is to be made of those lines that are in none."""
        taken = taken_by(purchases, lines)
        made = purchase_of(supplier, rule, [line for line in lines if line not in taken], self._first_day())
        known = {purchase.proposal_id for purchase in purchases}
        return made if made is not None and made.proposal_id not in known else None

    async def _committed(self, lines: Sequence[WaitingLine], products: Products) -> tuple[WaitingLine, ...]:
        """Those lines whose orders wait, by what is committed now; those whose orders never will again are removed."""
        keys = list({line.product for line in lines})
        # Another worker may have changed them since they were cached here.
        products.forget(keys)
        states = await products.get(keys)
        waits = {line: wait_of(line, states[line.product]) for line in lines if line.product in states}
        over = [line for line, wait in waits.items() if wait is Wait.OVER]
        if over:
            await self._purchases.gone(over)
        return tuple(line for line, wait in waits.items() if wait is Wait.NOW)

    async def _make(self, purchase: Purchase) -> bool:
        entry = announce_purchase(purchase, self._now())
        if not await self._purchases.make(purchase, entry):
            return False  # by another worker: its orders are let go when it is read the next time
        self._metrics.count(Metric.PURCHASES_PROPOSED)
        log.info("purchase.proposed", proposal_id=purchase.proposal_id, lines=len(purchase.lines))
        await self._relay([entry])
        return True

    async def _let_go(self, taken: Mapping[WaitingLine, Purchase]) -> set[ProductKey]:
        """Tells each order of a purchase that still waits; what was told does not wait any more."""
        events = [_released(line, purchase) for line, purchase in taken.items()]
        if not events:
            return set()
        products = {event.product for event in events}
        entries = await self._agenda.add(products)
        to_decide = products
        try:
            outcomes, to_decide = await self._record(events, lambda row: (events[row].event_id, ""))
        finally:
            await self._agenda.committed(entries, to_decide)
        done = [line for line, outcome in zip(taken, outcomes, strict=True) if outcome is not None]
        await self._purchases.gone(done)
        return to_decide


def _released(line: WaitingLine, purchase: Purchase) -> OrderReleased:
    """The same event whenever it is made: it must count once."""
    order_id = reorder_id(line.product, line.cycle)
    at = purchase.review_on * MS_PER_DAY
    return OrderReleased(line.product, f"release:{purchase.proposal_id}:{order_id}", at, order_id, purchase.proposal_id)
