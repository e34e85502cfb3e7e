"""Does the whole of Restock, as its own command, count every sale once and order what is needed?

Each test runs `.venv/bin/restock` as a person would, on real invoice lines or on a file with bad ones, and holds the
report against a recomputation with pandas that shares no code with Restock."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from domain.explanation import explain_decision
from domain.ruling import record_from, replay
from worker.local.sample import SAMPLE_PATH

RESTOCK = [str(Path(sys.executable).with_name("restock")), "local"]
LINES = 8_000
FEW_LINES = 2_500

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def run(*arguments, timeout=200):
    return subprocess.run(
        [*RESTOCK, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, check=False
    )


def summary_of(report):
    return json.loads((report / "summary.json").read_text())


def reorders_of(report):
    return [json.loads(line)["detail"] for line in (report / "reorders.jsonl").read_text().splitlines()]


def features_of(report):
    return pq.read_table(report / "features.parquet")


def first_lines(count):
    sales = pd.read_parquet(SAMPLE_PATH)
    return sales.sort_values("invoice_ts", kind="stable").head(count)


def expected_features(sales):
    days = sales.invoice_ts.dt.normalize()
    as_of = days.max() + pd.Timedelta(days=1)
    daily = sales.groupby(["stock_code", days]).quantity.sum().unstack(fill_value=0).astype("int64")
    daily = daily.reindex(columns=pd.date_range(as_of - pd.Timedelta(days=56), periods=56), fill_value=0)
    expected = pd.DataFrame({f"lag_{lag}": daily.iloc[:, -lag] for lag in (7, 30)})
    for window in (7, 30, 56):
        expected[f"rolling_{window}"] = daily.iloc[:, -window:].sum(axis=1) / window
    return as_of, expected.sort_index()


def assert_exact(report, sales):
    figures, features = summary_of(report), pd.read_parquet(report / "features.parquet")
    assert figures["applied"] == len(sales)
    assert figures["units"] == int(sales.quantity.sum())
    assert figures["received"] == sum(figures[k] for k in ("applied", "duplicates", "late", "quarantined"))
    as_of, expected = expected_features(sales)
    assert (pd.to_datetime(features.as_of) == as_of).all()
    found = features.set_index("product_id").sort_index()[expected.columns]
    pd.testing.assert_frame_equal(found, expected, check_names=False, check_exact=False, rtol=0, atol=1e-9)
    return figures


def assert_orders_follow_the_policy(report):
    orders = reorders_of(report)
    by_id = {order["reorder_id"]: order for order in orders}
    assert len(by_id) == summary_of(report)["reorders_distinct"]
    for order in orders:
        assert order == by_id[order["reorder_id"]]  # published twice, it says the same
        assert order["inventory_position"] == order["current_stock"] + order["on_order"]
        assert order["inventory_position"] <= order["reorder_point"]
        needed = max(0, order["optimal_inventory"] - order["inventory_position"], order["minimum_order_quantity"])
        assert order["recommended_order_quantity"] == -(-needed // order["pack_size"]) * order["pack_size"]
    cycles = {}
    for identifier in by_id:
        product, _, cycle = identifier.rpartition(":")
        cycles.setdefault(product, []).append(int(cycle))
    assert all(sorted(seen) == list(range(1, len(seen) + 1)) for seen in cycles.values())
    return orders


def assert_decisions_are_made_again(report):
    """Each is the same when it is made again from what was known, and each order is one of them."""
    lines = [json.loads(line) for line in (report / "decisions.jsonl").read_text().splitlines()]
    records = [record_from(line["record"]) for line in lines]
    assert all(replay(record) == record.ruling for record in records)
    assert all(line["said"] == explain_decision(record) for line, record in zip(lines, records, strict=True))
    ordered = Counter((record.known.product, record.ruling.quantity) for record in records if record.ruling.quantity)
    published = {order["reorder_id"]: order for order in reorders_of(report)}
    assert ordered == Counter((o["product_id"], o["recommended_order_quantity"]) for o in published.values())
    assert any(record.ruling.quantity == 0 for record in records)
    insights = [json.loads(line)["detail"] for line in (report / "insights.jsonl").read_text().splitlines()]
    kept = {line["insight"]["insight_id"]: line["insight"] for line in lines if line["insight"] is not None}
    assert kept == {insight["insight_id"]: insight for insight in insights} != {}


def assert_orders_add_up(report):
    figures = summary_of(report)
    orders = figures["orders"]
    assert sum(count for status, count in orders.items() if status != "overdue") == figures["reorders_distinct"]


def test_real_sales_become_exact_features_and_orders(tmp_path):
    done = run("--until-done", "--limit", LINES, "--duplicate-rate", 0.1, "--report", tmp_path)
    assert done.returncode == 0, done.stderr
    figures = assert_exact(tmp_path, first_lines(LINES))
    assert figures["sent"] == figures["received"] > LINES
    assert figures["duplicates"] == figures["sent"] - LINES
    assert figures["model_forecasts"] > 0
    assert figures["fallback_forecasts"] == 0
    assert assert_orders_follow_the_policy(tmp_path)
    assert_decisions_are_made_again(tmp_path)
    assert_orders_add_up(tmp_path)
    assert "ministack" in figures["aws"]


RULES = """
[defaults]
supplier = "acme"
approval_above = 100
[suppliers.acme]
order_on = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
"""


def test_by_the_rules_dear_orders_wait_and_the_others_go_out_together(model, tmp_path, monkeypatch):
    """A day is over when the next one sells; what is worth more than 100 waits for a planner, and here none comes."""
    (tmp_path / "rules.toml").write_text(RULES)
    monkeypatch.setenv("RESTOCK_RULES", str(tmp_path / "rules.toml"))
    done = run("--until-done", "--limit", LINES, "--model", model, "--report", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    assert_exact(tmp_path / "report", first_lines(LINES))
    lines = [json.loads(line) for line in (tmp_path / "report" / "decisions.jsonl").read_text().splitlines()]
    records = [record_from(line["record"]) for line in lines]
    assert all(replay(record) == record.ruling for record in records)
    assert {record.known.buying.supplier for record in records} == {"acme"}
    assert {len(record.known.buying.rules) for record in records} == {64}
    assert {record.ruling.hold for record in records if record.ruling.quantity} == {"approval", "review"}
    orders = reorders_of(tmp_path / "report")
    assert {order["proposal_id"].rpartition(":")[0] for order in orders} == {"acme"}
    proposed = summary_of(tmp_path / "report")["orders"]["proposed"]
    assert proposed + len({order["reorder_id"] for order in orders}) == sum(r.ruling.quantity > 0 for r in records)


def test_fifo_a_killed_worker_and_a_dead_endpoint_change_no_count(model, tmp_path):
    arguments = ("--source", "sqs-fifo", "--kill-worker", "--dead-endpoint", "--limit", LINES, "--report", tmp_path)
    done = run("--until-done", "--model", model, *arguments)
    assert done.returncode == 0, done.stderr
    assert "starting it again" in done.stderr
    figures = assert_exact(tmp_path, first_lines(LINES))
    assert figures["late"] == figures["quarantined"] == 0
    assert figures["fallback_forecasts"] > 0
    assert figures["model"]["killed"]
    assert_orders_follow_the_policy(tmp_path)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model that was trained before, as every run would train the same one."""
    folder = tmp_path_factory.mktemp("model")
    arguments = ["train", "--sales", SAMPLE_PATH, "--until", "2011-01-26", "--model-dir", folder]
    subprocess.run([RESTOCK[0], *map(str, arguments)], capture_output=True, check=True, timeout=200)
    return folder


