"""What becomes of an event: is it counted, known already, late, or in conflict, and what is there to commit then?"""

from __future__ import annotations

import pytest
from domain_streams import MUG, NOW
from product_folds import APPLIED, CONFLICT, DUPLICATE, LATE, D, sale, take

from domain.buckets import HORIZON_DAYS, KEPT_DAYS, Bucket
from domain.events import MS_PER_DAY, SaleCorrected, SaleRecorded, StockChanged
from domain.folding import fold
from domain.product import Outcome, ProductState

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


def test_a_late_sale_leaves_no_trace():
    state, _ = take(ProductState(MUG), sale("newest", D))
    folded = fold(state, [sale("late", D - 36)], NOW)
    assert folded.state is state
    assert (folded.outcomes, folded.written, folded.dropped) == ((LATE,), (), ())


def test_an_event_that_would_overflow_the_sums_of_its_day_is_refused_and_changes_nothing():
    huge = SaleRecorded(MUG, "huge", D * MS_PER_DAY, 1, 2**62)
    state, _ = take(ProductState(MUG), huge)
    again, back = huge._replace(event_id="again"), huge._replace(event_id="back", quantity=-1, revenue_minor=-(2**62))
    more = SaleCorrected(MUG, "more", D * MS_PER_DAY, 0, 0, 2**62, 0, 0, 0)
    folded = fold(state, [again, more, back, sale("good", D)], NOW)
    assert folded.outcomes == (Outcome.EXCESSIVE, Outcome.EXCESSIVE, APPLIED, APPLIED)
    assert folded.state.buckets[D].revenue < 2**63
    assert folded.state.sales == 3


# What is counted


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
