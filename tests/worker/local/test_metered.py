"""A metered run tells what it asked of AWS, and a price can be had for it."""

import json
import os
import subprocess
import sys

import pytest

from worker.cost.usage import SECTION, read_summary

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SALES = 400


def test_a_metered_run_tells_what_it_asked_of_aws(tmp_path):
    settings = {"RESTOCK_METER_CALLS": "true"}
    restock = [sys.executable, "-m", "worker.cli"]
    command = [*restock, "local", "--limit", str(SALES), "--until-done", "--report", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "summary.json").read_text())
    usage = read_summary(tmp_path / "summary.json")
    assert usage.emulated
    assert usage.sales == figures["received"] == SALES
    # Every order was put once and left the outbox once; every insight was asked for once.
    assert usage.items["order"] == usage.items["outbox"] == figures["reorders_distinct"]
    assert usage.items["outbox, deleted"] == figures["reorders_published"]
    asked = figures["insights"] + 1  # and the probe at the start
    assert usage.calls["bedrock-runtime.Converse"] == asked
    assert usage.calls["sagemaker-runtime.InvokeEndpoint"] == figures["forecast_calls"]
    assert usage.units["bus_events"] == figures["reorders_published"] + figures["insights"]
    # No product is committed less often than once, nor more often than it sold.
    assert figures["products"] <= usage.product_commits <= SALES
    # Every batch was noted on the agenda before its messages were deleted, and ticked off when it was decided.
    assert usage.items["agenda"] == usage.items["agenda, deleted"] >= 1
    assert usage.units["write_units"] == sum(usage.item_units.values())
    assert usage.units["read_units"] == sum(usage.reads.values())
    assert figures[SECTION]["per_1000_sales"]["calls"]["sqs.ReceiveMessage"] > 0
    priced = subprocess.run(
        [*restock, "cost", "--json", "--measured", str(tmp_path / "summary.json")], capture_output=True, text=True
    )
    assert priced.returncode == 0, priced.stderr
    said = json.loads(priced.stdout)
    assert said["a_day"]["commits"] == pytest.approx(usage.product_commits / SALES * 1_000_000)
