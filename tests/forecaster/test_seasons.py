"""Does last year, week by week, say what this year's level leaves out?"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import FIRST_DAY

from domain.events import ProductKey
from domain.forecast import level_of
from domain.product import product_label
from forecaster.dataset import Panel
from forecaster.design import columns_of, design, past_of
from forecaster.formats import request_of
from forecaster.known_ahead import NO_CALENDAR
from forecaster.memory import SHOP, memory_of
from forecaster.periods import WEEK, Periods
from forecaster.seasons import LEVEL_SHARE, years_ago

WEEKS = 52 * 3
FEAST = 30  # week of the year


def a_shop_with_a_feast() -> Panel:
    """Three equal years of four products: a quiet shop but for one week that sells five times as much."""
    year = np.array([10.0 if week != FEAST else 50.0 for week in range(52)])
    net = np.tile(year, (4, 3)).astype(np.int64) * np.arange(1, 5)[:, None]
    periods = Periods(WEEK)
    none = np.zeros_like(net)
    return Panel(
        first_step=periods.step(FIRST_DAY),
        products=tuple(ProductKey(f"p{row}") for row in range(4)),
        net=net,
        sold=net,
        revenue=none,
        promoted=none,
        censored=none > 0,
        promotions=((),) * 4,
        categories=(None,) * 4,
        starts=np.full(4, periods.step(FIRST_DAY)),
        periods=periods,
    )


@pytest.mark.parametrize("weeks_after", [-3, -1, 1, 3, 8, 15])
def test_level_times_season_is_what_every_year_sold_before_and_after_a_feast(weeks_after: int):
    """Shortly after a feast the level is too high; last year's was as much too high."""
    panel = a_shop_with_a_feast()
    memory = memory_of(panel)
    as_of = panel.first_step + 2 * 52 + FEAST + weeks_after
    rows = np.arange(4)
    begins = np.tile(np.arange(6), (4, 1))
    items = [product_label(key) for key in panel.products]
    level = level_of(panel.series(as_of, rows).net, WEEK)
    found = years_ago(memory, memory.members(items), as_of, begins, np.ones_like(begins), level)
    expected = level[:, None] * (np.exp(found[f"year_1_{SHOP}"]) * (1 + LEVEL_SHARE) - LEVEL_SHARE)
    sold = panel.net[rows[:, None], as_of - panel.first_step + begins]
    np.testing.assert_allclose(expected, sold, rtol=1e-6)


def test_a_product_that_sells_at_its_own_feast_alone_starts_higher_there_than_the_shop():
    """One of four products has its feast eight weeks later; nothing else differs."""
    shop = a_shop_with_a_feast()
    net = np.repeat(shop.net[:, None, :], 3, axis=1).reshape(12, WEEKS)
    net[:3] = np.roll(net[:3], 8, axis=1)
    products = tuple(ProductKey(f"p{row // 3}", f"l{row % 3}") for row in range(12))
    panel = dataclasses.replace(
        shop,
        products=products,
        net=net,
        sold=net,
        revenue=0 * net,
        promoted=0 * net,
        censored=net < 0,
        promotions=((),) * 12,
        categories=(None,) * 12,
        starts=np.full(12, shop.first_step),
    )
    past = past_of(memory_of(panel), NO_CALENDAR)
    as_of = panel.first_step + 2 * 52 + FEAST + 6
    rows = np.arange(12)
    begins = np.full((12, 1), 2)
    items = [product_label(key) for key in products]
    request = request_of(items, panel.series(as_of, rows), np.ones_like(begins), begins)
    laid = design(request, past, columns_of(past))
    season = np.exp(laid.start) / level_of(panel.series(as_of, rows).net, WEEK)
    assert season[:3].min() > 1.1 * season[3:].max()
