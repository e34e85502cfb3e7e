"""Are single days of products that rarely sell answered by chance and size, and is everything else as it was?"""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from conftest import FIRST_DAY, QUICK

from domain.forecast import total_quantile
from forecaster.ahead import Totals, forecast_ahead, forecast_windows
from forecaster.dataset import SALES_COLUMNS, Panel, panel_of
from forecaster.fitting import Fitting, train
from forecaster.known_ahead import calendar_of
from forecaster.model import DemandModel, UnreadableModel

WINDOWS = np.array([[0, 1], [6, 1], [0, 2], [3, 14]])
LEVELS = (0.01, 0.1, 0.25, 0.5, 0.6, 0.75, 0.9, 0.95, 0.99, 0.999)
DAYS = 150
SELLS = 0.6


def orders(chance: float, products: int = 20, days: int = DAYS, seed: int = 8) -> pd.DataFrame:
    """About a dozen units on a day that sells; one such day in forty, two hundred and more."""
    draw = np.random.default_rng(seed)
    rows = []
    for n in range(products):
        sold = (draw.random(days) < chance) * draw.integers(10, 15, days)
        sold *= np.where(draw.random(days) < 0.025, 20, 1)
        rows += [(f"p{n}", None, FIRST_DAY + day, int(sold[day]), 0, False) for day in range(days)]
    return pd.DataFrame(rows, columns=list(SALES_COLUMNS)).astype({"product_id": "str", "location_id": "str"})


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(orders(SELLS))


@pytest.fixture(scope="module")
def model(panel: Panel) -> DemandModel:
    return train(panel, Fitting(rounds=60, rows_max=20_000)).model


def alone(totals: Totals) -> Totals:
    """What the negative binomial says by itself."""
    return dataclasses.replace(totals, hurdle=None)


def test_the_chance_of_a_sale_is_what_it_was_drawn_with(model, panel):
    totals = forecast_ahead(model, panel, panel.until, 14)
    assert totals.hurdle.chance.mean() == pytest.approx(SELLS, abs=0.05)
    assert totals.hurdle.chance.std() < 0.15


def test_the_middle_of_lumpy_days_is_where_they_lie_and_not_below(model, panel):
    """Half of all days sell up to 10 or 11 units; large orders make the negative binomial say far less."""
    totals = forecast_ahead(model, panel, panel.until, 14)
    truth = np.maximum(panel_of(orders(SELLS, 400, 14, seed=9)).net, 0).ravel()
    middle = np.quantile(truth, 0.5)
    mixed, said = (float(np.median(each.quantiles((0.5,)))) for each in (totals, alone(totals)))
    assert said < 0.5 * middle < mixed <= middle
    losses = []
    for each in (totals, alone(totals)):
        quantiles = each.quantiles((0.25, 0.5, 0.75)).reshape(-1, 3).mean(axis=0)
        gaps = truth[:, None] - quantiles
        losses.append(np.maximum((0.25, 0.5, 0.75) * gaps, (np.array((0.25, 0.5, 0.75)) - 1) * gaps).mean())
    assert losses[0] < 0.95 * losses[1]


def test_quantiles_never_fall_along_the_levels_whatever_their_order(model, panel):
    totals = forecast_windows(model, panel, panel.until, WINDOWS)
    quantiles = totals.quantiles(LEVELS)
    assert (np.diff(quantiles, axis=2) >= 0).all()
    assert quantiles.min() >= 0
    np.testing.assert_array_equal(totals.quantiles(LEVELS[::-1]), quantiles[:, :, ::-1])


def test_totals_of_several_days_and_all_means_are_the_negative_binomials(model, panel):
    totals = forecast_windows(model, panel, panel.until, WINDOWS)
    without = forecast_windows(dataclasses.replace(model, chance=None), panel, panel.until, WINDOWS)
    np.testing.assert_array_equal(totals.mean, without.mean)
    np.testing.assert_array_equal(totals.dispersion, without.dispersion)
    for at, level in enumerate(LEVELS):
        longer = total_quantile(level, totals.mean, totals.dispersion)[:, 2:]
        np.testing.assert_array_equal(totals.quantiles(LEVELS)[:, 2:, at], longer)
    assert (totals.quantiles((0.5,)) != without.quantiles((0.5,)))[:, :2].mean() > 0.9
    assert forecast_windows(model, panel, panel.until, WINDOWS[2:]).hurdle is None


