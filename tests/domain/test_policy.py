"""Is what we order what the textbook orders: the gap to the target, then the minimum, then whole packs?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from fakes.outlooks import whole_of
from hypothesis import given
from hypothesis import strategies as st

from domain.forecast import dispersion_from, total_quantile
from domain.policy import SupplyTerms, days_of_cover, order_quantity, thresholds, urgency

all_terms = st.builds(
    SupplyTerms,
    lead_time_days=st.integers(0, 60),
    review_days=st.integers(1, 30),
    order_cycle_days=st.integers(1, 60),
    service_level=st.floats(0.51, 0.995),
    pack_size=st.integers(1, 48),
    minimum_order_quantity=st.integers(0, 200),
    fill_rate=st.none(),
    shortage_cost=st.none(),
    holding_cost=st.none(),
    ordering_cost=st.none(),
    lead_time_sd_days=st.just(0.0),
    maximum_stock=st.none(),
    shelf_life_days=st.none(),
)
positions = st.integers(-200, 1_000)
points = st.integers(0, 500)
gaps = st.integers(1, 300)


# Quantities


@pytest.mark.parametrize(
    ("position", "pack_size", "minimum", "quantity"),
    [
        (8, 1, 0, 22),  # the gap, not the target of 30
        (0, 1, 0, 30),
        (-5, 1, 0, 35),  # what is owed to customers is ordered as well
        (10, 1, 0, 20),  # at the reorder point
        (11, 1, 0, 0),  # above it
        (30, 1, 0, 0),
        (99, 1, 0, 0),
        (8, 12, 0, 24),  # whole packs
        (6, 12, 0, 24),  # exactly two
        (8, 1, 50, 50),  # the minimum
        (8, 12, 50, 60),  # first the minimum, then packs
        (8, 12, 20, 24),  # a gap above the minimum
        (8, 50, 20, 50),  # a pack above both
    ],
)
def test_quantities_by_hand(position, pack_size, minimum, quantity):
    """Reorder point 10, target 30."""
    terms = SupplyTerms(pack_size=pack_size, minimum_order_quantity=minimum)
    assert quantity == order_quantity(position, 10, 30, terms)


@given(position=positions, point=points, gap=gaps, terms=all_terms)
def test_a_quantity_is_nothing_or_whole_packs_of_at_least_the_minimum(position, point, gap, terms):
    quantity = order_quantity(position, point, point + gap, terms)
    assert quantity == 0 or quantity >= max(1, terms.minimum_order_quantity)
    assert quantity % terms.pack_size == 0


@given(below=st.integers(0, 700), point=points, gap=gaps, terms=all_terms)
def test_at_or_below_the_reorder_point_an_order_brings_the_position_to_the_target(below, point, gap, terms):
    position, target = point - below, point + gap
    quantity = order_quantity(position, point, target, terms)
    assert position + quantity >= target
    needed = max(target - position, terms.minimum_order_quantity)
    assert needed <= quantity < needed + terms.pack_size, "and no pack more than that takes"


@given(above=st.integers(1, 500), point=points, gap=gaps, terms=all_terms)
def test_above_the_reorder_point_nothing_is_ordered(above, point, gap, terms):
    assert order_quantity(point + above, point, point + gap, terms) == 0


@given(position=positions, point=points, gap=gaps, terms=all_terms)
def test_once_ordered_the_same_need_orders_nothing(position, point, gap, terms):
    ordered = order_quantity(position, point, point + gap, terms)
    assert order_quantity(position + ordered, point, point + gap, terms) == 0 or ordered == 0
    if ordered:
        assert position + ordered > point


@given(position=positions, point=points)
def test_a_target_that_is_reached_orders_nothing(position, point):
    assert order_quantity(position, point, position, SupplyTerms(minimum_order_quantity=9)) == 0


# Thresholds


def threshold_of(terms: SupplyTerms, mean: float, dispersion: float, daily: float) -> tuple[int, int]:
    outlook = whole_of(np.array([mean]), np.array([dispersion]))
    levels = thresholds([terms], outlook, np.array([daily]), lost=np.zeros(1))
    return int(levels.reorder_point[0]), int(levels.target[0])


def test_the_stock_must_last_for_lead_time_and_review():
    assert SupplyTerms(lead_time_days=7, review_days=3).protection_days == 10


def test_thresholds_by_hand():
    """2 a day, 7 days of protection, Poisson: s = Q.95 = 20; two weeks are 28 more."""
    assert threshold_of(SupplyTerms(order_cycle_days=14), 14, 0, 2) == (20, 48)


@pytest.mark.parametrize(
    ("terms", "more"),
    [
        (SupplyTerms(order_cycle_days=10), 25),
        (SupplyTerms(order_cycle_days=7), 18),  # whole units for 17.5
        (SupplyTerms(order_cycle_days=3), 8),  # and for 7.5
        (SupplyTerms(order_cycle_days=10, minimum_order_quantity=40), 40),
        (SupplyTerms(order_cycle_days=10, pack_size=36), 36),
        (SupplyTerms(order_cycle_days=10, pack_size=36, minimum_order_quantity=40), 40),
        (SupplyTerms(order_cycle_days=0), 1),
    ],
)
def test_the_target_lies_one_order_above_the_reorder_point(terms, more):
    point, target = threshold_of(terms, 14, 0.1, 2.5)
    assert more == target - point


@given(terms=all_terms, mean=st.floats(0.001, 300), dispersion=st.floats(0, 5), daily=st.floats(1, 40))
def test_the_target_of_what_sells_is_always_above_the_reorder_point(terms, mean, dispersion, daily):
    point, target = threshold_of(terms, mean, dispersion, daily)
    assert 0 <= point < target
    assert order_quantity(point, point, target, terms) > 0


@given(terms=all_terms, daily=st.floats(0, 0.008))
def test_what_is_not_expected_to_sell_in_a_cycle_is_not_stocked(terms, daily):
    """Not even a pack or the supplier's minimum; only what is owed to customers is ordered."""
    assert threshold_of(terms, 0.001, 0, daily) == (0, 0)
    assert order_quantity(0, 0, 0, terms) == 0
    assert order_quantity(-3, 0, 0, terms) >= 3


