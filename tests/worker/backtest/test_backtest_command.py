"""Does the command cut past from future, keep to the calendar, and say what came of it?"""

from __future__ import annotations

import csv
import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from domain.backtest import Seen, Timing
from forecaster.fitting import Fitting
from forecaster.sales import read_sales
from worker.backtest.contest import Point, compared, stock_at
from worker.backtest.forecasting import Forecasts
from worker.backtest.history import NothingToReplay, replayed
from worker.backtest.pictures import arrivals
from worker.cli import main

MONDAY = dt.date(2023, 1, 2)
WEEKS, PRODUCTS, PERIODS = 80, 8, 6
START = MONDAY + dt.timedelta(weeks=WEEKS - PERIODS - 1)
TODAY = 21_000
QUICK = Fitting(rounds=10, rows_max=3_000, threads=1)


def weekly_rows() -> list[dict[str, object]]:
    """Totals of weeks, dated by their Mondays; products sell 1 to 8 a week."""
    draw = np.random.default_rng(4)
    return [
        {
            "product_id": f"P{product}",
            "location_id": "S1" if product % 2 else "S2",
            "date": (MONDAY + dt.timedelta(weeks=week)).isoformat(),
            "quantity": int(draw.poisson((1 + product) * (1 + 0.4 * np.sin(2 * np.pi * week / 52)))),
        }
        for product in range(PRODUCTS)
        for week in range(WEEKS)
    ]


def written(path, rows):
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def sales(tmp_path_factory):
    return written(tmp_path_factory.mktemp("sales") / "weekly.csv", weekly_rows())


def frame_of(path):
    return read_sales([path], TODAY)[0]


def shop_at(path, start=START, periods=PERIODS, freq="W", timing=Timing(2), initial=None):  # noqa: B008 - it is frozen
    return replayed(frame_of(path), start, periods, freq, timing, initial)


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


# What the forecaster sees


def test_the_forecaster_is_given_the_replayed_shops_own_sales_and_no_others(sales):
    shop = shop_at(sales)
    forecasts = Forecasts(shop, fitting=QUICK)
    past = shop.shop.sales
    since = np.full((PRODUCTS, 2), 77)
    hidden = np.zeros((PRODUCTS, 2), dtype=bool)
    hidden[2, 1] = True
    seen = Seen(
        2,
        np.hstack([past, since]),
        np.hstack([shop.shop.censored, hidden]),
        shop.shop.on_hand,
        np.zeros((PRODUCTS, 3), dtype=np.int64),
        Timing(2),
    )
    panel = forecasts.panel(seen)
    assert panel.until == shop.past.until + 2
    assert (panel.net[:, -2:] == 77).all()
    assert (panel.net[:, :-2] == shop.past.net).all()
    assert panel.censored[:, -2:].tolist() == hidden.tolist()


def test_it_is_retrained_as_time_goes_and_never_when_it_is_told_not_to(sales):
    shop = shop_at(sales)
    forecasts = Forecasts(shop, fitting=QUICK)
    windows = np.array([[0, 1]])

    def asked(every: int) -> int:
        ahead, before = forecasts.ahead(every), forecasts.trainings
        for period in range(PERIODS):
            sales_so_far = np.hstack([shop.shop.sales, shop.shop.demand[:, :period]])
            nothing = np.zeros((PRODUCTS, 3), dtype=np.int64)
            ahead(Seen(period, sales_so_far, sales_so_far < 0, shop.shop.on_hand, nothing, Timing(2)), windows)
        return forecasts.trainings - before

    assert asked(0) == 0
    assert asked(2) == 2
    assert asked(5) == 1


# Frontiers


def points(*pairs):
    from domain.backtest import Outcome

    return tuple(Point(held, Outcome(None, None, served, 0.0, float(held), 0, 0, None, None)) for held, served in pairs)


def test_a_frontier_is_read_straight_between_two_settings():
    ours = points((100, 0.8), (200, 0.9), (400, 0.95))
    other = points((240, 0.85))[0].figures
    said = compared(ours, other)
    assert said.stock_saved == pytest.approx(1 - 150 / 240)
    assert said.fill_rate_gained == pytest.approx(0.91 - 0.85)
    assert stock_at(ours, 0.9) == pytest.approx(200)


def test_of_two_settings_that_serve_as_much_the_leaner_counts():
    ours = points((100, 1.0), (200, 1.0), (400, 1.0))
    assert stock_at(ours, 1.0) == 100


def test_nobody_knows_what_lies_beyond_a_frontier():
    ours = points((100, 0.8), (200, 0.9))
    said = compared(ours, points((500, 0.99))[0].figures)
    assert (said.stock_saved, said.fill_rate_gained) == (None, None)


