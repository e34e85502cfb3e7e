"""Does a shop order what it needs and no more, day after day, whatever customers and a supplier do?"""

from __future__ import annotations

from decision_examples import D
from domain_streams import MUG, NOW
from fakes.cover import same_days
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.decision import Assessment, Decision, assess, decide
from domain.events import MS_PER_DAY, ReorderCancelled, SaleRecorded, ShipmentReceived
from domain.features import series_of
from domain.folding import fold
from domain.forecast import DemandForecast, baseline_totals
from domain.policy import FORECAST_DAYS, SupplyTerms
from domain.product import ProductState, StockLevel, cycle_of


class Shop(RuleBasedStateMachine):
    """Customers buy, a supplier delivers in parts or cancels, and at any moment someone decides.

    `outstanding` is the supplier's own book; the state knows of it only by events."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ProductState(MUG)
        self.on_hand = 20
        self.day = D
        self.events = 0
        self.outstanding: dict[str, int] = {}
        self.ids: list[str] = []
        self.terms = SupplyTerms(lead_time_days=3, order_cycle_days=5, pack_size=4, minimum_order_quantity=6)

    def tell(self, kind, *fields) -> None:
        self.events += 1
        event = kind(MUG, f"e{self.events}", self.day * MS_PER_DAY, *fields)
        # Everything comes twice: at least once is all a queue promises.
        self.state = fold(self.state, [event, event], NOW).state

    def assess(self) -> Assessment:
        """A forecast by the baseline and a look at the shelf."""
        cover = [same_days(days, 1) for days in (1, self.terms.protection_days, FORECAST_DAYS)]
        totals = baseline_totals(series_of([self.state], self.day), cover)[0]
        forecast = DemandForecast(self.day, "fallback", totals)
        stock = StockLevel(self.on_hand, self.day * MS_PER_DAY)
        return assess([self.state], [stock], [self.terms], [forecast], [0])[0]

    @rule(quantities=st.lists(st.integers(-2, 12), min_size=1, max_size=3), days=st.integers(0, 2))
    def sell(self, quantities: list[int], days: int) -> None:
        self.day += days
        for quantity in quantities:
            self.on_hand -= quantity
            self.tell(SaleRecorded, quantity, 100 * quantity)

    @precondition(lambda self: self.outstanding)
    @rule(data=st.data())
    def deliver(self, data) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.outstanding)))
        left = self.outstanding[order_id]
        quantity = data.draw(st.integers(1, left + 2))
        self.on_hand += quantity  # booked before it is told
        self.outstanding[order_id] = max(0, left - quantity)
        if not self.outstanding[order_id]:
            del self.outstanding[order_id]
        self.tell(ShipmentReceived, order_id, quantity)

    @precondition(lambda self: self.outstanding)
    @rule(data=st.data())
    def cancel(self, data) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.outstanding)))
        del self.outstanding[order_id]
        self.tell(ReorderCancelled, order_id)

    @rule(days=st.integers(0, 4))
    def decide(self, days: int) -> None:
        self.day += days
        before = self.state
        assessed = self.assess()
        position = self.on_hand + sum(self.outstanding.values())
        decision = decide(before, assessed, NOW)
        assert decision is not None
        self.state = decision.state
        opened = self.state.open_orders[len(before.open_orders) :]
        assert len(opened) == (decision.order is not None) == self.state.cycle - before.cycle
        assert (decision.order is not None) == (position <= assessed.reorder_point and position < assessed.target)
        if decision.order is not None:
            self.check(decision, position)
        # No second order for one need: the same shelf again orders nothing, nor does the old assessment.
        assert decide(self.state, self.assess(), NOW).order is None
        again = decide(self.state, assessed, NOW)
        assert again is None

    def check(self, decision: Decision, position: int) -> None:
        order = decision.order
        quantity = order.recommended_order_quantity
        assert position == order.inventory_position
        assert quantity >= 6
        assert quantity % 4 == 0
        assert order.optimal_inventory <= position + quantity < order.optimal_inventory + 6 + 4
        assert cycle_of(MUG, order.reorder_id) == decision.state.cycle
        assert order.reorder_id not in self.ids
        self.ids.append(order.reorder_id)
        self.outstanding[order.reorder_id] = quantity

    @invariant()
    def on_order_is_what_the_supplier_still_owes(self) -> None:
        assert sum(self.outstanding.values()) == self.state.on_order
        owed = {f"85123A#north:{order.cycle}": order.outstanding for order in self.state.open_orders}
        assert self.outstanding == owed


TestShop = Shop.TestCase
TestShop.settings = settings(max_examples=40, stateful_step_count=25)