@given(levels=st.tuples(st.floats(0.51, 0.995), st.floats(0.51, 0.995)), mean=st.floats(0.1, 300))
def test_better_service_never_has_a_lower_reorder_point(levels, mean):
    low, high = (threshold_of(SupplyTerms(service_level=level), mean, 0.3, 1)[0] for level in sorted(levels))
    assert low <= high


def test_where_an_order_brings_what_is_missing_the_shop_orders_below_the_wanted_stock_up_to_it():
    """2 a day, 7 days of protection, Poisson: Q.95 = 20."""
    assert threshold_of(SupplyTerms(order_cycle_days=0, pack_size=6), 14, 0, 2) == (19, 20)


@pytest.mark.parametrize(("lost", "levels"), [(0.0, (20, 48)), (6.4, (14, 42)), (6.6, (13, 41)), (30.0, (1, 29))])
def test_sales_that_no_order_can_serve_any_more_are_not_ordered(lost, levels):
    """But what is stocked is ordered, however much is lost."""
    outlook = whole_of(np.array([14.0]), np.array([0.0]))
    found = thresholds([SupplyTerms()], outlook, np.array([2.0]), lost=np.array([lost]))
    assert levels == (found.reorder_point[0], found.target[0])
    assert (found.usual_reorder_point[0], found.usual_target[0]) == (20, 48)


def test_many_products_at_once_are_each_as_if_alone():
    terms = [SupplyTerms(), SupplyTerms(service_level=0.8, pack_size=6), SupplyTerms(order_cycle_days=30)]
    mean, dispersion, daily = np.array([14.0, 3.0, 0.001]), np.array([0.0, 0.5, 2.0]), np.array([2.0, 0.4, 0.0])
    together = thresholds(terms, whole_of(mean, dispersion), daily, lost=np.zeros(3))
    alone = [threshold_of(*row) for row in zip(terms, mean, dispersion, daily, strict=True)]
    assert alone == list(zip(together.reorder_point.tolist(), together.target.tolist(), strict=True))


@pytest.mark.parametrize(
    ("daily", "deviation", "days", "service", "textbook"),
    [
        (50, 8, 1, 0.7 / 0.88, 56.604),  # newsvendor, Snyder & Shen 2e, Ex. 4.3
        (50, 8, 5, 0.7 / 0.88, 264.767),  # base stock with lead time, Ex. 4.4
        (50, 8, 5, 0.95, 279.424),  # by hand: 250 + 1.645 x 8 x sqrt 5
    ],
)
def test_for_large_steady_demand_the_reorder_point_is_the_textbooks_within_a_unit(
    daily, deviation, days, service, textbook
):
    """The textbook's demand is normal and ours negative binomial: at this size they agree."""
    mean, variance = np.array([float(daily * days)]), np.array([float(deviation**2 * days)])
    units = total_quantile(service, mean, dispersion_from(mean, variance))[0]
    assert abs(units - math.ceil(textbook)) <= 1


# Cover and urgency


@pytest.mark.parametrize(
    ("on_hand", "daily", "days"),
    [(10, 2, 5), (1, 4, 0.25), (0, 2, 0), (-3, 2, 0), (0, 0, 0), (10, 0, math.inf), (10, -1, math.inf)],
)
def test_days_of_cover(on_hand, daily, days):
    assert days == days_of_cover(on_hand, daily)


@pytest.mark.parametrize(
    ("cover", "how"),
    [(0, "critical"), (0.1, "high"), (6.9, "high"), (7, "medium"), (13.9, "medium"), (14, "low"), (math.inf, "low")],
)
def test_an_order_is_as_urgent_as_the_stock_is_short_of_a_lead_time_of_seven_days(cover, how):
    assert how == urgency(cover, 7)


@pytest.mark.parametrize(("cover", "how"), [(0, "critical"), (0.1, "low")])
def test_without_a_lead_time_only_an_empty_shelf_is_urgent(cover, how):
    assert how == urgency(cover, 0)


@given(covers=st.tuples(st.floats(0, 100), st.floats(0, 100)), lead=st.integers(0, 60))
def test_less_cover_is_never_less_urgent(covers, lead):
    order = ["critical", "high", "medium", "low"]
    less, more = (order.index(urgency(cover, lead)) for cover in sorted(covers))
    assert less <= more