def test_a_probability_and_its_quantile_belong_to_one_distribution(model, panel):
    totals = forecast_windows(model, panel, panel.until, WINDOWS[:2])
    for level in LEVELS:
        units = totals.quantiles((level,))[:, :, 0].astype(np.float64)
        at_most = totals.hurdle.at_most(units, totals.mean, totals.dispersion)
        below = totals.hurdle.at_most(units - 1, totals.mean, totals.dispersion)
        assert (at_most >= level - 1e-6).all()
        assert (below <= level + 1e-6).all()


def test_a_stored_model_says_the_same_quantiles(model, panel, tmp_path):
    model.save(tmp_path)
    loaded = DemandModel.load(tmp_path)
    said, again = (forecast_windows(each, panel, panel.until, WINDOWS).quantiles(LEVELS) for each in (model, loaded))
    np.testing.assert_array_equal(said, again)
    assert loaded.name == model.name != dataclasses.replace(model, chance=None).name


def test_a_model_without_chances_leaves_none_of_an_earlier_one_behind(model, panel, tmp_path):
    model.save(tmp_path)
    plain = dataclasses.replace(model, chance=None)
    plain.save(tmp_path)
    assert not (tmp_path / "chance.txt").exists()
    assert DemandModel.load(tmp_path).chance is None


@pytest.mark.parametrize("fault", ["torn", "short"])
def test_chances_that_do_not_belong_to_the_model_are_refused(model, tmp_path, fault):
    model.save(tmp_path)
    if fault == "torn":
        (tmp_path / "chance.txt").write_text("tree")
    else:
        meta = json.loads((tmp_path / "meta.json").read_text())
        meta["sizes"]["shape"] = meta["sizes"]["shape"][:7]
        (tmp_path / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(UnreadableModel, match=r"chance\.txt is not the one" if fault == "torn" else "7 shares"):
        DemandModel.load(tmp_path)


@pytest.mark.parametrize("freq", ["D", "W"])
def test_products_that_sell_on_most_days_and_weeks_have_no_chances(freq):
    sales = orders(0.9 if freq == "D" else 0.05, products=8, days=150)
    assert train(panel_of(sales, FIRST_DAY + 147, freq), QUICK).model.chance is None


def test_of_a_product_never_seen_the_negative_binomial_speaks_alone(model):
    fresh = pd.DataFrame([("new", None, FIRST_DAY + DAYS, 0, 0, False)], columns=list(SALES_COLUMNS))
    panel = panel_of(pd.concat([orders(SELLS), fresh], ignore_index=True))
    row = [key.product_id for key in panel.products].index("new")
    totals = forecast_windows(model, panel, FIRST_DAY + DAYS, WINDOWS)
    assert np.isnan(totals.hurdle.chance[row]).all()
    np.testing.assert_array_equal(totals.quantiles(LEVELS)[row], alone(totals).quantiles(LEVELS)[row])


def test_a_closed_day_sells_nothing_at_any_level():
    sales = orders(SELLS)
    closed = [day for day in range(170) if day % 30 == 20]
    sales.loc[sales["day"].isin([FIRST_DAY + day for day in closed]), "quantity"] = 0
    dates = [str(np.datetime64(FIRST_DAY + day, "D")) for day in range(190)]
    calendar = calendar_of(
        pd.DataFrame({"date": dates, "event": ["Fair" if n in closed else None for n in range(190)]})
    )
    panel = panel_of(sales)
    model = train(panel, QUICK, calendar).model
    assert model.closures == ("Fair",)
    totals = forecast_ahead(model, panel, panel.until - 12, 5, calendar)
    shut = closed[-1] - (DAYS - 12)
    assert totals.hurdle.chance[:, shut].max() == 0
    assert totals.quantiles((0.5, 0.99))[:, shut].max() == 0
    assert np.median(totals.quantiles((0.5,))[:, shut + 1]) > 0
