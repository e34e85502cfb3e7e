"""Is what is bought what the supplier's terms, the room and the budget allow, and worth the most?"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.forecast import total_quantile
from domain.policy import SupplyTerms, order_quantity
from domain.purchase import whole_order, within_budget
from domain.shortfall import expected_leftover, expected_shortfall

units = st.integers(0, 500)


@pytest.mark.parametrize(
    ("needed", "minimum", "pack", "room", "bought"),
    [
        (22, 0, 1, 100, 22),
        (22, 50, 1, 100, 50),  # the minimum
        (22, 50, 12, 100, 60),  # then whole packs
        (22, 50, 12, 55, 0),  # four packs fit: fewer than the minimum
        (70, 50, 12, 67, 60),  # as many packs as fit
        (70, 50, 12, -3, 0),  # more in stock than there is room for
        (0, 50, 12, 100, 0),
        (-4, 50, 12, 100, 0),
    ],
)
def test_orders_by_hand(needed, minimum, pack, room, bought):
    assert bought == whole_order(needed, minimum, pack, room)


@given(needed=units, minimum=units, pack=st.integers(1, 60), room=st.integers(-50, 900))
def test_an_order_is_nothing_or_whole_packs_of_at_least_the_minimum_that_fit(needed, minimum, pack, room):
    bought = int(whole_order(needed, minimum, pack, room))
    assert bought == 0 or (bought % pack == 0 and minimum <= bought <= room)


def test_the_maximum_stock_holds_back_packs_that_would_not_fit():
    terms = SupplyTerms(pack_size=12, maximum_stock=40)
    assert order_quantity(3, 10, 40, terms) == 36
    assert order_quantity(8, 10, 40, terms) == 24, "three packs would make 44"


def test_a_ceiling_of_the_shelf_life_holds_back_the_minimum():
    assert order_quantity(3, 10, 20, SupplyTerms(minimum_order_quantity=30), ceiling=20) == 0


MEANS, DISPERSION = np.array([6.0, 3.0, 10.0]), np.array([0.0, 0.5, 0.2])
SHORTAGE, HOLDING, PRICE = np.array([5.0, 9.0, 2.0]), np.array([1.0, 1.0, 0.5]), np.array([4.0, 10.0, 1.0])
WANTED = total_quantile(SHORTAGE / (SHORTAGE + HOLDING), MEANS, DISPERSION)


def profit(bought):
    """Against buying nothing, up to a constant."""
    missing, left = (expected(bought, MEANS, DISPERSION) for expected in (expected_shortfall, expected_leftover))
    return -(SHORTAGE * missing + HOLDING * left).sum()


@pytest.mark.parametrize("budget", [0.0, 13.0, 31.0, 60.0, 90.0])
def test_the_budget_is_spent_where_it_earns_most(budget):
    """Beside every affordable basket there is: none earns more than what one more unit could bring."""
    bought = within_budget(WANTED, np.zeros(3, dtype=np.int64), MEANS, DISPERSION, SHORTAGE, HOLDING, PRICE, budget)
    assert bought @ PRICE <= budget
    baskets = itertools.product(*(range(want + 1) for want in WANTED.tolist()))
    best = max(profit(np.array(basket)) for basket in baskets if np.array(basket) @ PRICE <= budget)
    slack = max(SHORTAGE / PRICE) * max(PRICE)  # the money that is left may not pay for the next unit
    assert best - profit(bought) <= slack
    halfway = np.floor(WANTED * min(1.0, budget / float(WANTED @ PRICE)))
    assert profit(bought) >= profit(halfway), "and more than the same share of every wish"


def test_a_budget_that_pays_for_everything_changes_nothing():
    everything = float(WANTED @ PRICE)
    none = np.zeros(3, dtype=np.int64)
    assert (
        WANTED.tolist() == within_budget(WANTED, none, MEANS, DISPERSION, SHORTAGE, HOLDING, PRICE, everything).tolist()
    )


def test_what_a_budget_buys_is_whole_packs():
    wanted = whole_order(WANTED, 0, 4)
    bought = within_budget(
        wanted, np.zeros(3, dtype=np.int64), MEANS, DISPERSION, SHORTAGE, HOLDING, PRICE, 40.0, pack=4
    )
    assert (bought % 4 == 0).all()
    assert 0 < bought @ PRICE <= 40
