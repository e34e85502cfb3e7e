"""Reminders, waiting orders and lead times in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from domain.events import MS_PER_DAY
from domain.joint_purchases import Purchase, WaitingLine
from domain.lead_times import LeadTimes, merged
from domain.product import product_label
from fakes.clock import FakeClock
from fakes.faults import Faults
from fakes.state import InMemoryState
from handlers.order_ports import Reminder, Waiting
from handlers.ports import OutboxEntry

YEAR_DAYS = 365


class InMemoryReminders:
    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.kept: set[Reminder] = set()

    async def add(self, reminders: Sequence[Reminder]) -> None:
        async with self.faults.around("remind"):
            self.kept.update(reminders)

    async def due(self, today: int, limit: int) -> list[Reminder]:
        due = [reminder for reminder in self.kept if reminder.day <= today]
        return sorted(due, key=lambda r: (r.day, product_label(r.product)))[:limit]

    async def done(self, reminders: Sequence[Reminder]) -> None:
        self.kept.difference_update(reminders)


class InMemoryPurchases:
    """store: whose outbox takes the entry of a purchase, with the purchase or not at all."""

    def __init__(self, store: InMemoryState, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self._store = store
        self.lines: dict[tuple[object, int], WaitingLine] = {}
        self.made: dict[tuple[str, int], Purchase] = {}

    async def wait(self, lines: Sequence[WaitingLine]) -> None:
        async with self.faults.around("wait"):
            self.lines.update({(line.product, line.cycle): line for line in lines})

    async def of(self, supplier: str) -> Waiting:
        lines = tuple(line for line in self.lines.values() if line.supplier == supplier)
        made = tuple(purchase for purchase in self.made.values() if purchase.supplier == supplier)
        return Waiting(lines, made if lines else ())

    async def make(self, purchase: Purchase, entry: OutboxEntry) -> bool:
        async with self.faults.around("make"):
            if (purchase.supplier, purchase.review_on) in self.made:
                return False
            self.made[purchase.supplier, purchase.review_on] = purchase
            self._store.entries[entry.entry_id] = entry
        return True

    async def gone(self, lines: Sequence[WaitingLine]) -> None:
        async with self.faults.around("gone"):
            for line in lines:
                self.lines.pop((line.product, line.cycle), None)


class InMemoryLeadTimes:
    """What was seen, by supplier and by the day on which it was added."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock if clock is not None else FakeClock()
        self.seen: dict[str, dict[int, LeadTimes]] = {}

    async def add(self, seen: Mapping[str, LeadTimes]) -> None:
        for supplier, times in seen.items():
            if times.receipts:
                days = self.seen.setdefault(supplier, {})
                days[self._today()] = merged(days.get(self._today(), LeadTimes({})), times)

    async def read(self, suppliers: Sequence[str]) -> dict[str, LeadTimes]:
        known = {}
        for supplier in suppliers:
            recent = [times for day, times in self.seen.get(supplier, {}).items() if day > self._today() - YEAR_DAYS]
            if recent:
                known[supplier] = reduce(merged, recent)
        return known

    def _today(self) -> int:
        return self.clock.now() // MS_PER_DAY
