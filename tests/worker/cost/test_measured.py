"""The counts that are shipped: are they what the price says they are, and does the price hold what is promised?"""

import json
from dataclasses import replace

import pytest

from worker.cost.guide import guide_bills
from worker.cost.measured import SHIPPED, nearest, shipped_runs
from worker.cost.model import SWEEP_READS, bill
from worker.cost.rates import Asked, counted, expected
from worker.cost.reckoning import ORDERS, reckon
from worker.cost.takes import takes
from worker.cost.touched import touched
from worker.settings import Settings

RUNS = shipped_runs()
SOLD = [run for run in RUNS.values() if run.name != ORDERS]
A_MILLION = Asked(events_per_day=1_000_000, products=50_000)
MINUTE = {"batch_sales": 700, "batch_linger_s": 5}
FIVE_MINUTES = {"batch_sales": 3_500, "batch_linger_s": 5}
# A minute is at the limit: what insights cost, and are worth, is a part of a cent above it.
BATCHES = pytest.mark.parametrize(
    ("values", "name", "dollars"), [(MINUTE, "700", 3.005), (FIVE_MINUTES, "3500", 3.0)], ids=["1 min", "5 min"]
)


def having(values):
    """The defaults with batches as large as these, and no more insights than a planner reads. It is checked as the
    worker's settings are, whatever the environment holds."""
    return Settings.model_validate({**Settings.model_construct().model_dump(), "insights_per_hour": 10, **values})


@pytest.mark.parametrize("run", SOLD, ids=lambda run: run.name)
def test_a_batch_touches_as_many_products_as_reckoned(run):
    reckoned = touched(run.batch_sales, run.products, run.zipf) / run.batch_sales
    assert run.usage.product_commits / run.usage.sales == pytest.approx(reckoned, rel=0.05)


@pytest.mark.parametrize("run", SOLD, ids=lambda run: run.name)
def test_counts_add_up(run):
    usage = run.usage
    assert usage.emulated
    assert usage.sales % run.batch_sales == 0
    assert usage.units["write_units"] == sum(usage.item_units.values())
    assert usage.units["read_units"] == sum(usage.reads.values())
    assert usage.units["messages"] == usage.sales / run.sales_per_message
    assert usage.decisions >= 0.9 * usage.product_commits or run.batch_sales < 100


def test_the_run_that_orders_orders_each_product_once():
    usage = RUNS[ORDERS].usage
    assert usage.items["order"] == usage.items["outbox"] == usage.items["outbox, deleted"]
    assert usage.items["order"] > 0.7 * usage.decisions  # of the others an order was under way
    assert usage.calls["bedrock-runtime.Converse"] > 0


def test_the_nearest_run_is_the_one_with_batches_of_that_size():
    assert nearest(RUNS, 9_000, 50_000).name == "10000"
    assert nearest(RUNS, 1_200, 5_000).name == "1000-of-5000-products"
    assert nearest(RUNS, 1, 50_000).batch_sales == 10


@BATCHES
def test_a_million_sales_cost_three_dollars_to_the_cent_and_a_thousandth_of_the_guides(values, name, dollars):
    """With a million sales a day of 50,000 products, SageMaker and logs apart."""
    now = reckon(A_MILLION, having(values), RUNS, None)
    sonnet, _ = guide_bills(A_MILLION)
    assert now.rates.batch_sales == pytest.approx(RUNS[name].batch_sales, rel=0.1)
    assert now.bill.per_million <= dollars
    assert sonnet.per_million / now.bill.per_million >= 1_000


@BATCHES
def test_it_is_the_same_by_what_a_run_has_counted(values, name, dollars):
    """The rates, too, are those of the run and no formula's, but for what comes once a day or rarer: orders, insights,
    and forecasts saved, of which a run of minutes has a day's first."""
    usage, settings = RUNS[name].usage, having(values)
    day = expected(A_MILLION, settings)
    rates = replace(
        counted(A_MILLION, settings, usage),
        orders=day.orders,
        insights=day.insights,
        questions=day.questions,
        saves=day.saves,
    )
    price = bill(A_MILLION, settings, rates, takes(usage, RUNS[ORDERS].usage, settings))
    sonnet, _ = guide_bills(A_MILLION)
    assert price.per_million <= dollars
    assert sonnet.per_million / price.per_million >= 1_000


def test_a_worker_that_has_nothing_to_do_sweeps_and_polls_as_reckoned():
    (idle,) = [run for run in json.loads(SHIPPED.read_text())["runs"] if run["name"] == "idle"]
    settings, usage = idle["shape"]["settings"], idle["usage"]
    sweeps = idle["seconds"] / float(settings["sweep_interval_s"])
    assert usage["units"]["read_units"] == pytest.approx(sweeps * SWEEP_READS, rel=0.1)
    polls = idle["seconds"] / float(settings["long_poll_s"])
    assert usage["units"]["empty_receives"] == pytest.approx(polls, rel=0.1)
    assert "write_units" not in usage["units"]
