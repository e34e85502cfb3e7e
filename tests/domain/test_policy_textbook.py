"""Do our formulas and solvers give the answers that the textbooks print?

Examples of Snyder & Shen, Fundamentals of Supply Chain Theory, 2nd ed., with the digits that stockpyl's tests hold."""

from __future__ import annotations

import pytest
from scipy import special

from domain.fixed_cost import optimal_batch, optimal_levels, stock_cost
from domain.lot_size import economic_order_quantity, normal_newsvendor
from domain.service import critical_ratio, normal_stock

CLOSE = 1e-4


def test_the_economic_order_quantity_of_example_3_1():
    lot = economic_order_quantity(8, 0.225, 1300)
    assert lot.units == pytest.approx(304.0467800264368, rel=CLOSE)
    assert lot.cost == pytest.approx(68.41052550594829, rel=CLOSE)


def test_at_the_economic_quantity_ordering_and_holding_cost_the_same():
    lot = economic_order_quantity(8, 0.225, 1300)
    assert 8 * 1300 / lot.units == pytest.approx(0.225 * lot.units / 2)


def test_the_newsvendor_with_normal_demand_of_example_4_3():
    lot = normal_newsvendor(0.18, 0.7, 50, 8)
    assert lot.units == pytest.approx(56.60395592743389, rel=CLOSE)
    assert lot.cost == pytest.approx(1.9976051931766445, rel=CLOSE)


def test_base_stock_with_a_lead_time_of_four_of_example_4_4():
    lot = normal_newsvendor(0.18, 0.7, 50 * 5, 8 * 5**0.5)
    assert lot.units == pytest.approx(264.76689437415484, rel=CLOSE)
    assert lot.cost == pytest.approx(4.466781004149577, rel=CLOSE)


def test_the_s_s_policy_with_poisson_demand_of_example_4_7():
    best = optimal_levels(holding_cost=1, shortage_cost=4, ordering_cost=5, mean=6)
    assert (best.reorder_point, best.target) == (4, 10)
    assert best.cost == pytest.approx(8.034111561471642, rel=CLOSE)


def test_the_r_q_policy_with_poisson_demand_of_example_5_8():
    best = optimal_batch(holding_cost=20, shortage_cost=150, ordering_cost=100, rate=1.5, lead_time=2)
    assert (best.reorder_point, best.quantity) == (3, 5)
    assert best.cost == pytest.approx(107.92358063314975, rel=CLOSE)


@pytest.mark.parametrize(("mean", "ordering"), [(0.7, 3), (2.5, 10), (11, 40)])
def test_no_other_reorder_point_or_batch_costs_less(mean, ordering):
    """Every (r, Q) in a wide square, by its definition: the mean cost of the positions r + 1 ... r + Q."""
    cost = stock_cost(1, 9, mean * 3)
    best = optimal_batch(1, 9, ordering, mean, 3)
    each = [cost(position) for position in range(-10, 120)]
    dearer = ((ordering * mean + sum(each[r + 11 : r + 11 + q])) / q for r in range(-10, 60) for q in range(1, 50))
    assert best.cost == pytest.approx(min(dearer))


def test_without_an_ordering_cost_the_levels_are_the_newsvendors():
    best = optimal_levels(holding_cost=1, shortage_cost=4, ordering_cost=1e-9, mean=6)
    assert best.target == best.reorder_point + 1 == 8  # P(D <= 8) = .847 is the first above .8


@pytest.mark.parametrize(
    ("probability", "mean", "deviation", "periods", "periods_deviation", "stock"),
    [(0.95, 50, 8, 5, 0, 279.424), (special.ndtr(1.96), 100, 20, 9, 2, 1309.26)],
)
def test_normal_stock_by_hand(probability, mean, deviation, periods, periods_deviation, stock):
    said = normal_stock(probability, mean, deviation, periods, periods_deviation)
    assert said == pytest.approx(stock, abs=5e-3)


def test_a_missing_unit_that_costs_five_times_as_much_is_risked_one_time_in_six():
    assert critical_ratio(1.0, 0.2) == pytest.approx(5 / 6)
