"""Do a product's own selling days say how much it sells on one, and all products' where it has few?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import FIRST_DAY
from scipy.special import expit

from forecaster.dataset import SALES_COLUMNS, Panel, panel_of
from forecaster.sizes import Pool, pool_of, sizes_of

DAYS = 200
LEVELS = np.array([0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999, 1.0])


def panel_with(units: dict[str, dict[int, int]], out: tuple[tuple[str, int], ...] = ()) -> Panel:
    """Units by product and day; every product has a row on the first and the last day."""
    rows = [
        (name, None, FIRST_DAY + day, sold.get(day, 0), 0, False)
        for name, sold in units.items()
        for day in sorted({0, DAYS - 1, *sold})
    ]
    frame = pd.DataFrame(rows, columns=list(SALES_COLUMNS)).astype({"product_id": "str", "location_id": "str"})
    frame["in_stock"] = [(row[0], row[2] - FIRST_DAY) not in out for row in rows]
    return panel_of(frame)


def drawn(products: int = 8, seed: int = 4) -> dict[str, dict[int, int]]:
    draw = np.random.default_rng(seed)
    return {
        f"p{n}": {
            day: 1 + int(draw.lognormal(1 + n / 4, 0.3 + n / 10))
            for day in range(DAYS)
            if draw.random() < 0.05 + n / 10
        }
        for n in range(products)
    }


def answers(panel: Panel, as_of: int, pool: Pool, levels: np.ndarray = LEVELS) -> np.ndarray:
    every = np.arange(len(panel.products))
    return sizes_of(panel, as_of, every, pool).at(np.tile(levels, (len(every), 1)))


def by_hand(sold: dict[int, int], as_of: int, pool: Pool) -> list[float]:
    """One product, one share at a time, in the words of the recipe."""
    days = {day: size for day, size in sold.items() if day < as_of and size > 0}
    weight = {day: 0.5 ** ((as_of - 1 - day) / 90) for day in days}
    whole = sum(weight.values())
    mean = (sum(weight[day] * np.log(days[day]) for day in days) + 1.5 * pool.log_mean) / (whole + 1.5)
    squares = sum(weight[day] * (np.log(days[day]) - mean) ** 2 for day in days)
    deviation = np.sqrt((squares + 8 * pool.log_variance) / (whole + 8))
    said = []
    for share in LEVELS:
        reached, own = 0.0, 0.0
        for day in sorted(days, key=lambda day: days[day]):
            if reached < share * whole - 1e-9:
                reached, own = reached + weight[day], np.log(days[day])
        trust = whole / (whole + 12)
        away = np.interp(share, expit(np.linspace(-9.2, 9.2, len(pool.shape))), pool.shape)
        said.append(np.exp(trust * own + (1 - trust) * (mean + deviation * away)))
    return said


def test_sizes_are_those_of_the_formula_for_every_product():
    units = drawn()
    panel = panel_with(units)
    pool = pool_of(panel)
    as_of = 170
    expected = [by_hand(units[key.product_id], as_of, pool) for key in panel.products]
    np.testing.assert_allclose(answers(panel, FIRST_DAY + as_of, pool), expected)


def test_sizes_never_fall_along_the_shares():
    panel = panel_with(drawn())
    said = answers(panel, panel.until, pool_of(panel), np.linspace(1e-6, 1, 400))
    assert (np.diff(said, axis=1) >= 0).all()
    assert (said > 0).all()


def test_a_product_without_a_sale_sells_as_the_pool_does_and_one_sale_moves_it_a_little():
    panel = panel_with({**drawn(), "never": {}, "once": {DAYS - 2: 1_000}})
    pool = pool_of(panel)
    names = [key.product_id for key in panel.products]
    said = answers(panel, panel.until, pool, np.array([0.5]))[:, 0]
    middle = np.exp(pool.log_mean + np.sqrt(pool.log_variance) * np.interp(0.5, [0.49, 0.51], _near_middle(pool)))
    assert said[names.index("never")] == pytest.approx(middle, rel=0.01)
    assert 3 * middle < said[names.index("once")] < 500


def _near_middle(pool: Pool) -> list[float]:
    shares = expit(np.linspace(-9.2, 9.2, len(pool.shape)))
    return [float(np.interp(share, shares, pool.shape)) for share in (0.49, 0.51)]


def test_a_product_that_always_sells_the_same_has_that_size_at_every_share():
    panel = panel_with({f"p{n}": dict.fromkeys(range(n % 3, DAYS, 3), 7) for n in range(4)})
    np.testing.assert_allclose(answers(panel, panel.until, pool_of(panel)), 7.0)


def test_neither_days_from_as_of_on_nor_other_products_nor_stock_outs_change_a_size():
    units = drawn()
    pool = pool_of(panel_with(units))
    as_of = 150
    later = {name: {d: s * (50 if d >= as_of else 1) for d, s in sold.items()} for name, sold in units.items()}
    later["p0"] = {day: size * 9 for day, size in later["p0"].items()}
    later["p7"] |= {100: 10_000, 101: 10_000}
    changed = panel_with(later, out=(("p7", 100), ("p7", 101)))
    told = {
        name: {d: s for d, s in sold.items() if (name, d) not in {("p7", 100), ("p7", 101)}}
        for name, sold in units.items()
    }
    before, after = (answers(panel, FIRST_DAY + as_of, pool) for panel in (panel_with(told), changed))
    np.testing.assert_allclose(before[1:], after[1:])
    assert (before[0] < after[0]).all()


def test_only_the_rows_asked_for_are_answered():
    panel = panel_with(drawn())
    pool, some = pool_of(panel), np.array([5, 0])
    part = sizes_of(panel, panel.until, some, pool).at(np.tile(LEVELS, (2, 1)))
    np.testing.assert_allclose(part, answers(panel, panel.until, pool)[some])


def test_before_the_first_day_the_pool_answers_and_without_a_sale_there_is_none():
    panel = panel_with(drawn())
    said = answers(panel, panel.first_step - 5, pool_of(panel))
    assert (said == said[0]).all()
    assert pool_of(panel_with({"a": {}, "b": {}})) is None
    assert pool_of(panel_with({"a": {3: 5}})) is None, "half a year without a sale says nothing of today's sizes"
