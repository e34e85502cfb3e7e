"""Does `restock evaluate` answer, as its own command, what it was asked, on real invoice lines?

Each test runs `.venv/bin/restock` as a person would, on part of the bundled sample (Online Retail, see the README.md
beside it), and holds the report against a recomputation with pandas that shares no code with Restock."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from worker.local.sample import SAMPLE_PATH

RESTOCK = str(Path(sys.executable).with_name("restock"))
MODELS = ["restock", "naive", "seasonal_naive", "mean_30", "croston_sba", "exponential_smoothing"]
FIGURES = {
    *("wrmsse", "rmsse", "wape_total", "mean_wql", "pit_coverage_80", "coverage_total_90", "coverage_total_95"),
    *("bias", "train_s", "predict_s_per_1000"),
}
CUTOFF = pd.Timestamp("2011-02-07")
HORIZON = 14
PRODUCTS = 40

# Runs the command as if the named packages had never been installed.
WITHOUT = """
import importlib.machinery, sys
found = importlib.machinery.PathFinder.find_spec
gone = set(sys.argv[1].split(","))
importlib.machinery.PathFinder.find_spec = classmethod(
    lambda cls, name, path=None, target=None: None if name.split(".")[0] in gone else found(name, path, target)
)
from worker.cli import main
sys.exit(main(sys.argv[2:]))
"""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def run(*arguments, command=(RESTOCK,)):
    asked = [*command, "evaluate", *map(str, arguments)]
    return subprocess.run(asked, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture(scope="module")
def lines():
    """The invoice lines of the products that are in most invoices."""
    sales = pd.read_parquet(SAMPLE_PATH)
    often = sales["stock_code"].value_counts().index[:PRODUCTS]
    return sales[sales["stock_code"].isin(often)]


@pytest.fixture(scope="module")
def sales(lines, tmp_path_factory):
    path = tmp_path_factory.mktemp("sales") / "lines.parquet"
    lines.to_parquet(path)
    return path


@pytest.fixture(scope="module")
def daily(lines):
    """Net units by product and day, from each product's first line on."""
    day = lines["invoice_ts"].dt.normalize()
    table = lines.groupby(["stock_code", day])["quantity"].sum().unstack(fill_value=0)
    return table.reindex(columns=pd.date_range(day.min(), day.max()), fill_value=0).clip(lower=0)