# The command


def command(sales, report, *more):
    asked = ["--sales", sales, "--freq", "W", "--lead-time", 2, "--start", START, "--periods", PERIODS]
    return ["backtest", *map(str, [*asked, "--report", report, *more])]


@pytest.fixture(scope="module")
def report(sales, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    costs = ("--holding-cost", "0.2", "--shortage-cost", "1")
    assert main(command(sales, folder, *costs, "--retrain-every", 0, "--policies", "cover,guide,worker")) == 0
    return folder


def test_costs_are_those_of_the_orders_it_wrote_down(report, sales):
    """A plain replay of orders.parquet over the file's demand comes to the same costs, period by period."""
    figures = json.loads((report / "summary.json").read_text())
    orders = pd.read_parquet(report / "orders.parquet")
    shop = shop_at(sales).shop
    for name, said in figures["policies"].items():
        arrivals = np.zeros((PRODUCTS, PERIODS), dtype=int)
        arrivals[:, : shop.due.shape[1]] = shop.due
        for order in orders[orders["policy"] == name].itertuples():
            period = (order.arrives_at - pd.Timestamp(START)).days // 7 - 1
            assert (order.arrives_at - order.decided_at).days == 14
            if period < PERIODS:
                arrivals[int(order.product_id[1:]), period] += order.quantity
        shelf, costs = shop.on_hand.copy(), []
        for period in range(PERIODS):
            shelf = shelf + arrivals[:, period]
            sold = np.minimum(shelf, shop.demand[:, period])
            shelf = shelf - sold
            costs.append(0.2 * shelf.sum() + (shop.demand[:, period] - sold).sum())
        assert [period["total_cost"] for period in said["periods"]] == pytest.approx(costs)
        assert said["total_cost"] == pytest.approx(sum(costs))
        assert said["total_cost"] == pytest.approx(said["holding_cost"] + said["shortage_cost"])
        assert said["units_ordered"] == orders.loc[orders["policy"] == name, "quantity"].sum()


def test_the_first_decision_is_written_with_the_first_moment_after_period_0(report):
    orders = pd.read_parquet(report / "orders.parquet")
    assert orders["decided_at"].min() == pd.Timestamp(START) + pd.Timedelta(weeks=1)
    assert str(orders["decided_at"].dtype) == "datetime64[us]"


def test_our_policy_always_runs_and_comes_first(report):
    figures = json.loads((report / "summary.json").read_text())
    assert list(figures["policies"]) == ["restock", "cover", "guide", "worker"]


def test_each_frontier_holds_more_stock_for_more_service(report):
    figures = json.loads((report / "summary.json").read_text())
    for name in ("restock", "cover", "worker"):
        held = [point["average_on_hand"] for point in figures["frontier"][name]]
        served = [point["fill_rate"] for point in figures["frontier"][name]]
        assert held == sorted(held)
        assert served == sorted(served)
    assert figures["frontier"]["guide"] == []


def test_both_pictures_are_there(report):
    for name in ("frontier.png", "products.png"):
        assert (report / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("lead_time", "expected"), [(0, ([1, 3], [5, 7])), (2, ([3], [5])), (3, ([], [])), (4, ([], []))]
)
def test_a_picture_marks_the_orders_that_arrive_before_the_end(lead_time, expected):
    due, units = arrivals(np.array([5, 0, 7]), lead_time, 3)
    assert (due.tolist(), units.tolist()) == expected


def test_without_costs_it_answers_how_much_less_stock_and_how_much_better_service(sales, tmp_path, capsys):
    quick = ("--policies", "cover", "--retrain-every", 0)
    assert main(command(sales, tmp_path / "report", *quick)) == 0
    said = capsys.readouterr().out
    assert "cover serves" in said
    figures = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert figures["policies"]["restock"]["total_cost"] is None
    assert figures["policies"]["restock"]["setting"] == 0.95
    assert set(figures["compared"]) == {"cover"}


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (("--holding-cost", "1"), "go together"),
        (("--policies", "clever"), "unknown; known are restock, cover"),
        (("--lead-time", "-1"), "must lie between"),
        (("--service", "1.2"), "must lie between 0 and 1"),
        (("--start", "yesterday"), "is no date"),
    ],
)
def test_wrong_use_is_told_with_exit_code_2(sales, tmp_path, capsys, more, what):
    try:
        code = main(command(sales, tmp_path, *more))
    except SystemExit as exc:
        code = exc.code
    assert code == 2
    assert what in capsys.readouterr().err


def test_sales_that_cannot_be_read_fail_with_one_line(tmp_path, capsys):
    assert main(command(tmp_path / "missing.csv", tmp_path)) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
