"""Does last year, week by week, say what this year's level leaves out?"""

from __future__ import annotations

import numpy as np
import pytest
from conftest import FIRST_DAY

from domain.events import ProductKey
from domain.forecast import level_of
from domain.product import product_label
from forecaster.dataset import Panel
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