@pytest.fixture(scope="module")
def report(sales, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    done = run("--sales", sales, "--cutoff", CUTOFF.date(), "--horizon", HORIZON, "--quantiles", ".25,.5,.75,.9",
               "--origins", 2, "--report", folder)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder, done


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


def test_the_report_has_every_figure_of_every_model_at_every_origin(report):
    said = summary_of(report[0])
    assert list(said["models"]) == MODELS
    assert [origin["cutoff"] for origin in said["origins"]] == ["2011-02-07", "2011-01-24"]
    for figures in (said["models"], *(origin["models"] for origin in said["origins"])):
        assert all(set(figures[name]) == FIGURES for name in MODELS)
        assert all(np.isfinite(value) for name in MODELS for value in figures[name].values())


def test_forecasts_are_of_every_product_and_day_and_never_cross(report, daily):
    forecasts = pd.read_parquet(report[0] / "forecasts.parquet")
    known = daily.index[daily.loc[:, : CUTOFF - pd.Timedelta(days=1)].any(axis=1)]
    asked = {(product, day) for product in known for day in pd.date_range(CUTOFF, periods=HORIZON)}
    assert set(zip(forecasts["product_id"], forecasts["date"], strict=True)) == asked
    assert len(forecasts) == len(asked)
    values = forecasts[["mean", "q0.25", "q0.5", "q0.75", "q0.9"]].to_numpy()
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert (np.diff(values[:, 1:], axis=1) >= 0).all()


def test_the_figures_are_those_of_the_forecasts_in_the_report(report, daily):
    forecasts = pd.read_parquet(report[0] / "forecasts.parquet")
    mean = forecasts.pivot_table(index="product_id", columns="date", values="mean")
    actual = daily.loc[mean.index, mean.columns]
    past = daily.loc[mean.index, : CUTOFF - pd.Timedelta(days=1)]
    scale = past.apply(lambda row: row[row.gt(0).idxmax() :].diff().pow(2).mean(), axis=1)
    losses = []
    for level in (0.25, 0.5, 0.75, 0.9):
        gap = actual - forecasts.pivot_table(index="product_id", columns="date", values=f"q{level:g}")
        losses.append(2 * np.maximum(level * gap, (level - 1) * gap).to_numpy().sum() / actual.to_numpy().sum())
    said = summary_of(report[0])["origins"][0]["models"]["restock"]
    total, expected = actual.sum(axis=1), mean.sum(axis=1)
    assert said["rmsse"] == pytest.approx(np.sqrt(((actual - mean) ** 2).mean(axis=1) / scale).mean(), abs=1e-5)
    assert said["mean_wql"] == pytest.approx(np.mean(losses), abs=1e-5)
    assert said["wape_total"] == pytest.approx((total - expected).abs().sum() / total.sum(), abs=1e-5)
    assert said["bias"] == pytest.approx(expected.sum() / total.sum() - 1, abs=1e-5)


def test_the_baselines_are_what_their_names_say(report, daily):
    said = summary_of(report[0])["origins"][0]["models"]
    past, actual = daily.loc[:, : CUTOFF - pd.Timedelta(days=1)], daily.loc[:, CUTOFF:].iloc[:, :HORIZON]
    sold = actual.sum(axis=1)
    last, week = HORIZON * past.iloc[:, -1], 2 * past.iloc[:, -7:].sum(axis=1)
    month = HORIZON * past.iloc[:, -30:].mean(axis=1)
    for name, total in {"naive": last, "seasonal_naive": week, "mean_30": month}.items():
        assert said[name]["wape_total"] == pytest.approx((sold - total).abs().sum() / sold.sum(), abs=1e-5)


def test_a_person_sees_the_table_and_what_the_report_holds(report):
    folder, done = report
    for name in ("summary.json", "forecasts.parquet", "products.png", "accuracy.png"):
        assert str(folder / name) in done.stdout
        assert (folder / name).stat().st_size > 1_000
    assert "WRMSSE" in done.stdout
    assert "best" in done.stdout
    for picture in ("products.png", "accuracy.png"):
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")


def test_daily_totals_with_zeros_and_no_actuals_are_forecast_and_not_scored(daily, tmp_path):
    totals = daily.loc[:, : CUTOFF - pd.Timedelta(days=1)].stack().rename("quantity").reset_index()
    totals.columns = ["product_id", "date", "quantity"]
    totals.to_csv(tmp_path / "totals.csv", index=False)
    done = run("--sales", tmp_path / "totals.csv", "--cutoff", CUTOFF.date(), "--horizon", 3,
               "--models", "restock,mean_30", "--report", tmp_path / "report")  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = summary_of(tmp_path / "report")
    assert said["models"]["mean_30"]["wrmsse"] is None
    assert "no score" in done.stderr
    assert len(pd.read_parquet(tmp_path / "report" / "forecasts.parquet")) == 3 * PRODUCTS
    assert not (tmp_path / "report" / "accuracy.png").exists()


def test_without_the_extra_ours_is_evaluated_all_the_same(sales, tmp_path):
    command = (sys.executable, "-c", WITHOUT, "statsmodels,matplotlib,rich")
    asked = ("--sales", sales, "--cutoff", CUTOFF.date(), "--horizon", 7, "--report", tmp_path)
    refused = run(*asked, command=command)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "restock[evaluate]" in refused.stderr
    done = run(*asked, "--models", "restock", command=command)
    assert done.returncode == 0, done.stderr
    assert "no pictures" in done.stderr
    assert summary_of(tmp_path)["models"]["restock"]["wrmsse"] > 0


def failing(tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text("product_id,date,quantity\na,never,1\n")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("sku,date,quantity\na,2011-01-01,1\n")
    short = tmp_path / "short.csv"
    short.write_text("product_id,date,quantity\na,2011-02-05,1\na,2011-02-06,2\n")
    later = tmp_path / "later.csv"
    later.write_text("product_id,date,quantity\na,2011-03-01,1\n")
    return {
        tmp_path / "none.csv": "No such file",
        empty: "no usable row",
        wrong: "lacks a column product_id",
        short: "needed",
        later: "begin 2011-03-01",
    }


def test_what_cannot_be_evaluated_is_one_line_and_exit_code_one(tmp_path):
    for path, reason in failing(tmp_path).items():
        done = run("--sales", path, "--cutoff", CUTOFF.date(), "--horizon", 7, "--models", "restock",
                   "--report", tmp_path / "report")  # fmt: skip
        assert done.returncode == 1, path
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        assert reason in lines[0]


def test_wrong_use_is_exit_code_two(sales, tmp_path):
    for wrong in (("--horizon", 0), ("--quantiles", ".5,2"), ("--models", "nobody")):
        done = run("--sales", sales, "--cutoff", CUTOFF.date(), "--horizon", 7, "--report", tmp_path, *wrong)
        assert done.returncode == 2
