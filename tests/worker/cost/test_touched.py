"""How many products a batch touches, against sums done by hand and against chance itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.cost.touched import shares, touched


def test_shares_fall_with_rank_and_sum_to_one():
    assert shares(3, 1.0).tolist() == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    assert shares(4, 0.0).tolist() == pytest.approx([0.25] * 4)


def test_it_is_the_occupancy_problem():
    # Two sales of two equally likely products: one product half of the time, two the other half.
    assert touched(2, 2, 0.0) == pytest.approx(1.5)
    # Two sales by Zipf's law over three: 1 - the chance that both are of the same one, and one.
    same = sum((share / 11) ** 2 for share in (6, 3, 2))
    assert touched(2, 3, 1.0) == pytest.approx(2 - same)


@pytest.mark.parametrize("products", [1, 7])
def test_few_sales_touch_few_products(products):
    assert touched(0, products, 1.0) == 0
    assert touched(0.25, products, 1.0) == 0.25
    assert touched(1, products, 1.0) == 1
    assert touched(10**9, products, 1.0) == pytest.approx(products)


@given(st.floats(1, 10**6), st.integers(2, 10**4), st.floats(0, 3))
def test_more_sales_touch_more_products_and_fewer_each(sales, products, zipf):
    now, twice = touched(sales, products, zipf), touched(2 * sales, products, zipf)
    assert 0 < now <= min(sales, products) * (1 + 1e-9)
    assert now <= twice <= 2 * now * (1 + 1e-9)


def test_sales_drawn_by_chance_touch_as_many():
    chance = np.random.default_rng(7)
    drawn = [len(set(chance.choice(1_000, 500, p=shares(1_000, 1.0)))) for _ in range(50)]
    assert np.mean(drawn) == pytest.approx(touched(500, 1_000, 1.0), rel=0.02)
