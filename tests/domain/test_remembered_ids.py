"""How long is an id remembered, and which ids are the same?

For as long as its event could be counted again; and verbatim, letter by letter."""

from __future__ import annotations

import pytest
from domain_streams import MUG, NOW, TODAY
from hypothesis import given, settings
from hypothesis import strategies as st
from product_folds import APPLIED, CONFLICT, DUPLICATE, LATE, D, sale, take

from domain.buckets import HORIZON_DAYS
from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.folding import OpenProduct, fold
from domain.ledger import TAIL_ENTRIES
from domain.product import ProductState, cycle_of, product_label, product_of, reorder_id

ids = st.one_of(st.text(alphabet="#%:25 3aAé漢\u0301\U0001f9e6", max_size=8), st.text(max_size=20))
keys = st.builds(ProductKey, ids, st.one_of(st.none(), ids))


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
