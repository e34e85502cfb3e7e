"""Is a planner told of less than one thing a product and month, on real sales?"""

from __future__ import annotations

from collections import Counter

import pytest

from bench.insights.__main__ import by_baseline, lines, main, read
from bench.insights.replay import MONTH_DAYS, Replay
from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.policy import SupplyTerms
from worker.local.sample import SAMPLE_PATH

A, D = ProductKey("A"), 20_000


@pytest.fixture(scope="module")
def told():
    sales = read(SAMPLE_PATH)
    most = {product for product, _ in Counter(sale.product for sale in sales).most_common(100)}
    return Replay([sale for sale in sales if sale.product in most], by_baseline, SupplyTerms()).run()


def test_the_busiest_products_of_the_sample_lead_to_less_than_one_insight_a_month_each(told):
    assert len(told.products) == 100
    assert 0 < told.told < told.product_months
    assert {crossing.level for crossing in told.crossings} >= {"stock", "demand"}


def test_the_figures_are_said_by_level(told):
    said = lines(told)
    assert f"{told.told:,} crossings told of" in said[1]
    assert len(said) == 2 + len(told.crossings)


def sold(*quantities):
    days = enumerate(quantities, start=D)
    return [SaleRecorded(A, f"e{day}", day * MS_PER_DAY, units, 100 * units) for day, units in days]


def days_told(*quantities):
    """Days on which something was told, once the product is known for a month."""
    told = Replay(sold(*quantities), by_baseline, SupplyTerms()).run()
    return [day - D for day in told.by_day if day - D > 30]


def test_a_shop_that_sells_as_ever_is_told_of_nothing():
    assert days_told(*[3] * 90) == []


def test_a_rush_that_empties_the_shelf_is_told_of_once():
    [day] = days_told(*[3] * 60, 90, 90, *[3] * 9)
    assert day in (60, 61)


def test_product_months_count_from_the_first_sale_to_the_end_of_the_file():
    late = [SaleRecorded(ProductKey("B"), "b", (D + 60) * MS_PER_DAY, 1, 100)]
    told = Replay(sold(*[3] * 90) + late, by_baseline, SupplyTerms()).run()
    assert told.product_months == pytest.approx((90 + 30) / MONTH_DAYS)


def test_a_file_that_is_none_is_one_line_and_exit_1(tmp_path, capsys):
    assert main(["--sales", str(tmp_path / "absent.csv")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
