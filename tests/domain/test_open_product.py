"""A product that stays open knows the ids that its ledger remembers, those and no others."""

from __future__ import annotations

from domain_streams import MUG, NEW_YEARS_EVE, TODAY
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import MS_PER_DAY, SaleRecorded
from domain.folding import OpenProduct
from domain.ledger import TAIL_ENTRIES, id_digest
from domain.product import Outcome, ProductState

D = NEW_YEARS_EVE
APPLIED, DUPLICATE, LATE = Outcome.APPLIED, Outcome.DUPLICATE, Outcome.LATE


def burst(name: str, day: int, count: int = TAIL_ENTRIES + 1) -> list[SaleRecorded]:
    """By default more than the tail holds: they go into a segment."""
    return [SaleRecorded(MUG, f"{name}{n}", day * MS_PER_DAY, 1, 100) for n in range(count)]


def test_with_a_segment_that_is_forgotten_its_ids_go_and_no_others():
    product, old, young = OpenProduct(ProductState(MUG)), burst("old", D), burst("young", D + 30)
    for sales in (old, young):
        product.take(sales)
        product.closed(TODAY * MS_PER_DAY)
    product.take(burst("next", D + 40, 1))
    assert product.closed((TODAY + 40) * MS_PER_DAY).dropped == (0,)
    assert product.known == product.state.ledger.digests()
    assert set(product.take(young)) == {DUPLICATE}
    assert set(product.take(old)) == {LATE}


def test_what_a_batch_brings_twice_counts_once_and_so_does_what_the_batch_before_it_brought():
    product, sales = OpenProduct(ProductState(MUG)), burst("e", D, 3)
    assert product.take([*sales, sales[0]]) == (APPLIED, APPLIED, APPLIED, DUPLICATE)
    product.closed(TODAY * MS_PER_DAY)
    assert product.take([sales[1], *burst("f", D, 1)]) == (DUPLICATE, APPLIED)
    assert product.closed(TODAY * MS_PER_DAY).state.sales == 4


def test_only_what_a_decision_made_of_its_own_state_is_taken_over():
    product = OpenProduct(ProductState(MUG))
    product.take(burst("e", D, 3))
    state = product.closed(TODAY * MS_PER_DAY).state
    decided = state._replace(version=state.version + 1, dirty=0)
    read_again = OpenProduct(ProductState(MUG))
    read_again.take(burst("e", D, 3))
    assert not product.decided(read_again.closed(TODAY * MS_PER_DAY).state._replace(version=state.version + 1))
    assert product.decided(decided)
    assert product.state is decided
    product.take(burst("f", D, 1))
    assert not product.decided(decided), "it has taken something since"


@settings(max_examples=60)
@given(
    steps=st.lists(
        st.tuples(st.integers(-40, 60), st.sampled_from([1, 5, 17, 40]), st.integers(0, 40)), min_size=2, max_size=12
    )
)
def test_it_knows_what_its_ledger_remembers_however_time_goes_on(steps):
    product, newest, today = OpenProduct(ProductState(MUG)), D, TODAY
    for number, (ahead, count, waited) in enumerate(steps):
        today += waited
        product.take(burst(f"{number}-", newest + ahead, count))
        if product.fresh:
            state = product.closed(today * MS_PER_DAY).state
            newest = state.newest_day if state.newest_day is not None else newest
        assert product.known == product.state.ledger.digests() == OpenProduct(product.state).known
        assert all(product.state.ledger.payload_of(digest) is not None for digest in product.known)


def test_an_id_is_known_by_its_digest():
    product = OpenProduct(ProductState(MUG))
    product.take(burst("e", D, 1))
    assert product.known == {id_digest("e0")}
