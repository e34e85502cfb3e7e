"""Are the lines of several workers added up to one picture?"""

import json

from handlers.metrics import Metric
from worker.local.observed import Observed
from worker.telemetry import emf_line


def line(**values):
    return json.dumps(emf_line({Metric[name]: value for name, value in values.items()}, 0))


def test_counts_are_summed_over_all_workers_and_all_their_lives():
    observed = Observed()
    observed.read(line(SALES_APPLIED=3, OUTBOX_DEPTH=1), 1)
    observed.read(line(SALES_APPLIED=4), 2)
    observed.ended(1)
    observed.read(line(SALES_APPLIED=5), 1)
    assert observed[Metric.SALES_APPLIED] == 12
    assert observed[Metric.SALES_LATE] == 0


def test_dirty_products_are_those_of_the_workers_that_live():
    observed = Observed()
    assert observed.dirty == 0
    observed.read(line(DIRTY_PRODUCTS=[7, 5]), 1)
    observed.read(line(DIRTY_PRODUCTS=30), 2)
    assert observed.dirty == 35
    observed.read(line(DIRTY_PRODUCTS=0), 1)
    assert observed.dirty == 30
    observed.ended(2)
    observed.ended(3)
    assert observed.dirty == 0


def test_the_last_decision_counts_whoever_made_it():
    observed = Observed()
    observed.read(line(SALE_TO_DECISION=[100, 900]), 1)
    observed.read(line(SALE_TO_DECISION=200), 2)
    assert observed.lag_ms == 200


def test_what_is_no_metric_is_passed_over():
    observed = Observed()
    for said in ("", "no json", "[]", "{}", '{"_aws": {"CloudWatchMetrics": []}}', "3"):
        observed.read(said)
    assert observed[Metric.SALES_APPLIED] == 0
