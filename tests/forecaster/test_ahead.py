"""Is any window ahead answered from the days before as_of alone, product by product, and sensibly whatever comes?"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from conftest import FIRST_DAY, QUICK, small_shop

from domain.product import product_label
from forecaster.ahead import forecast_ahead, forecast_windows
from forecaster.dataset import SALES_COLUMNS, panel_of
from forecaster.design import columns_of, design, past_of
from forecaster.fitting import Fitting, train
from forecaster.formats import decode_request, encode_request, request_of
from forecaster.known_ahead import NO_CALENDAR, calendar_of
from forecaster.memory import memory_of
from forecaster.model import DemandModel

WINDOWS = np.array([[0, 1], [5, 1], [0, 14], [7, 7], [0, 28]])


def sales_of(lines: list[tuple[str, int, int]]) -> pd.DataFrame:
    rows = [(name, None, FIRST_DAY + day, quantity, 0, False) for name, day, quantity in lines]
    return pd.DataFrame(rows, columns=list(SALES_COLUMNS)).astype({"product_id": "str", "location_id": "str"})


def test_what_is_sold_from_as_of_on_changes_no_forecast(shop, trained):
    as_of = FIRST_DAY + 60
    later = shop.assign(quantity=shop["quantity"].where(shop["day"] < as_of, 1_000))
    one, other = (forecast_windows(trained.model, panel_of(sales), as_of, WINDOWS) for sales in (shop, later))
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(one.dispersion, other.dispersion)


def test_what_is_sold_after_an_origin_changes_no_row_that_is_learnt_from_it():
    """Encodings included: two and a half years, of which all beyond an origin differs."""
    as_of = FIRST_DAY + 800
    shop = small_shop(days=950, products=4, seed=3)
    later = shop.assign(quantity=shop["quantity"].where(shop["day"] < as_of, shop["quantity"] * 7 + 3))
    dates = pd.date_range("2008-05-01", periods=1_000).astype(str)
    events = ["Fair" if n % 180 == 9 else None for n in range(1_000)]
    calendar = calendar_of(pd.DataFrame({"date": dates, "event": events}))
    rows = []
    for sales in (shop, later):
        panel = panel_of(sales)
        past = past_of(memory_of(panel), calendar)
        each = np.arange(len(panel.products))
        begins, lengths = (np.tile(WINDOWS[:, column], (len(each), 1)) for column in (0, 1))
        items = [product_label(key) for key in panel.products]
        request = request_of(items, panel.series(as_of, each), lengths, begins)
        columns = columns_of(past)
        assert {"year_1_series", "alike_series", "month_day_shop", "event", "code_series"} <= set(columns)
        rows.append(design(request, past, columns))
    np.testing.assert_array_equal(rows[0].rows, rows[1].rows)
    np.testing.assert_array_equal(rows[0].start, rows[1].start)
    assert np.isfinite(rows[0].rows[:, columns.index("year_1_series")]).all()


def test_the_endpoint_says_what_the_panel_says(shop, trained, tmp_path):
    """Rows as a worker sends them, to the model as it was stored: the same numbers but for what the wire rounds."""
    panel = panel_of(shop)
    rows = np.arange(len(panel.products))
    direct = forecast_windows(trained.model, panel, panel.until, WINDOWS)
    trained.model.save(tmp_path)
    begins, lengths = (np.tile(WINDOWS[:, column], (len(rows), 1)) for column in (0, 1))
    items = [product_label(key) for key in panel.products]
    request = decode_request(encode_request(request_of(items, panel.series(panel.until, rows), lengths, begins)))
    mean, dispersion = DemandModel.load(tmp_path).distributions(request)
    np.testing.assert_allclose(mean, direct.mean, rtol=1e-6)
    np.testing.assert_allclose(dispersion, direct.dispersion, rtol=1e-6)


def test_steps_ahead_are_windows_of_one_step_each(shop, trained):
    panel = panel_of(shop)
    steps = forecast_ahead(trained.model, panel, panel.until, 10)
    windows = forecast_windows(trained.model, panel, panel.until, np.array([[3, 1], [9, 1]]))
    assert steps.mean.shape == (len(panel.products), 10)
    np.testing.assert_allclose(steps.mean[:, [3, 9]], windows.mean)


def test_quantiles_never_fall_along_the_levels(shop, trained):
    panel = panel_of(shop)
    quantiles = forecast_windows(trained.model, panel, panel.until, WINDOWS).quantiles((0.05, 0.25, 0.5, 0.75, 0.99))
    assert quantiles.shape == (len(panel.products), len(WINDOWS), 5)
    assert (np.diff(quantiles, axis=2) >= 0).all()
    assert quantiles.min() >= 0


def test_only_the_rows_asked_for_are_answered(shop, trained):
    panel = panel_of(shop)
    some, whole = np.array([4, 1]), forecast_windows(trained.model, panel, panel.until, WINDOWS)
    part = forecast_windows(trained.model, panel, panel.until, WINDOWS, rows=some)
    np.testing.assert_array_equal(part.mean, whole.mean[some])


HISTORIES = {
    "one day": [("odd", 69, 3)],
    "all zeros": [("odd", day, 0) for day in range(70)],
    "a million a day": [("odd", day, 10**6) for day in range(70)],
    "a single million": [("odd", 30, 10**6)],
    "missing days": [("odd", day, 4) for day in range(0, 70, 9)],
    "duplicate rows": [("odd", day, 2) for day in range(70) for _ in range(3)],
    "only returns": [("odd", day, -2) for day in range(70)],
}


@pytest.mark.parametrize("history", HISTORIES, ids=str)
def test_every_history_has_a_sensible_forecast(shop, trained, history):
    """A product that the model has never learnt from, beside the others, which are as they were."""
    lines = HISTORIES[history]
    panel = panel_of(pd.concat([shop, sales_of(lines)], ignore_index=True))
    odd = [key.product_id for key in panel.products].index("odd")
    totals = forecast_windows(trained.model, panel, panel.until, WINDOWS)
    assert np.isfinite(totals.mean).all()
    assert (totals.mean > 0).all()
    assert ((totals.dispersion >= 0) & (totals.dispersion <= 25)).all()
    sold = sum(max(quantity, 0) for _, day, quantity in lines if day >= 14) / 56 * 28
    assert totals.mean[odd, -1] <= 8 * sold + 10
    if len(lines) == 70 and sold > 0:
        assert totals.mean[odd, -1] > sold / 8
    others = np.delete(totals.mean, odd, axis=0)
    alone = forecast_windows(trained.model, panel_of(shop), panel.until, WINDOWS)
    np.testing.assert_allclose(others, alone.mean, rtol=0.02)


def test_a_product_never_seen_sells_as_the_beginners_of_its_category():
    lines, categories = [], []
    for product in range(24):
        toys = product % 2 == 0
        for day in range(20 + product, 120):
            lines.append((f"p{product}", day, 8 if toys else 1))
            categories.append("toys" if toys else "tools")
    sales = sales_of(lines).assign(category=categories)
    model = train(panel_of(sales), QUICK).model
    fresh = sales_of([("new toy", 120, 0), ("new tool", 120, 0)]).assign(category=["toys", "tools"])
    panel = panel_of(pd.concat([sales, fresh], ignore_index=True))
    by_name = {key.product_id: row for row, key in enumerate(panel.products)}
    totals = forecast_windows(model, panel, FIRST_DAY + 120, np.array([[0, 10]]))
    toy, tool = (totals.mean[by_name[name], 0] for name in ("new toy", "new tool"))
    assert 60 < toy <= 80
    assert 10 <= tool < 30


def test_an_unknown_category_or_none_is_the_whole_shops():
    model = train(panel_of(small_shop()), QUICK).model
    mean, dispersion = model.newcomers.totals("never heard of", np.array([1, 28]))
    assert mean[1] == pytest.approx(28 * mean[0])
    assert mean[0] > 0
    assert (dispersion >= 0).all()


def test_a_model_knows_the_promotions_and_events_of_its_calendar():
    """Twelve products sell five times as much on days that the calendar calls a fair."""
    draw = np.random.default_rng(2)
    fair = [day % 23 in (5, 6) for day in range(200)]
    lines = [(f"p{n}", day, int(draw.poisson(20 if fair[day] else 4))) for n in range(12) for day in range(170)]
    dates = [str(np.datetime64(FIRST_DAY + day, "D")) for day in range(200)]
    calendar = calendar_of(pd.DataFrame({"date": dates, "event": ["fair" if said else None for said in fair]}))
    panel = panel_of(sales_of(lines), FIRST_DAY + 170)
    model = train(panel, Fitting(rounds=60, rows_max=20_000), calendar).model
    ahead = forecast_ahead(model, panel, panel.until, 28, calendar).mean.mean(axis=0)
    on, off = ahead[fair[170:198]], ahead[~np.array(fair[170:198])]
    assert on.min() > 2 * off.max()


@pytest.mark.parametrize("freq", ["W", "M"])
def test_weeks_and_months_are_learnt_too(freq):
    sales = small_shop(days=700, products=8, seed=5)
    until = FIRST_DAY + 700
    panel = panel_of(sales, until, freq)
    model = train(panel, Fitting(rounds=30, rows_max=5_000)).model
    totals = forecast_windows(model, panel, panel.until, np.array([[0, 1], [2, 1], [0, 3]]))
    usual = np.maximum(panel.net[:, -4:], 0).mean(axis=1)
    assert (np.abs(np.log((totals.mean[:, 0] + 1) / (usual + 1))) < 1).all()
    assert (totals.mean[:, 2] >= totals.mean[:, 0]).all()


def test_stock_outs_of_the_past_make_no_smaller_forecast():
    """Half of the days there was nothing to sell; what is asked for is what customers want."""
    lines = [("p0", day, 0 if day % 4 < 2 else 10) for day in range(120)]
    others = [(f"p{n}", day, 10) for n in range(1, 9) for day in range(120)]
    sales = sales_of(lines + others)
    told = sales.assign(in_stock=[quantity > 0 for quantity in sales["quantity"]])
    window = np.array([[0, 14]])
    blind, seen = (panel_of(each) for each in (sales, told))
    model = train(seen, QUICK).model
    row = [key.product_id for key in seen.products].index("p0")
    assert forecast_windows(model, seen, seen.until, window).mean[row, 0] > 110
    assert forecast_windows(train(blind, QUICK).model, blind, blind.until, window).mean[row, 0] < 110


def test_two_boosters_are_averaged(trained, shop):
    panel = panel_of(shop)
    model = dataclasses.replace(trained.model, boosters=trained.model.boosters * 2)
    one, two = (forecast_windows(each, panel, panel.until, WINDOWS) for each in (trained.model, model))
    np.testing.assert_allclose(one.mean, two.mean)


def test_promotions_of_which_no_plan_is_known_are_expected_as_often_as_they_were():
    """A fifth of the days sell three times as much. No file says which days will, so the mean must allow for them."""
    draw = np.random.default_rng(3)
    lines, flags, days, ahead = [], [], 180, 28
    for n in range(20):
        promoted = np.zeros(days, dtype=bool)
        while promoted.mean() < 0.2:
            at = draw.integers(0, days)
            promoted[at : at + draw.integers(2, 6)] = True
        units = draw.poisson((2 + n % 10) * np.where(promoted, 3, 1))
        lines += [(f"p{n}", day, int(units[day])) for day in range(days)]
        flags += promoted.tolist()
    sales = sales_of(lines).assign(promotion=flags)
    panel = panel_of(sales[sales["day"] < FIRST_DAY + days - ahead], FIRST_DAY + days - ahead)
    model = train(panel, Fitting(rounds=60, rows_max=15_000)).model
    came = sales.loc[sales["day"] >= panel.until, "quantity"].sum()
    said = forecast_ahead(model, panel, panel.until, ahead).mean.sum()
    assert said == pytest.approx(came, rel=0.08)


@pytest.mark.parametrize("told_by", ["flags of sales", "a calendar"])
def test_a_planned_promotion_sells_as_promotions_did(told_by):
    """Ten products sell four times as much on promotion; a worker then plans one for a product whose own is
    not due: the promotions return every thirty days, which a model without plans learns as well."""
    draw = np.random.default_rng(4)
    lines, flags, calendar_rows = [], [], []
    for n in range(10):
        for day in range(150):
            promoted = (day + 11 * n) % 30 < 4
            lines.append((f"p{n}", day, int(draw.poisson(40 if promoted else 10)) + 1))
            flags.append(promoted and told_by == "flags of sales")
            calendar_rows.append((str(np.datetime64(FIRST_DAY + day, "D")), f"p{n}", int(promoted)))
    panel = panel_of(sales_of(lines).assign(promotion=flags))
    table = pd.DataFrame(calendar_rows, columns=["date", "product_id", "promotion"])
    calendar = calendar_of(table) if told_by == "a calendar" else NO_CALENDAR
    model = train(panel, Fitting(rounds=60, rows_max=15_000), calendar).model
    plan = ((panel.until, panel.until + 6),)
    planned = dataclasses.replace(panel, promotions=((), plan, *((),) * 8))
    window = np.array([[0, 7]])
    without, with_it = (forecast_windows(model, each, panel.until, window).mean[:, 0] for each in (panel, planned))
    assert with_it[1] > 2 * without[1]
    np.testing.assert_array_equal(np.delete(with_it, 1), np.delete(without, 1))
