"""Does the command forecast from what was sold until then, compare at equal service, and say what came of it?"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from weekly_shop import PERIODS, PRODUCTS, START, command, shop_at

from domain.backtest import Seen, Timing
from forecaster.fitting import Fitting
from worker.backtest.contest import Point, compared, stock_at
from worker.backtest.forecasting import Forecasts
from worker.backtest.pictures import arrivals
from worker.cli import main

QUICK = Fitting(rounds=10, rows_max=3_000, threads=1)

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
