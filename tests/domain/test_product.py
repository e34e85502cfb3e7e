"""Is a product's state what its accepted events add up to, and nothing else?"""

from __future__ import annotations

from domain_streams import MUG, NOW, Shopkeeper, corrections_of, deliveries, other_events_of, sales_of
from hypothesis import given, settings
from hypothesis import strategies as st
from product_folds import APPLIED, DUPLICATE, D, counted, cut, one_by_one, sale, take

from domain.buckets import HORIZON_DAYS
from domain.events import MS_PER_DAY, StockChanged
from domain.folding import OpenProduct, fold
from domain.product import ProductState

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


# In whatever order, in whatever batches


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


@settings(max_examples=60)
@given(stream=deliveries(corrected=True), data=st.data())
def test_a_batch_in_another_order_gives_the_same_sums(stream, data):
    """Unless an id comes with two payloads: then the first one counts."""
    once = list({event.event_id: event for event in stream}.values())
    begin, _ = take(ProductState(MUG), sale("first", D))
    forth, _ = take(begin, *once)
    back, _ = take(begin, *data.draw(st.permutations(once)))
    assert counted(forth) == counted(back)


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
