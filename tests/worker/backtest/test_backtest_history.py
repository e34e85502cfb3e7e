"""Is past cut from future where the calendar says, and is the opening stock what the file says?"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from weekly_shop import MONDAY, PERIODS, PRODUCTS, START, WEEKS, command, shop_at, weekly_rows, written

from worker.backtest.history import NothingToReplay
from worker.cli import main

# The cut between past and future


@pytest.mark.parametrize("weekday", range(7))
def test_totals_of_weeks_begin_on_their_own_day_whichever_day_of_the_week_start_is(sales, weekday):
    shop = shop_at(sales, START + dt.timedelta(days=weekday))
    assert shop.begins_on(1) == START + dt.timedelta(weeks=1)
    assert shop.shop.sales.shape == (PRODUCTS, WEEKS - PERIODS)
    asked = [row["quantity"] for row in weekly_rows() if row["product_id"] == "P3"]
    assert shop.shop.sales[3].tolist() == asked[:-PERIODS]
    assert shop.shop.demand[3].tolist() == asked[-PERIODS:]


def test_a_week_of_daily_sales_ends_on_start(tmp_path):
    days = [{"product_id": "A", "date": MONDAY + dt.timedelta(days=day), "quantity": day} for day in range(35)]
    shop = shop_at(written(tmp_path / "daily.csv", days), MONDAY + dt.timedelta(days=22), periods=1)
    assert shop.begins_on(1) == MONDAY + dt.timedelta(days=23)
    assert shop.shop.demand.tolist() == [[sum(range(23, 30))]]
    assert shop.shop.sales[0, -1] == sum(range(16, 23))


def test_the_day_start_is_the_last_that_is_past(tmp_path):
    days = [{"product_id": "A", "date": MONDAY + dt.timedelta(days=day), "quantity": day} for day in range(35)]
    shop = shop_at(written(tmp_path / "daily.csv", days), MONDAY + dt.timedelta(days=30), periods=4, freq="D")
    assert shop.shop.demand.tolist() == [[31, 32, 33, 34]]
    assert shop.begins_on(1) == MONDAY + dt.timedelta(days=31)


def test_nothing_of_the_past_depends_on_what_comes_after(sales, tmp_path):
    """The same file with another future: the past that the forecaster is trained on is the same, number for number."""
    over = (START + dt.timedelta(weeks=1)).isoformat()
    changed = [{**row, "quantity": 900} if str(row["date"]) >= over else row for row in weekly_rows()]
    ours, other = shop_at(sales).past, shop_at(written(tmp_path / "other.csv", changed)).past
    for name in ("net", "sold", "revenue", "promoted", "censored", "starts"):
        assert (getattr(ours, name) == getattr(other, name)).all(), name
    assert (ours.products, ours.until) == (other.products, other.until)


def test_a_product_that_comes_later_takes_no_part(sales, tmp_path):
    later = {"product_id": "NEW", "location_id": "S1", "date": START + dt.timedelta(weeks=2), "quantity": 5}
    shop = shop_at(written(tmp_path / "with.csv", [*weekly_rows(), later]))
    assert (len(shop.past.products), shop.newcomers) == (PRODUCTS, 1)


def test_a_product_too_old_for_the_whole_file_is_asked_for_nothing(tmp_path, monkeypatch):
    """With thirty days kept, the first day of A is still in the past's thirty, and no longer in the whole file's."""
    monkeypatch.setattr("forecaster.dataset.STEPS_KEPT_MAX", 30)
    days = [{"product_id": "B", "date": MONDAY + dt.timedelta(days=day), "quantity": day} for day in range(35)]
    old = {"product_id": "A", "date": MONDAY + dt.timedelta(days=2), "quantity": 9}
    new = {"product_id": "C", "date": MONDAY + dt.timedelta(days=33), "quantity": 9}
    path = written(tmp_path / "daily.csv", [*days, old, new])
    shop = shop_at(path, MONDAY + dt.timedelta(days=30), periods=4, freq="D")
    assert [key.product_id for key in shop.past.products] == ["A", "B"]
    assert shop.shop.demand.tolist() == [[0, 0, 0, 0], [31, 32, 33, 34]]
    assert shop.newcomers == 1


def test_a_stock_out_in_the_file_is_no_demand_that_anybody_knows(tmp_path):
    rows = [{**row, "in_stock": row["date"] != (START + dt.timedelta(weeks=2)).isoformat()} for row in weekly_rows()]
    shop = shop_at(written(tmp_path / "out.csv", rows))
    assert shop.shop.unknown.sum(axis=0).tolist() == [0, PRODUCTS, 0, 0, 0, 0]


@pytest.mark.parametrize("start", [dt.date(2020, 1, 1), dt.date(2030, 1, 1)])
def test_without_a_past_or_long_after_it_there_is_nothing_to_replay(sales, start):
    with pytest.raises(NothingToReplay):
        shop_at(sales, start)


def test_where_the_file_ends_nobody_asks_for_anything_any_more(sales):
    """So that the orders of a real today can be had, which no sale of the file comes after."""
    shop = shop_at(sales, MONDAY + dt.timedelta(weeks=WEEKS - 1))
    assert shop.shop.demand.sum() == 0
    assert shop.silent == PERIODS
    assert shop.shop.sales.shape == (PRODUCTS, WEEKS)


# The opening stock


def test_the_stock_file_names_what_is_there_and_what_arrives_when(sales, tmp_path):
    said = [
        {"product_id": "P3", "location_id": "S1", "on_hand": 7, "due_1": 0, "due_2": "4"},
        {"product_id": "P0", "location_id": "S2", "on_hand": "3.0", "due_1": "", "due_2": 1},
        {"product_id": "unknown", "location_id": "S2", "on_hand": 9, "due_1": 9, "due_2": 9},
    ]
    shop = shop_at(sales, initial=written(tmp_path / "stock.csv", said)).shop
    assert shop.on_hand.tolist() == [3, 0, 0, 7, 0, 0, 0, 0]
    assert shop.due[[0, 3]].tolist() == [[0, 1], [0, 4]]


def test_whole_numbers_that_pandas_wrote_as_floats_are_the_same_ids_in_both_files(tmp_path):
    days = [
        (product, at, str(MONDAY + dt.timedelta(days=n)), 1)
        for product, at in ((7, 1), (7, 2), (8, None))
        for n in range(35)
    ]
    sales = pd.DataFrame(days, columns=["product_id", "location_id", "date", "quantity"])
    stock = pd.DataFrame({"product_id": [7, 7, 8], "location_id": [2, 1, None], "on_hand": [20, 10, 30]})
    for frame, name in ((sales, "sales.parquet"), (stock, "stock.parquet")):
        assert frame["location_id"].dtype == np.float64
        frame.to_parquet(tmp_path / name)
    start = MONDAY + dt.timedelta(days=30)
    shop = shop_at(tmp_path / "sales.parquet", start, 4, "D", initial=tmp_path / "stock.parquet")
    assert [tuple(key) for key in shop.past.products] == [("7", "1"), ("7", "2"), ("8", None)]
    assert shop.shop.on_hand.tolist() == [10, 20, 30]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"product_id": "P0", "location_id": "S2", "on_hand": "-1"}, "line 2: on_hand"),
        ({"product_id": "P0", "location_id": "S2", "on_hand": "1.5"}, "line 2: on_hand"),
        ({"product_id": "P0", "location_id": "S2", "on_hand": "1", "due_1": "many"}, "line 2: due_1"),
        ({"product_id": "P0", "location_id": "S2", "stock": "1"}, "lacks a column on_hand"),
        ({"product_id": "X", "location_id": "S2", "on_hand": "1"}, "none of its products"),
    ],
)
def test_a_stock_file_that_makes_no_sense_fails_with_the_place(sales, tmp_path, capsys, row, what):
    initial = written(tmp_path / "stock.csv", [row])
    assert main(command(sales, tmp_path / "report", "--initial", initial)) == 1
    said = capsys.readouterr().err
    assert what in said
    assert len(said.splitlines()) == 1
