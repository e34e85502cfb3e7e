"""What a run counted comes back as it was written, or is refused with the reason."""

import json

import pytest

from handlers.metrics import Metric
from worker.cost.usage import SECTION, NoUsage, Usage, read_summary
from worker.local.observed import Observed
from worker.telemetry import emf_line

REPORTED = {
    "calls": {"sqs.ReceiveMessage": 2, "dynamodb.Query": 1},
    "units": {"write_units": 9, "read_units": 0.5},
    "items": {"header, sold": 3, "header, decided": 2},
    "item_units": {"header, sold": 6, "header, decided": 3},
    "item_bytes": {"header, sold": 3_000},
    "reads": {"restock-state": 0.5},
    "metrics": ["N/A"],
}


def used(**changed):
    usage = Usage(sales=4, batches=1, assessments=1)
    usage.add({**REPORTED, **changed})
    return usage


def summary(tmp_path, section, **others):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps({"aws": "ministack 1 (an emulator)", SECTION: section, **others}))
    return path


def test_it_is_read_back_as_it_was_written(tmp_path):
    read = read_summary(summary(tmp_path, used().as_json()))
    assert read.emulated
    read.emulated = False
    assert read == used()
    assert (read.product_commits, read.decisions) == (3, 2)


def test_calls_and_units_are_given_per_thousand_sales():
    said = used().as_json()["per_1000_sales"]
    assert said["calls"] == {"sqs.ReceiveMessage": 500, "dynamodb.Query": 250}
    assert said["units"] == {"write_units": 2_250, "read_units": 125}
    assert Usage().as_json()["per_1000_sales"] == {"calls": {}, "units": {}}


def test_what_came_since_a_copy_is_the_difference():
    usage = used()
    before = usage.copy()
    usage.add({"calls": {"sqs.ReceiveMessage": 5}, "metrics": ["N/B"]})
    usage.sales += 10
    since = usage.since(before)
    assert since.calls == {"sqs.ReceiveMessage": 5, "dynamodb.Query": 0}
    assert since.as_json()["calls"] == {"sqs.ReceiveMessage": 5}
    assert (since.sales, since.batches) == (10, 0)
    assert since.metrics == {"N/A", "N/B"}
    assert before == used()


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        (None, "not the counts"),
        ([], "not the counts"),
        ({}, "'calls'"),
        ({**used().as_json(), "calls": {"a": "many"}}, "is no count"),
        ({**used().as_json(), "units": {"write_units": -1}}, "is no count"),
        ({**used().as_json(), "sales": True}, "is no count"),
        ({**used().as_json(), "sales": 0}, "counted no sales"),
        ({**used().as_json(), "items": {}}, "counted no sales"),
        (used(units={"unseen_calls": 3}).as_json(), "3 calls were made whose requests were not seen"),
    ],
)
def test_what_cannot_be_the_counts_of_a_run_is_refused_with_the_reason(tmp_path, section, reason):
    path = summary(tmp_path, section)
    with pytest.raises(NoUsage, match=reason) as refused:
        read_summary(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "No such file"), ("no json", "no JSON"), ("[]", "RESTOCK_METER_CALLS"), ("{}", "RESTOCK_METER_CALLS")],
)
def test_a_file_that_is_no_metered_summary_is_refused(tmp_path, text, reason):
    path = tmp_path / "summary.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(NoUsage, match=reason):
        read_summary(path)


def test_the_lines_of_workers_add_up_to_it():
    observed = Observed()
    metrics = {
        Metric.SALES_RECEIVED: 4,
        Metric.BATCH_SALES: [3, 1],
        Metric.DECIDE_TIME: [10.0],
        Metric.WRITE_UNITS: 9,
        Metric.READ_UNITS: 0.5,
    }
    for worker in (1, 2):
        observed.read(json.dumps(emf_line(metrics, 0) | {"aws": REPORTED}), worker)
    assert (observed.usage.sales, observed.usage.batches, observed.usage.assessments) == (8, 4, 2)
    assert observed.usage.units == {"write_units": 18, "read_units": 1}
    assert observed[Metric.READ_UNITS] == 1
    # Metrics that are there only because calls are metered are not billed to a worker that is not.
    emf = {"Retail/Inventory/SalesReceived", "Retail/Inventory/BatchSales", "Retail/Inventory/DecideTime"}
    assert observed.usage.metrics == {"N/A", *emf}
