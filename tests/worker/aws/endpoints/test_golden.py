"""Is what goes over the wire what the documentation of each format says, and is its answer read as it is meant?

tests/worker/golden/README.md names the documents. The numbers expected here were worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from domain.features import DailySeries
from domain.forecast import TotalDemand
from worker.aws.endpoints.autogluon import AutoGluonForm
from worker.aws.endpoints.chronos import ChronosForm
from worker.aws.endpoints.deepar import DeepArForm
from worker.aws.endpoints.form import Asked
from worker.aws.endpoints.guide import GuideForm

GOLDEN = Path(__file__).parents[2] / "golden" / "endpoints"
AS_OF = 19_729  # 2024-01-07
DAYS = 3
CORRELATION = 0.1
TWO = [[3, 0, 2, 5, 1, 4], [0, 0, 1, 0, 0, 0]]


def asked(net=TWO, cover=((1, 3), (1, 2)), promotions=((), ()), as_of=AS_OF):
    n = len(net)
    series = DailySeries(
        as_of, np.array(net), np.full(n, np.nan), np.full(n, np.nan), np.zeros(n), tuple(promotions[:n])
    )
    return Asked(("A", "C#north")[:n], series, np.array(cover[:n], dtype=np.int64))


def golden(name):
    return (GOLDEN / name).read_bytes()


def approximately(*totals):
    return tuple(TotalDemand(days, pytest.approx(mean), pytest.approx(alpha, abs=1e-4)) for days, mean, alpha in totals)


# Of A: means add; each day's variance by Swanson's rule is 3.81, three together have .9 * 11.43 + .1 * (3 * 1.952)^2.
# Of C the mean is its own median, so that the rule's mean .6 and variance .84 stand for each day.
BY_QUANTILES = [((1, 2.5, 0.2096), (3, 10.5, 0.02917)), ((1, 0.6, 0.66667), (2, 1.2, 0.45))]


def test_chronos_is_asked_as_its_endpoint_api_says():
    assert json.loads(ChronosForm(64, CORRELATION).encode(asked())) == json.loads(golden("chronos_request.json"))


def test_planned_promotions_are_covariates_of_all_products_of_a_chronos_request():
    planned = asked(promotions=(((AS_OF - 1, AS_OF + 1),), ()))
    expected = json.loads(golden("chronos_request_promotion.json"))
    assert json.loads(ChronosForm(64, CORRELATION).encode(planned)) == expected


@pytest.mark.parametrize(
    "form",
    [ChronosForm(64, 0.1), DeepArForm(3, 0.1), AutoGluonForm(3, 0.1), GuideForm(3, 0.1)],
    ids=lambda form: type(form).__name__,
)
def test_a_day_of_more_returns_than_sales_is_sent_as_a_zero(form):
    returned, nothing = asked([[3, -2, 0, 5]], as_of=AS_OF), asked([[3, 0, 0, 5]], as_of=AS_OF)
    assert form.encode(returned) == form.encode(nothing)


def test_a_chronos_answer_is_totals_by_means_that_add_and_variances_that_do_not():
    said = ChronosForm(64, CORRELATION).decode(asked(), golden("chronos_response.json"))
    assert said == [approximately(*totals) for totals in BY_QUANTILES]


def test_deepar_is_asked_as_its_inference_formats_say():
    assert json.loads(DeepArForm(DAYS, CORRELATION).encode(asked())) == json.loads(golden("deepar_request.json"))


def test_sample_paths_of_deepar_are_summed_path_by_path():
    """Half of the paths sell nothing and half sell 2, 6 and 4: three days have the mean 6 and the variance 36 * 20/19,
    far more than that of three days that know nothing of each other."""
    said = DeepArForm(DAYS, CORRELATION).decode(asked(), golden("deepar_response.json"))
    of_samples = approximately((1, 1.0, 0.05263), (3, 6.0, (36 * 20 / 19 - 6) / 36))
    of_quantiles = approximately((1, 0.5, (0.84 - 0.5) / 0.25), (2, 1.0, 0.848))
    assert said == [of_samples, of_quantiles]


def test_autogluon_is_asked_by_a_long_table():
    assert AutoGluonForm(DAYS, CORRELATION).encode(asked()) == golden("autogluon_request.csv")


def test_an_autogluon_answer_is_read_by_its_items_and_times():
    said = AutoGluonForm(DAYS, CORRELATION).decode(asked(), golden("autogluon_response.csv"))
    assert said == [approximately(*totals) for totals in BY_QUANTILES]
    head, *rows = golden("autogluon_response.csv").splitlines()
    backwards = b"\n".join([head, *reversed(rows)])
    assert AutoGluonForm(DAYS, CORRELATION).decode(asked(), backwards) == said


EIGHT = [[3, 0, 2, 5, 1, 4, 6, 3]]


def test_the_guides_endpoint_is_asked_by_the_guides_rows():
    one = asked(EIGHT, as_of=AS_OF + 2)
    assert json.loads(GuideForm(DAYS, CORRELATION).encode(one)) == json.loads(golden("guide_request.json"))


def test_the_guides_answer_is_a_total_and_four_totals_of_five():
    """An interval of 10 units is 3.9015 standard deviations of the total over three days: a variance of 15.222, which
    a day has a 3.6th of; nine units in three days are three a day."""
    said = GuideForm(DAYS, CORRELATION).decode(asked(EIGHT), golden("guide_response.json"))
    variance = (10 / (2 * 1.2815515655446004)) ** 2
    assert said == [approximately((1, 3.0, (variance / 3.6 - 3) / 9), (3, 9.0, (variance - 9) / 81))]


@pytest.mark.parametrize("confidence", [95, 0.9, "high", None, [1], {}])
def test_a_confidence_that_is_no_interval_leaves_the_spread_to_the_products_own_past(confidence):
    body = json.dumps({"forecast": [3.0, 3.0, 3.0], "confidence_interval": confidence}).encode()
    (calm,) = GuideForm(DAYS, CORRELATION).decode(asked([[3] * 40]), body)
    (wild,) = GuideForm(DAYS, CORRELATION).decode(asked([[0, 0, 0, 30] * 10]), body)
    assert [(total.cover_days, total.mean) for total in calm] == [(1, pytest.approx(3.0)), (3, pytest.approx(9.0))]
    assert [total.mean for total in wild] == [total.mean for total in calm]
    assert wild[1].dispersion > 0.5
    assert calm[1].dispersion == 0
