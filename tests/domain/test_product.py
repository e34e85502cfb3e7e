"""Is a product's state what its accepted events add up to, and nothing else?"""

from __future__ import annotations

from itertools import pairwise

import pytest
from domain_streams import (
    MUG,
    NEW_YEARS_EVE,
    NOW,
    TODAY,
    Shopkeeper,
    corrections_of,
    deliveries,
    other_events_of,
    sales_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.buckets import HORIZON_DAYS, KEPT_DAYS, Bucket
from domain.events import (
    MS_PER_DAY,
    ProductKey,
    PromotionPlanned,
    ReorderCancelled,
    SaleCorrected,
    SaleRecorded,
    ShipmentReceived,
    StockChanged,
)
from domain.folding import PROMOTIONS_MAX, OpenProduct, fold
from domain.ledger import TAIL_ENTRIES, Ledger, id_digest
from domain.orders import RECEIPTS_MAX, OpenOrder
from domain.product import Outcome, ProductState, StockLevel, cycle_of, product_label, product_of, reorder_id

APPLIED, DUPLICATE, LATE, CONFLICT = Outcome.APPLIED, Outcome.DUPLICATE, Outcome.LATE, Outcome.CONFLICT
D = NEW_YEARS_EVE
ids = st.one_of(st.text(alphabet="#%:25 3aAé漢\u0301\U0001f9e6", max_size=8), st.text(max_size=20))
keys = st.builds(ProductKey, ids, st.one_of(st.none(), ids))


def sale(event_id: str, day: int, quantity: int = 1, revenue: int = 0, promotion: bool = False) -> SaleRecorded:
    return SaleRecorded(MUG, event_id, day * MS_PER_DAY, quantity, revenue, promotion)


def take(state: ProductState, *events, now: int = NOW) -> tuple[ProductState, list[Outcome]]:
    folded = fold(state, events, now)
    return folded.state, list(folded.outcomes)


def one_by_one(events) -> tuple[ProductState, list[Outcome]]:
    state, outcomes = ProductState(MUG), []
    for event in events:
        state, outcome = take(state, event)
        outcomes += outcome
    return state, outcomes


def counted(state: ProductState) -> tuple:
    """What the events decide, whatever commits they came in."""
    return (
        dict(state.buckets),
        state.newest_day,
        state.sales,
        state.units,
        state.stock,
        state.promotions,
        state.open_orders,
        state.dirty,
        state.category,
    )


# A stream against the naive twin


@settings(max_examples=50)
@given(stream=deliveries(corrected=True))
def test_after_every_event_the_state_is_what_a_shopkeeper_counts(stream):
    state, twin = ProductState(MUG), Shopkeeper()
    for event in stream:
        expected = twin.deliver(event)
        state, outcomes = take(state, event)
        assert expected == outcomes
        assert_agree(twin, state)


def assert_agree(twin: Shopkeeper, state: ProductState) -> None:
    assert twin.newest_day == state.newest_day
    assert twin.count == state.sales
    assert twin.units == state.units
    assert twin.buckets() == state.buckets
    assert twin.stock() == state.stock
    assert len(twin.accepted) == state.dirty


def cut(stream, data) -> list:
    """The stream in batches of any size."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))) | {0, len(stream)})
    return [stream[begin:end] for begin, end in pairwise(cuts)]


@settings(max_examples=60)
@given(stream=deliveries(events_max=60, corrected=True), data=st.data())
def test_after_every_batch_the_state_is_what_a_shopkeeper_counts(stream, data):
    state, twin = ProductState(MUG), Shopkeeper()
    for batch in cut(stream, data):
        expected = twin.deliver(*batch)
        state, outcomes = take(state, *batch)
        assert expected == outcomes
    assert_agree(twin, state)
    # Whatever the cuts, every id is remembered: what was accepted is a duplicate when it comes again.
    assert {DUPLICATE} >= set(take(state, *twin.accepted)[1])


@st.composite
def punctual(draw) -> list:
    """Sales and corrections within one horizon (so none is late in any order) and stock counts."""
    within = st.integers((D - HORIZON_DAYS) * MS_PER_DAY, (D + 1) * MS_PER_DAY - 1)
    sales = [draw(sales_of(f"s{n}", at=within)) for n in range(draw(st.integers(0, 15)))]
    corrections = [draw(corrections_of(f"k{n}", at=within)) for n in range(draw(st.integers(0, 5)))]
    counts = st.tuples(within, st.integers(-5, 9))
    stocks = [StockChanged(MUG, f"c{n}", at, level) for n, (at, level) in enumerate(draw(st.lists(counts, max_size=5)))]
    return [*sales, *corrections, *stocks]


@settings(max_examples=100)
@given(events=punctual(), data=st.data())
def test_when_none_is_late_the_state_is_a_function_of_the_set_of_events(events, data):
    again = data.draw(st.lists(st.sampled_from(events), max_size=10)) if events else []
    shuffled = data.draw(st.permutations([*events, *again]))
    straight, outcomes = one_by_one(events)
    mixed, _ = one_by_one(shuffled)
    assert set(outcomes) <= {APPLIED}
    assert straight.buckets == mixed.buckets
    assert (straight.units, straight.sales, straight.stock) == (mixed.units, mixed.sales, mixed.stock)
    assert straight.newest_day == mixed.newest_day


@settings(max_examples=60)
@given(events=punctual(), data=st.data())
def test_when_none_is_late_it_makes_no_difference_how_a_stream_is_cut_into_batches(events, data):
    others = data.draw(st.lists(st.integers(0, 99).flatmap(lambda n: other_events_of(f"o{n}")), max_size=5))
    stream = data.draw(st.permutations([*events, *others, *others[:2]]))
    state, outcomes = ProductState(MUG), []
    for batch in cut(stream, data):
        state, some = take(state, *batch)
        outcomes += some
    singly, outcomes_singly = one_by_one(stream)
    in_one, outcomes_in_one = take(ProductState(MUG), *stream)
    assert outcomes_singly == outcomes == outcomes_in_one
    assert counted(singly) == counted(state) == counted(in_one)
    for any_state in (singly, state, in_one):
        assert any_state is fold(any_state, stream, NOW).state, "every id is remembered, wherever it was written"


# Results that are not errors


def test_a_duplicate_never_counts():
    first = sale("e", D, 3, 300)
    state, _ = take(ProductState(MUG), first)
    assert take(state, first, first, first)[1] == [DUPLICATE] * 3
    assert take(ProductState(MUG), first, first)[1] == [APPLIED, DUPLICATE]
    assert state is take(state, first)[0], "nothing was accepted: there is nothing to commit"


@pytest.mark.parametrize(
    "other",
    [
        sale("e", D, 4, 300),
        sale("e", D + 1, 3, 300),
        sale("e", D, 3, 301),
        sale("e", D, 3, 300, promotion=True),
        sale("e", D, 3, 300)._replace(category="mugs"),
        StockChanged(MUG, "e", D * MS_PER_DAY, 3),
    ],
    ids=["quantity", "day", "revenue", "promotion", "category", "kind"],
)
def test_the_same_id_with_another_payload_is_a_conflict_and_does_not_count(other):
    first = sale("e", D, 3, 300)
    state, _ = take(ProductState(MUG), first)
    assert (state, [CONFLICT]) == take(state, other)
    assert take(ProductState(MUG), first, other, first)[1] == [APPLIED, CONFLICT, DUPLICATE]


def test_a_sale_35_days_before_the_newest_is_counted_and_one_of_36_is_late():
    state, _ = take(ProductState(MUG), sale("newest", D))
    assert take(state, sale("just", D - 35), sale("late", D - 36))[1] == [APPLIED, LATE]


def test_the_last_millisecond_of_a_late_day_is_late_and_the_next_one_is_not():
    state, _ = take(ProductState(MUG), sale("newest", D))
    midnight = (D - HORIZON_DAYS) * MS_PER_DAY
    late, just = (SaleRecorded(MUG, f"at {at}", at, 1, 0) for at in (midnight - 1, midnight))
    assert take(state, late, just)[1] == [LATE, APPLIED]


def test_late_is_decided_by_the_products_newest_day_not_by_the_wall_clock():
    state, outcomes = take(ProductState(MUG), sale("old", D - 4_000), now=NOW)
    assert outcomes == [APPLIED]
    state, _ = take(state, sale("new", D))
    assert take(state, sale("then", D - 4_000))[1] == [LATE]


def test_late_is_decided_by_the_header_so_that_the_order_within_a_batch_changes_nothing():
    early, late = sale("a", D - 36), sale("b", D)
    forth, outcomes_forth = take(ProductState(MUG), early, late)
    back, outcomes_back = take(ProductState(MUG), late, early)
    assert [APPLIED] * 2 == outcomes_forth == outcomes_back
    assert forth.buckets == back.buckets
    assert take(back, sale("c", D - 36))[1] == [LATE]


@settings(max_examples=60)
@given(stream=deliveries(corrected=True), data=st.data())
def test_a_batch_in_another_order_gives_the_same_sums(stream, data):
    """Unless an id comes with two payloads: then the first one counts."""
    once = list({event.event_id: event for event in stream}.values())
    begin, _ = take(ProductState(MUG), sale("first", D))
    forth, _ = take(begin, *once)
    back, _ = take(begin, *data.draw(st.permutations(once)))
    assert counted(forth) == counted(back)


def test_a_late_sale_leaves_no_trace():
    state, _ = take(ProductState(MUG), sale("newest", D))
    folded = fold(state, [sale("late", D - 36)], NOW)
    assert folded.state is state
    assert (folded.outcomes, folded.written, folded.dropped) == ((LATE,), (), ())


def test_days_beyond_window_and_horizon_are_let_go_and_stay_in_the_totals():
    state, _ = take(ProductState(MUG), sale("a", D, 5), sale("b", D + KEPT_DAYS), sale("c", D + KEPT_DAYS - 1))
    assert Bucket(sold=5) == state.buckets[D]
    state, _ = take(state, sale("d", D + KEPT_DAYS + 1))
    assert D not in state.buckets
    assert (state.sales, state.units) == (4, 8)


def test_returns_zero_quantities_and_promotions_go_where_they_belong():
    state, _ = take(
        ProductState(MUG),
        sale("a", D, 5, 995),
        sale("b", D, 2, 300, promotion=True),
        sale("c", D, -1, -199),
        sale("d", D, 0, 0, promotion=True),
        sale("e", D, -1, -199, promotion=True),
        sale("f", D + 1, 0),
    )
    expected = {D: Bucket(sold=7, revenue=1295, returned=2, refunded=398, promoted=2)}
    assert expected == state.buckets
    assert (state.units, state.sales, state.buckets[D].net) == (5, 6, 5)


def test_a_category_is_that_of_the_last_sale_that_names_one():
    named = sale("a", D)._replace(category="mugs")
    state, _ = take(ProductState(MUG), named, sale("b", D))
    assert state.category == "mugs"


# Commits


def test_a_fold_that_accepts_something_is_one_version_and_counts_what_is_dirty():
    state, _ = take(ProductState(MUG), sale("a", D), sale("a", D), sale("b", D), now=NOW)
    assert (state.version, state.dirty, state.dirty_since) == (1, 2, NOW)
    state, _ = take(state, sale("c", D), now=NOW + 5)
    assert (state.version, state.dirty, state.dirty_since) == (2, 3, NOW), "dirty since the first of them"


def test_a_fold_changes_nothing_of_the_state_it_began_with():
    state, _ = take(ProductState(MUG), sale("a", D))
    before = dict(state.buckets)
    take(state, sale("b", D), sale("c", D + 200))
    assert before == state.buckets


def test_no_event_is_no_commit():
    state = ProductState(MUG)
    assert state is fold(state, [], NOW).state


# How long ids are remembered


def burst(name: str, day: int, count: int = 40) -> list[SaleRecorded]:
    """More sales than the tail holds: they go into a segment."""
    return [sale(f"{name}{n}", day) for n in range(count)]


def days_on(day: int, count: int) -> int:
    return day * MS_PER_DAY + count * MS_PER_DAY


@pytest.mark.parametrize(
    ("passed", "waited", "forgotten"),
    [(35, 36, False), (36, 35, False), (36, 36, True), (35, 4_000, False), (4_000, 35, False)],
)
def test_ids_are_forgotten_when_the_header_and_the_wall_clock_have_passed_them(passed, waited, forgotten):
    state, _ = take(ProductState(MUG), *burst("a", D))
    folded = fold(state, [sale("next", D + passed)], days_on(TODAY, waited))
    assert ((0,) if forgotten else ()) == folded.dropped
    outcomes = take(folded.state, *burst("a", D), now=days_on(TODAY, waited))[1]
    assert {LATE if forgotten else DUPLICATE} == set(outcomes)


def test_one_young_sale_keeps_a_whole_segment():
    state, _ = take(ProductState(MUG), *burst("a", D), sale("young", D + 30))
    folded = fold(state, [sale("next", D + 65)], days_on(TODAY, 100))
    assert folded.dropped == ()
    assert take(folded.state, sale("young", D + 30))[1] == [DUPLICATE]


@settings(max_examples=60)
@given(
    steps=st.lists(
        st.tuples(st.integers(-40, 40), st.sampled_from([1, 5, 33, 70]), st.integers(0, 30)), min_size=2, max_size=10
    )
)
def test_no_sale_is_ever_counted_twice_however_long_ago_it_was(steps):
    """Sold per day and wall clock move on; after every step, everything ever accepted is sent again."""
    state, today, newest = ProductState(MUG), TODAY, D
    accepted: list[tuple[SaleRecorded, int]] = []
    for number, (ahead, count, waited) in enumerate(steps):
        today += waited
        sales = burst(f"{number}-", newest + ahead, count)
        state, outcomes = take(state, *sales, now=days_on(today, 0))
        newest = state.newest_day if state.newest_day is not None else newest
        accepted += [(s, today) for s, outcome in zip(sales, outcomes, strict=True) if outcome is APPLIED]
        _, again = take(state, *(s for s, _ in accepted), now=days_on(today, 0))
        for (known, written), outcome in zip(accepted, again, strict=True):
            may_be_forgotten = known.day < newest - HORIZON_DAYS and written < today - HORIZON_DAYS
            assert outcome is DUPLICATE or (may_be_forgotten and outcome is LATE)


def test_folding_writes_each_id_once_and_says_which_segments_to_delete():
    state, live = ProductState(MUG), {}
    for step in range(30):
        folded = fold(state, burst(f"{step}-", D + 10 * step), days_on(TODAY, 10 * step))
        state = folded.state
        live |= {segment.number: segment for segment in folded.written}
        for number in folded.dropped:
            del live[number]
        assert tuple(live.values()) == state.ledger.segments
        assert list(live) == list(range(state.ledger.first, state.ledger.next_number))
    assert len(live) <= 5, "what is kept does not grow with time"


# Ids of any form


@settings(max_examples=150)
@given(first=ids, second=ids)
def test_event_ids_are_verbatim_case_sensitive_and_never_normalised(first, second):
    expected = [APPLIED, DUPLICATE if first == second else APPLIED]
    assert expected == take(ProductState(MUG), sale(first, D), sale(second, D))[1]


def test_composed_and_decomposed_letters_are_two_ids():
    assert take(ProductState(MUG), *(sale(i, D) for i in ("é", "e\u0301", "É", "e")))[1] == [APPLIED] * 4


@given(key=keys)
def test_a_label_names_its_product(key):
    assert key == product_of(product_label(key))


@given(first=keys, second=keys)
def test_two_products_have_two_labels(first, second):
    assert (first == second) == (product_label(first) == product_label(second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ProductKey("a#b"), ProductKey("a", "b")),
        (ProductKey("a", ""), ProductKey("a")),
        (ProductKey("a#", "b"), ProductKey("a", "#b")),
        (ProductKey("%23"), ProductKey("#")),
        (ProductKey("%2523"), ProductKey("%23")),
        (ProductKey("a"), ProductKey("A")),
    ],
)
def test_products_that_look_alike_are_told_apart(first, second):
    assert product_label(first) != product_label(second)
    assert [first, second] == [product_of(product_label(key)) for key in (first, second)]


def test_plain_ids_read_as_they_are():
    assert product_label(MUG) == "85123A#north"
    assert product_label(ProductKey("85123A")) == "85123A"


@given(key=keys, cycle=st.integers(0, 10**9))
def test_an_order_id_names_its_cycle(key, cycle):
    assert cycle == cycle_of(key, reorder_id(key, cycle))


@given(one=keys, other=keys, cycle=st.integers(0, 99))
def test_an_order_id_is_no_id_of_another_product(one, other, cycle):
    assert (cycle if one == other else None) == cycle_of(other, reorder_id(one, cycle))


@pytest.mark.parametrize(
    "order_id", ["", ":", "85123A#north", "85123A#north:", "85123A#north:x", "85123A#north:-1", "85123A:1", "1", ":1",
                 "85123A#north:1:1", "85123A#north:²", "85123A#north:٣", "85123A#north: 1", "85123a#north:1"]
)  # fmt: skip
def test_what_is_no_order_id_of_the_product_names_no_cycle(order_id):
    assert cycle_of(MUG, order_id) is None


# Orders, stock, promotions

ORDERED = ProductState(MUG, cycle=2, open_orders=(OpenOrder(1, 10, 0, D + 7), OpenOrder(2, 6, 0, D + 9)))


def shipment(order_id: str, quantity: int, event_id: str = "s") -> ShipmentReceived:
    return ShipmentReceived(MUG, event_id, D * MS_PER_DAY, order_id, quantity)


def cancellation(order_id: str, event_id: str = "x") -> ReorderCancelled:
    return ReorderCancelled(MUG, event_id, D * MS_PER_DAY, order_id)


def test_a_partial_shipment_leaves_the_rest_on_order():
    state, _ = take(ORDERED, shipment("85123A#north:1", 4))
    assert (OpenOrder(1, 10, 4, D + 7, (id_digest("s").hex(),)), OpenOrder(2, 6, 0, D + 9)) == state.open_orders
    assert state.on_order == 12


def test_a_shipment_sent_again_after_the_ledger_forgot_its_id_is_not_received_twice():
    state, _ = take(ORDERED, shipment("85123A#north:1", 4))
    forgotten = state._replace(ledger=Ledger())
    state, outcomes = take(forgotten, shipment("85123A#north:1", 4), shipment("85123A#north:1", 4, "another"))
    assert (outcomes, state.on_order) == ([DUPLICATE, APPLIED], 2 + 6)


def test_only_so_many_receipts_of_an_order_are_remembered():
    order = ProductState(MUG, cycle=1, open_orders=(OpenOrder(1, 1_000, 0, D + 7),))
    state, _ = take(order, *(shipment("85123A#north:1", 1, f"s{n}") for n in range(RECEIPTS_MAX + 3)))
    assert [id_digest(f"s{n}").hex() for n in range(3, RECEIPTS_MAX + 3)] == list(state.open_orders[0].receipts)


@pytest.mark.parametrize("quantity", [10, 11, 1_000])
def test_a_full_shipment_or_more_closes_the_order_and_only_that(quantity):
    state, _ = take(ORDERED, shipment("85123A#north:1", quantity))
    assert (OpenOrder(2, 6, 0, D + 9),) == state.open_orders
    assert state.on_order == 6


def test_partial_shipments_add_up_and_a_re_sent_one_counts_once():
    first, second = shipment("85123A#north:1", 4, "s1"), shipment("85123A#north:1", 6, "s2")
    state, outcomes = take(ORDERED, first, first)
    assert (outcomes, state.on_order) == ([APPLIED, DUPLICATE], 12)
    state, _ = take(state, second, first)
    assert state.on_order == 6


@pytest.mark.parametrize("order_id", ["85123A#north:7", "85123A:1", "of another system", "85123A#north:0"])
def test_a_shipment_or_cancellation_of_an_unknown_order_changes_no_order(order_id):
    state, outcomes = take(ORDERED, shipment(order_id, 5), cancellation(order_id))
    assert outcomes == [APPLIED, APPLIED]
    assert ORDERED.open_orders == state.open_orders


def test_a_cancelled_order_is_no_longer_on_order_with_whatever_was_outstanding():
    state, _ = take(ORDERED, shipment("85123A#north:1", 4), cancellation("85123A#north:1"))
    assert (OpenOrder(2, 6, 0, D + 9),) == state.open_orders
    state, _ = take(state, shipment("85123A#north:1", 6, "after all"), cancellation("85123A#north:1", "again"))
    assert state.on_order == 6


def test_orders_and_stock_touch_neither_sales_nor_the_cycle():
    state, _ = take(ORDERED, shipment("85123A#north:1", 10), cancellation("85123A#north:2"))
    assert (dict(state.buckets), state.newest_day, state.sales, state.units, state.cycle) == ({}, None, 0, 0, 2)


@given(
    counts=st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 9)), min_size=1, max_size=6),
    data=st.data(),
)
def test_the_newest_count_wins_in_any_order(counts, data):
    events = [StockChanged(MUG, f"c{n}", at, level) for n, (at, level) in enumerate(counts)]
    state, _ = one_by_one(data.draw(st.permutations(events)))
    newest = max(at for at, _ in counts)
    assert StockLevel(max(level for at, level in counts if at == newest), newest) == state.stock


def test_a_sale_never_touches_the_stock():
    state, _ = take(ProductState(MUG), StockChanged(MUG, "c", D * MS_PER_DAY, 50), sale("a", D + 1, 7))
    assert StockLevel(50, D * MS_PER_DAY) == state.stock


def promotion(event_id: str, first: int, last: int) -> PromotionPlanned:
    return PromotionPlanned(MUG, event_id, D * MS_PER_DAY, first, last)


@given(data=st.data(), firsts=st.lists(st.integers(D, D + 400), min_size=1, max_size=2 * PROMOTIONS_MAX))
def test_promotions_are_a_calendar_of_limited_length_whatever_the_order(data, firsts):
    events = [promotion(f"p{n}", first, first + 6) for n, first in enumerate(data.draw(st.permutations(firsts)))]
    state, _ = one_by_one(events)
    assert tuple(sorted({(first, first + 6) for first in firsts})[-PROMOTIONS_MAX:]) == state.promotions


def test_a_promotion_planned_twice_is_one_promotion():
    state, outcomes = take(ProductState(MUG), promotion("p1", D, D + 6), promotion("p2", D, D + 6))
    assert (outcomes, state.promotions) == ([APPLIED, APPLIED], ((D, D + 6),))


# Sums that would not fit


def test_an_event_that_would_overflow_the_sums_of_its_day_is_refused_and_changes_nothing():
    huge = SaleRecorded(MUG, "huge", D * MS_PER_DAY, 1, 2**62)
    state, _ = take(ProductState(MUG), huge)
    again, back = huge._replace(event_id="again"), huge._replace(event_id="back", quantity=-1, revenue_minor=-(2**62))
    more = SaleCorrected(MUG, "more", D * MS_PER_DAY, 0, 0, 2**62, 0, 0, 0)
    folded = fold(state, [again, more, back, sale("good", D)], NOW)
    assert folded.outcomes == (Outcome.EXCESSIVE, Outcome.EXCESSIVE, APPLIED, APPLIED)
    assert folded.state.buckets[D].revenue < 2**63
    assert folded.state.sales == 3


def test_a_product_with_many_ids_knows_each_of_them_whether_it_stayed_open_or_not():
    opened, sold = OpenProduct(ProductState(MUG)), []
    for n in range(12):
        events = [sale(f"{n}-{i}", D + n % 3) for i in range(TAIL_ENTRIES + 1)]
        assert set(opened.take(events)) == {APPLIED}
        state = opened.closed(NOW).state
        sold += events
    changed = [event._replace(quantity=77) for event in sold[::50]]
    for product in (opened, OpenProduct(state)):
        assert set(product.take(sold)) == {DUPLICATE}
        assert set(product.take(changed)) == {CONFLICT}
        assert not product.fresh


@given(stream=deliveries(corrected=True), data=st.data())
def test_a_product_that_stays_open_comes_to_what_its_folds_come_to(stream, data):
    opened, state = OpenProduct(ProductState(MUG)), ProductState(MUG)
    for batch in cut(stream, data):
        before = opened.state
        kept = before.ledger, dict(before.buckets)
        folded = fold(state, batch, NOW)
        assert folded.outcomes == opened.take(batch)
        assert (before.ledger, dict(before.buckets)) == kept, "a state that was closed is never changed"
        if folded.state is not state:
            assert folded == opened.closed(NOW)._replace(outcomes=folded.outcomes)
        state = folded.state