@pytest.fixture(scope="module")
def by_the_queue(tmp_path_factory, model):
    """The report of the first few lines, by the queue and in calm weather."""
    report = tmp_path_factory.mktemp("sqs")
    done = run("--until-done", "--limit", FEW_LINES, "--model", model, "--report", report)
    assert done.returncode == 0, done.stderr
    assert summary_of(report)["model"]["trainings"] == [{"trained_on": name_of(model), "until": None}]
    return report


def name_of(model):
    return json.loads((model / "meta.json").read_text())["name"]


def test_a_stream_two_workers_and_a_kill_give_the_same_features(by_the_queue, model, tmp_path):
    arguments = ("--workers", 2, "--kill-worker", "--duplicate-rate", 0.1, "--limit", FEW_LINES, "--report", tmp_path)
    done = run("--source", "stream", "--until-done", "--model", model, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("starting it again") == 1
    figures = assert_exact(tmp_path, first_lines(FEW_LINES))
    assert features_of(tmp_path).equals(features_of(by_the_queue))
    assert figures["late"] == figures["quarantined"] == figures["unaccounted"] == 0
    assert figures["duplicates"] >= figures["sent"] - FEW_LINES > 0
    assert (figures["source"], figures["workers"]) == ("stream", 2)
    assert all((tmp_path / "logs" / f"{name}.log").stat().st_size for name in ("worker", "worker-2"))
    assert_orders_follow_the_policy(tmp_path)


def test_two_workers_share_a_queue_in_partitions_and_a_kill_changes_no_feature(by_the_queue, model, tmp_path):
    arguments = ("--workers", 2, "--kill-worker", "--duplicate-rate", 0.1, "--limit", FEW_LINES, "--report", tmp_path)
    done = run("--until-done", "--model", model, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("starting it again") == 1
    figures = assert_exact(tmp_path, first_lines(FEW_LINES))
    assert features_of(tmp_path).equals(features_of(by_the_queue))
    assert figures["late"] == figures["quarantined"] == figures["unaccounted"] == 0
    logs = "".join((tmp_path / "logs" / f"{name}.log").read_text() for name in ("worker", "worker-2"))
    assert logs.count("partitions.changed") >= 3
    assert_orders_follow_the_policy(tmp_path)


def test_a_pipe_into_a_fifo_queue_gives_the_same_features(by_the_queue, model, tmp_path):
    arguments = ("--workers", 2, "--duplicate-rate", 0.1, "--limit", FEW_LINES, "--report", tmp_path)
    done = run("--source", "pipes", "--until-done", "--model", model, *arguments)
    assert done.returncode == 0, done.stderr
    figures = assert_exact(tmp_path, first_lines(FEW_LINES))
    assert features_of(tmp_path).equals(features_of(by_the_queue))
    assert figures["sent"] == figures["received"]
    assert figures["duplicates"] == figures["sent"] - FEW_LINES > 0
    assert figures["late"] == figures["quarantined"] == 0
    assert_orders_follow_the_policy(tmp_path)


GOOD = {"product_id": "A", "occurred_at": "2024-03-01T10:00:00Z", "quantity": 1, "unit_price": 1.25}
BAD_LINES = [
    "not json at all",
    json.dumps({"event_id": "b1", "occurred_at": "2024-03-02", "quantity": 3}),
    '{"product_id": "A", "event_id": "b2", "occurred_at": "2024-03-02", "quantity": NaN}',
    '{"product_id": "A", "event_id": "b3", "occurred_at": "2024-03-02", "quantity": 1%s}' % ("0" * 30),
    json.dumps({**GOOD, "event_id": "b4", "occurred_at": "2099-01-01"}),
    json.dumps({**GOOD, "event_id": "b5", "quantity": "x" * 1_000_000}),
    "y" * 1_200_000,
    json.dumps({**GOOD, "event_id": "e7", "quantity": 77}),
    "[1, 2]",
]
ODD_IDS = ["A#B", "A %23 B", "ünï 💥", "a#b", "a"]


@pytest.mark.parametrize("source", ["sqs", "stream", "pipes"])
def test_bad_lines_end_in_quarantine_and_the_rest_goes_on(model, tmp_path, source):
    good = [{**GOOD, "event_id": f"e{i}", "occurred_at": f"2024-03-{1 + i // 10:02d}T10:00:00Z"} for i in range(100)]
    odd = [
        {**GOOD, "product_id": product, "event_id": event_id, "location_id": location}
        for product in ODD_IDS
        for event_id in ("x#1", "x 2", "é")
        for location in (None, "L#1")
    ]
    lines = [json.dumps(sale) for sale in good[:50]] + BAD_LINES + [json.dumps(sale) for sale in good[50:] + odd]
    path = tmp_path / "sales.jsonl"
    path.write_text("\n".join(lines) + "\n")
    report = ("--report", tmp_path / "report")
    done = run("--sales", path, "--source", source, "--until-done", "--model", model, *report)
    assert done.returncode == 0, done.stderr
    figures = summary_of(tmp_path / "report")
    assert figures["applied"] == len(good) + len(odd)
    assert figures["quarantined"] == len(BAD_LINES)
    assert figures["sent"] == figures["received"] == len(lines)
    features = pd.read_parquet(tmp_path / "report" / "features.parquet")
    found = {
        (p, None if pd.isna(where) else where)
        for p, where in zip(features.product_id, features.location_id, strict=True)
    }
    assert figures["units"] == len(good) + len(odd)  # of two sales under one id the first counts
    assert found == {("A", None)} | {(product, location) for product in ODD_IDS for location in (None, "L#1")}


def test_a_folder_without_a_model_ends_with_one_line_and_exit_1(tmp_path):
    done = run("--model", tmp_path, "--until-done")
    assert (done.returncode, done.stderr.count("\n")) == (1, 3)  # what is started, where the page is, and why not
    assert f"{tmp_path} holds no model: restock train" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("nocol.csv", "product_id,date\nA,2024-01-01\n", "quantity"),
        ("sales.xlsx", "?", "sales.xlsx"),
        ("absent.csv", None, "absent.csv"),
    ],
)
def test_a_file_that_cannot_be_read_ends_with_one_line_and_exit_1(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_text(content)
    done = run("--sales", tmp_path / name, "--until-done")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


@pytest.mark.parametrize("source", ["sqs", "stream"])
def test_ctrl_c_drains_and_still_reports(model, tmp_path, source):
    command = [*RESTOCK, "--source", source, "--model", str(model), "--report", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 100
    told = tmp_path / "logs" / "metrics.log"  # empty until the first sales are settled
    while not (told.exists() and told.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=100)[1]
    assert process.returncode == 0, said
    figures = summary_of(tmp_path)
    assert figures["applied"] == figures["sent"] > 0
    assert figures["sent"] % 1_000 == 0
    assert_exact(tmp_path, first_lines(figures["sent"]))
    assert not _alive(tmp_path)


def _alive(folder):
    """Processes that still have a log in this folder open."""
    alive = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            targets = [str(entry.readlink()) for entry in (process / "fd").iterdir()]
        except OSError:
            continue
        if any(target.startswith(str(folder)) for target in targets):
            alive.append(process.name)
    return alive
