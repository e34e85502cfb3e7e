"""What was found out about one product on the day of a snapshot?

Stock by the newer of the shop's table and what an event said, terms and thresholds as the newest forecast was decided
by. What nobody said stays unknown: nothing here is guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from domain.decision import newest_stock
from domain.features import Floats
from domain.forecast import TotalDemand
from domain.orders import OpenOrder
from domain.policy import FORECAST_DAYS, SupplyTerms, days_of_cover, order_quantity
from domain.product import ProductState, StockLevel
from domain.ruling import DecisionRecord, due_of, replay
from domain.shortfall import expected_shortfall
from handlers.ports import InventoryRecord
from worker.aws.dynamodb import Item
from worker.aws.order_codec import decision_from

SOLD_DAYS = 28


class Judged(NamedTuple):
    """What the newest saved forecast of a product says. decision: None where an older version wrote it."""

    reorder_point: int
    target: int
    decision: DecisionRecord | None

    @classmethod
    def of(cls, item: Item) -> Judged:
        decision = decision_from(item["decision"]["S"]) if "decision" in item else None
        return cls(int(item["reorder_point"]["N"]), int(item["optimal_inventory"]["N"]), decision)


@dataclass(frozen=True, slots=True)
class Seen:
    """record: what the shop's table says. default: the terms where nobody names any. today: the day of the snapshot."""

    state: ProductState
    record: InventoryRecord | None
    judged: Judged | None
    default: SupplyTerms
    today: int

    @property
    def stock(self) -> StockLevel | None:
        read = self.record.stock if self.record is not None else None
        return newest_stock(read, self.state.stock, self.state.received_at)

    @property
    def terms(self) -> SupplyTerms:
        if self.judged is not None and self.judged.decision is not None:
            return self.judged.decision.known.terms
        return self.record.terms if self.record is not None else self.default

    @property
    def category(self) -> str | None:
        told = self.record.category if self.record is not None else None
        return self.state.category if self.state.category is not None else told

    @property
    def supplier(self) -> str | None:
        if self.judged is not None and self.judged.decision is not None:
            return self.judged.decision.known.buying.supplier or None
        return self.record.supplier if self.record is not None else None

    @property
    def daily_demand(self) -> float | None:
        total = self._forecast_over(FORECAST_DAYS)
        return total.mean / FORECAST_DAYS if total is not None else None

    @property
    def cover_days(self) -> float | None:
        """None too where nothing is expected to sell: no number of days is that long."""
        daily, stock = self.daily_demand, self.stock
        if daily is None or stock is None or (daily <= 0 < stock.level):
            return None
        return days_of_cover(stock.level, daily)

    @property
    def is_out(self) -> bool:
        """Nothing on hand of what is stocked, as the live page has it; what nobody wants any more is not missed."""
        if self.stock is None or self.stock.level > 0:
            return False
        return self.stock.level < 0 or (self.judged is not None and self.judged.target > 0)

    @property
    def needed_units(self) -> int:
        """What the worker would find needed now, at the thresholds that were saved; 0 where it cannot know."""
        if self.judged is None or self.stock is None:
            return 0
        level, at = self.stock
        reorder_point, target, decision = self.judged
        needed = order_quantity(level + self.state.on_order, reorder_point, target, self.terms)
        if decision is None or not needed:
            return needed
        known = decision.known._replace(stock=(level, at), on_order=self.state.on_order)
        if known.due is not None:
            known = known._replace(due=due_of(self.state.open_orders, self.today))
        return replay(decision._replace(known=known)).needed  # which knows what goes off before it would sell

    @property
    def missing_units(self) -> float | None:
        """Units that one day's demand is expected to miss."""
        day, stock = self._forecast_over(1), self.stock
        if day is None or stock is None:
            return None
        short: Floats = expected_shortfall(max(0, stock.level), day.mean, day.dispersion)
        return float(short)

    @property
    def price_minor(self) -> float | None:
        """The mean of the days that are kept; a product that brought nothing has no price that is known."""
        sold = sum(bucket.sold for bucket in self.state.buckets.values())
        revenue = sum(bucket.revenue for bucket in self.state.buckets.values())
        return revenue / sold if sold > 0 and revenue > 0 else None

    @property
    def unit_cost_minor(self) -> float | None:
        """By the rules alone: what a unit was sold for says nothing of its cost."""
        decision = self.judged.decision if self.judged is not None else None
        cost = decision.known.buying.unit_cost_minor if decision is not None else None
        return float(cost) if cost is not None else None

    @property
    def sold_lately(self) -> int:
        days = range(self.today - SOLD_DAYS, self.today)
        return sum(self.state.buckets.on(day).sold for day in days)

    @property
    def waiting_for(self) -> list[OpenOrder]:
        return [order for order in self.state.open_orders if order.outstanding]

    @property
    def next_arrival_on(self) -> int | None:
        return min((order.expected_on for order in self.waiting_for if not order.hold), default=None)

    def _forecast_over(self, days: int) -> TotalDemand | None:
        note = self.state.forecast
        found = (TotalDemand(*total) for total in note.totals) if note is not None else ()
        return next((total for total in found if total.cover_days == days), None)
