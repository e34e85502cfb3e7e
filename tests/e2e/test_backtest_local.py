"""Does `restock backtest` answer, as its own command, what a retailer asks, on real invoice lines?

Runs `.venv/bin/restock` as a person would, on part of the bundled sample (Online Retail, see the README.md beside it).
The future that is changed here reaches nothing that was decided before it, forecaster and retraining included."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from worker.local.sample import SAMPLE_PATH

RESTOCK = str(Path(sys.executable).with_name("restock"))
START, PERIODS, PRODUCTS = "2011-02-01", 16, 15
CHANGED_FROM = pd.Timestamp("2011-02-11")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def backtest(sales, report, *more):
    asked = ["--sales", sales, "--start", START, "--periods", PERIODS, "--lead-time", 3, "--report", report, *more]
    command = [RESTOCK, "backtest", *map(str, asked)]
    return subprocess.run(command, capture_output=True, text=True, timeout=380, check=False)


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Daily units of the products that are in most invoices, returns taken off."""
    lines = pd.read_parquet(SAMPLE_PATH)
    often = lines["stock_code"].value_counts().index[:PRODUCTS]
    lines = lines[lines["stock_code"].isin(often)]
    day = lines["invoice_ts"].dt.strftime("%Y-%m-%d")
    units = lines.groupby([lines["stock_code"].astype(str), day])["quantity"].sum().reset_index()
    return units.set_axis(["product_id", "date", "quantity"], axis=1)


@pytest.fixture(scope="module")
def sales(days, tmp_path_factory):
    path = tmp_path_factory.mktemp("sales") / "days.csv"
    days.to_csv(path, index=False)
    return path


def test_it_says_how_much_less_stock_and_how_much_better_service(sales, tmp_path):
    done = backtest(sales, tmp_path, "--policies", "cover")
    assert done.returncode == 0, done.stderr
    assert "cover serves" in done.stdout
    figures = json.loads((tmp_path / "summary.json").read_text())
    assert 0 < figures["policies"]["restock"]["fill_rate"] <= 1
    assert [point["fill_rate"] for point in figures["frontier"]["restock"]]
    assert {path.name for path in tmp_path.iterdir()} == {
        "summary.json",
        "orders.parquet",
        "frontier.png",
        "products.png",
    }


def test_another_future_changes_no_order_decided_before_it(sales, days, tmp_path):
    """Retrained after eight days, so that a training that read ahead would show as well."""
    later = days.copy()
    later.loc[pd.to_datetime(later["date"]) >= CHANGED_FROM, "quantity"] += 400
    other = tmp_path / "other.csv"
    later.to_csv(other, index=False)
    plain = ("--frontier", "off", "--retrain-every", 8, "--policies", "cover,normal,guide,vn2_benchmark")
    orders = []
    for name, path in (("ours", sales), ("other", other)):
        done = backtest(path, tmp_path / name, *plain)
        assert done.returncode == 0, done.stderr
        orders.append(pd.read_parquet(tmp_path / name / "orders.parquet"))
    before = [said[said["decided_at"] <= CHANGED_FROM].reset_index(drop=True) for said in orders]
    assert len(before[0]) > 0
    assert before[0].equals(before[1])
    assert not orders[0].equals(orders[1]), "what came later did matter to later orders"
