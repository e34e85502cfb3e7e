"""Whatever happens, in whatever order: is the position right, and does each order go out once?

A shop, a confused supplier and two planners act at random. Their messages come late, twice, out of order and in
contradiction. Beside the state under test stands a plain list of what was heard, from which each order is reckoned anew
at every step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from domain_streams import MUG, NEW_YEARS_EVE, NOW
from fakes.cover import same_days
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.buying import Buying
from domain.decision import assess, decide
from domain.events import (
    MS_PER_DAY,
    OrderApproved,
    OrderClosed,
    OrderConfirmed,
    OrderRejected,
    OrderReleased,
    OrderShipped,
    ProductFrozen,
    ProductUnfrozen,
    QuantityOverridden,
    ReorderCancelled,
    SaleRecorded,
    ShipmentReceived,
)
from domain.features import series_of
from domain.folding import fold
from domain.forecast import DemandForecast, baseline_totals
from domain.lifecycle import CLOSED_MAX
from domain.policy import FORECAST_DAYS, SupplyTerms
from domain.product import ProductState, StockLevel
from domain.ruling import replay

WAYS = {
    "freely": Buying(),
    "approved": Buying("h", unit_cost_minor=100, approval_above_minor=1_000),
    "joined": Buying("h", "acme", joined=True, unit_cost_minor=100),
    "both": Buying("h", "acme", joined=True, unit_cost_minor=100, approval_above_minor=1_500),
}


@dataclass
class Book:
    """What was heard of one order, as its own list."""

    quantity: int
    held: str
    words: list[tuple[int, int]] = field(default_factory=list)
    approvals: list[tuple[int, int]] = field(default_factory=list)
    shipped: int = 0
    received: int = 0
    ended: bool = False
    sent: int = 0

    @property
    def outstanding(self) -> int:
        if self.ended:
            return 0
        approved = max(self.approvals)[1] if self.approvals else 0
        promised = max(self.words)[1] if self.words else approved or self.quantity
        return max(0, max(promised, self.shipped) - self.received)


class Market(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.state = ProductState(MUG)
        self.on_hand, self.day, self.made = 20, NEW_YEARS_EVE, 0
        self.books: dict[str, Book] = {}
        self.under_way: list = []
        self.heard: dict[str, object] = {}
        self.known: set[str] = set()
        self.overdue_told: Counter[str] = Counter()
        self.overrides = 0
        self.terms = SupplyTerms(lead_time_days=3, order_cycle_days=5, pack_size=2, minimum_order_quantity=4)

    @initialize()
    def open_shop(self) -> None:
        history = [SaleRecorded(MUG, f"h{n}", (self.day - n) * MS_PER_DAY, 3, 300) for n in range(1, 30)]
        self.state = fold(self.state, history, NOW).state

    def say(self, kind, *fields, days_ago=0) -> None:
        """Somebody says something; it is heard some time, or never."""
        self.made += 1
        self.under_way.append(kind(MUG, f"e{self.made}", (self.day - days_ago) * MS_PER_DAY + self.made % 5, *fields))

    def an_order(self, data) -> str:
        return data.draw(st.sampled_from(sorted(self.books)))

    def sell(self, quantity) -> None:
        self.made += 1
        self.on_hand -= quantity
        sale = SaleRecorded(MUG, f"e{self.made}", self.day * MS_PER_DAY, quantity, 100 * quantity)
        self.state = fold(self.state, [sale, sale], NOW).state

    @precondition(lambda self: self.books)
    @rule(data=st.data(), quantity=st.integers(0, 30), due=st.none() | st.integers(0, 9), ago=st.integers(0, 3))
    def confirm_or_ship(self, data, quantity, due, ago) -> None:
        order_id = self.an_order(data)
        if data.draw(st.booleans()):
            self.say(OrderConfirmed, order_id, quantity, None if due is None else self.day + due, days_ago=ago)
        else:
            self.say(OrderShipped, order_id, quantity + 1)

    @precondition(lambda self: self.books)
    @rule(data=st.data(), quantity=st.integers(1, 20))
    def deliver(self, data, quantity) -> None:
        order_id = self.an_order(data)
        self.on_hand += quantity  # booked before it is told
        self.say(ShipmentReceived, order_id, quantity)
        # The shop tells of what it has booked at once; the others may take their time.
        self.hear_one(self.under_way.pop())

    @precondition(lambda self: self.books)
    @rule(data=st.data(), ago=st.integers(0, 3), kind=st.sampled_from([ReorderCancelled, OrderClosed, OrderRejected]))
    def end(self, data, ago, kind) -> None:
        self.say(kind, self.an_order(data), days_ago=ago)

    @precondition(lambda self: any(book.held for book in self.books.values()))
    @rule(data=st.data(), quantity=st.none() | st.integers(1, 40), ago=st.integers(0, 3))
    def let_go(self, data, quantity, ago) -> None:
        order_id = data.draw(st.sampled_from(sorted(o for o, book in self.books.items() if book.held)))
        if data.draw(st.booleans()):
            self.say(OrderApproved, order_id, quantity, days_ago=ago)
        else:
            self.say(OrderReleased, order_id, "acme:2012-01-02")

    @rule(what=st.sampled_from(["freeze", "thaw", "thaw", "override"]), days=st.none() | st.integers(0, 3))
    def plan(self, what, days) -> None:
        if what == "freeze":
            self.say(ProductFrozen, None if days is None else self.day + days)
        elif what == "thaw":
            self.say(ProductUnfrozen)
        else:
            self.say(QuantityOverridden, 5 + (days or 0))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), count=st.integers(1, 5))
    def hear(self, data, count) -> None:
        """Some of what is under way, in any order; some of it comes again later."""
        for _ in range(min(count, len(self.under_way))):
            event = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
            self.hear_one(event)
            if data.draw(st.booleans()):
                self.under_way.append(event)

    def hear_one(self, event) -> None:
        self.state = fold(self.state, [event, event], NOW).state
        if event.event_id not in self.heard and getattr(event, "reorder_id", "") in self.known:
            self.enter(self.books[event.reorder_id], event)
        self.heard[event.event_id] = event
        self.remember()

    def enter(self, book: Book, event) -> None:
        match event:
            case OrderConfirmed():
                book.words.append((event.occurred_at, event.quantity))
            case ReorderCancelled():
                book.words.append((event.occurred_at, 0))
            case OrderShipped():
                book.shipped += event.quantity
            case ShipmentReceived():
                book.received += event.quantity
            case OrderClosed():
                book.ended = True
            case OrderRejected():
                book.ended = book.ended or bool(book.held)
            case OrderApproved() if book.held in ("approval", "approved") and not book.ended:
                book.approvals.append((event.occurred_at, event.quantity or 0))
                book.held = "approved"
            case OrderReleased() if book.held == "review":
                book.held = "released"

    def remember(self) -> None:
        """Of the orders that nothing is outstanding of, the last few that still were remembered."""
        closed = [order_id for order_id in self.known if not self.books[order_id].outstanding]
        closed.sort(key=lambda order_id: int(order_id.rpartition(":")[2]))
        self.known -= set(closed[:-CLOSED_MAX])

    @rule(days=st.integers(0, 4), sold=st.integers(-2, 25), way=st.sampled_from(sorted(WAYS)))
    def sell_and_decide(self, days, sold, way) -> None:
        self.day += days
        self.sell(sold)
        before, position = self.state, self.on_hand + self.on_order
        decision, assessed = self.decision(way)
        again, _ = self.decision(way, decision.state)
        self.state = decision.state
        self.send(decision, WAYS[way])
        ruling = decision.record.ruling
        assert decision.record.known.position == position
        assert replay(decision.record) == ruling
        if decision.order is not None:
            self.opened(decision, position)
        elif ruling.needed:
            assert ruling.why in ("frozen", "too many open orders")
        assert before.cycle + (decision.order is not None) == self.state.cycle
        # No second order for one need, unless a planner made the first one too small.
        if ruling.why != "overridden":
            assert again.order is None
        assert again.moved.sent == ()
        assert decide(self.state, assessed, NOW) is None

    def decision(self, way, state=None):
        state = state if state is not None else self.state
        cover = [same_days(days, 1) for days in (1, self.terms.protection_days, FORECAST_DAYS)]
        totals = baseline_totals(series_of([state], self.day), cover)[0]
        forecast = DemandForecast(self.day, "fallback", totals)
        stock = StockLevel(self.on_hand, self.day * MS_PER_DAY)
        [assessed] = assess([state], [stock], [self.terms], [forecast], [0], [WAYS[way]])
        decision = decide(state, assessed, NOW)
        assert decision is not None
        return decision, assessed

    def send(self, decision, buying) -> None:
        """What the decision says it sends must be what no one holds any more, and is sent for the first time."""
        for sent in decision.moved.sent:
            book = self.books[sent.reorder_id]
            assert book.held in ("approved", "released", "review")
            assert not book.ended
            assert sent.recommended_order_quantity == self.asked(book)
            book.sent += 1
        for overdue in decision.moved.overdue:
            self.overdue_told[f"85123A#north:{overdue.order.cycle}"] += 1
        held = {f"85123A#north:{order.cycle}": order.hold for order in decision.state.open_orders}
        for order_id, hold in held.items():
            if order_id in self.books:
                book = self.books[order_id]
                if hold != book.held:
                    book.quantity, book.approvals, book.held = self.asked(book), [], hold

    def asked(self, book: Book) -> int:
        return (max(book.approvals)[1] if book.approvals else 0) or book.quantity

    def opened(self, decision, position) -> None:
        order, ruling = decision.order, decision.record.ruling
        assert order.reorder_id not in self.books
        assert position <= ruling.reorder_point
        assert order.inventory_position == position
        if ruling.why == "ordered":
            assert ruling.target <= position + ruling.quantity < ruling.target + 4 + 2
        self.books[order.reorder_id] = Book(ruling.quantity, ruling.hold, sent=not ruling.hold)
        self.known.add(order.reorder_id)

    @property
    def on_order(self) -> int:
        """Units that are outstanding of the orders that anybody still knows."""
        return sum(self.books[order_id].outstanding for order_id in self.known)

    @invariant()
    def the_position_counts_each_order_once(self) -> None:
        owed = {o: self.books[o].outstanding for o in self.known if self.books[o].outstanding}
        assert {f"85123A#north:{order.cycle}": order.outstanding for order in self.state.open_orders} == owed
        assert self.state.on_order == self.on_order

    @invariant()
    def no_order_goes_out_twice_and_none_while_it_is_held(self) -> None:
        for book in self.books.values():
            assert book.sent <= 1
            assert not (book.sent and book.held)

    @invariant()
    def an_order_is_told_to_be_overdue_at_most_once(self) -> None:
        assert all(times == 1 for times in self.overdue_told.values())


TestMarket = Market.TestCase
TestMarket.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
