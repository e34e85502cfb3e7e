"""What becomes of answers that are not as they should be, in each foreign format?"""

from __future__ import annotations

import json

import numpy as np
import pytest

from domain.features import DailySeries
from forecaster.formats import ItemFailed, MalformedPayload
from worker.aws.endpoints.autogluon import AutoGluonForm
from worker.aws.endpoints.chosen import FORMS, form_of
from worker.aws.endpoints.chronos import ChronosForm
from worker.aws.endpoints.deepar import DeepArForm
from worker.aws.endpoints.form import Asked
from worker.aws.endpoints.guide import GuideForm
from worker.aws.endpoints.restock import RestockForm
from worker.settings import Settings

DAYS = 3
GOOD = {"mean": [1.5, 2, 2.5], "0.1": [0, 1, 1], "0.5": [1, 2, 3], "0.9": [4, 5, 6]}


def asked(n=2, cover=(1, 3)):
    none = np.full(n, np.nan)
    series = DailySeries(19_729, np.ones((n, 56), dtype=np.int64), none, none, np.zeros(n), ((),) * n)
    return Asked(tuple("AB"[:n]), series, np.tile(np.array(cover, dtype=np.int64), (n, 1)))


def chronos(*predictions):
    return ChronosForm(DAYS, 0.1).decode(asked(), json.dumps({"predictions": predictions}).encode())


def deepar(*predictions):
    return DeepArForm(DAYS, 0.1).decode(asked(), json.dumps({"predictions": predictions}).encode())


def which(answers):
    return [not isinstance(answer, ItemFailed) for answer in answers]


BAD_DAYS = [
    {},
    {"error": "too short"},
    {**GOOD, "0.9": None},
    {**GOOD, "0.9": [1, 2]},
    {**GOOD, "0.9": ["a", "b", "c"]},
    {**GOOD, "0.1": [1, 2, float("nan")]},
    {**GOOD, "0.5": [1, 2, float("inf")]},
    {**GOOD, "0.5": [[1], [2], [3]]},
    {**GOOD, "0.5": [1, 2, 10**400]},
    {**GOOD, "mean": [1e11] * 3},
]


@pytest.mark.parametrize("bad", BAD_DAYS, ids=str)
def test_a_product_without_a_usable_chronos_prediction_fails_alone(bad):
    assert which(chronos({**GOOD, "item_id": "A"}, {**bad, "item_id": "B"})) == [True, False]
    assert which(chronos({**bad, "item_id": "A"}, {**GOOD, "item_id": "B"})) == [False, True]


def test_the_reason_that_an_endpoint_gives_is_kept():
    said = chronos({**GOOD, "item_id": "A"}, {"item_id": "B", "error": "too short"})
    assert said[1] == ItemFailed("too short")


def test_chronos_predictions_are_known_by_their_item_whatever_their_order():
    small, large = GOOD, {name: [10 * value for value in values] for name, values in GOOD.items()}
    a, b = chronos({**large, "item_id": "B"}, {**small, "item_id": "A"})
    assert a[1].mean == pytest.approx(6)
    assert b[1].mean == pytest.approx(60)


def test_a_prediction_without_its_item_is_nobodys():
    assert which(chronos(GOOD, GOOD)) == [False, False]


def samples(*rows, count=20):
    return {"samples": [list(rows)] * count}


@pytest.mark.parametrize(
    "bad",
    [{}, None, 5, samples(1, 2, 3, count=2), samples(1, 2), samples(1, 2, None), samples("a", 2, 3), {"quantiles": 5}],
    ids=str,
)
def test_a_product_without_a_usable_deepar_prediction_fails_alone(bad):
    assert which(deepar(samples(1, 2, 3), bad)) == [True, False]


def test_more_days_than_needed_are_no_harm():
    assert which(deepar(samples(1, 2, 3, 4, 5), samples(1, 2, 3))) == [True, True]


@pytest.mark.parametrize("predictions", [[], [samples(1, 2, 3)], [samples(1, 2, 3)] * 3], ids=len)
def test_deepar_predictions_that_are_not_one_a_product_are_nobodys(predictions):
    """They come without ids: with one missing, every later product would be given its neighbour's forecast."""
    with pytest.raises(MalformedPayload, match="for 2 products"):
        deepar(*predictions)


HEAD = "item_id,timestamp,mean,0.1,0.5,0.9\n"
ROWS = "".join(f"r0,2024-01-0{7 + day},1,0,1,4\n" for day in range(3))


@pytest.mark.parametrize(
    "rows",
    [
        "",
        "r1,2024-01-07,1,0,1,4\n",
        ROWS.replace("r0", "r1").replace("4\n", "\n"),
        "r1,x\n" * 3,
        "r2,2024-01-07,1,0,1,4\n",
        ROWS.replace("r0", "r1") + "r1\n",
        ROWS.replace("r0", "r1").replace("2024-01-08", ""),
    ],
)
def test_a_product_without_usable_autogluon_rows_fails_alone(rows):
    answers = AutoGluonForm(DAYS, 0.1).decode(asked(), (HEAD + ROWS + rows).encode())
    assert which(answers) == [True, False]


@pytest.mark.parametrize("said", [None, "many", True, [1, 2], [1, None, 3], float("nan"), {}, 1e300], ids=str)
def test_a_guides_forecast_that_is_no_number_is_no_forecast(said):
    body = json.dumps({"forecast": said, "confidence_interval": 90}).encode()
    assert which(GuideForm(DAYS, 0.1).decode(asked(1), body)) == [False]


@pytest.mark.parametrize("limits", [[0, 1e300], [-1e308, 1.7e308], {"lower": 1e11, "upper": 0}], ids=str)
def test_limits_that_no_demand_has_are_no_forecast(limits):
    body = json.dumps({"forecast": 3, "confidence_interval": limits}).encode()
    assert which(GuideForm(DAYS, 0.1).decode(asked(1), body)) == [False]


@pytest.mark.parametrize("absurd", [1e155, 1e308])
def test_an_absurd_number_is_refused_without_a_warning(absurd):
    """Warnings are errors here."""
    good, bad = {**GOOD, "item_id": "A"}, {name: [absurd] * 3 for name in GOOD}
    assert which(chronos(good, {**bad, "item_id": "B"})) == [True, False]
    assert which(chronos(good, {**GOOD, "mean": [absurd] * 3, "item_id": "B"})) == [True, False]
    assert which(deepar(samples(1, 2, 3), samples(absurd, absurd, absurd))) == [True, False]
    body = json.dumps({"forecast": [absurd] * 3, "confidence_interval": [1, 2]}).encode()
    assert which(GuideForm(DAYS, 0.1).decode(asked(1), body)) == [False]


@pytest.mark.parametrize(
    "form", [*(kind(DAYS, 0.1) for kind in FORMS.values()), RestockForm()], ids=lambda form: type(form).__name__
)
@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"[]", b"5", b"\xff\xfe", b"{" * 100_000, b'"predictions"'],
    ids=lambda body: repr(body[:9]),
)
def test_a_body_that_is_of_another_kind_is_refused_as_a_whole(form, body):
    with pytest.raises(MalformedPayload):
        form.decode(asked(1), body)


def test_settings_choose_the_format_and_what_it_assumes():
    assert isinstance(form_of(Settings()), RestockForm)
    spoken = form_of(Settings(endpoint_format="chronos", endpoint_prediction_length=40))
    request = json.loads(spoken.encode(asked(2, (1, 50))))
    assert request["parameters"]["prediction_length"] == 40


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ({"endpoint_prediction_length": 27}, False),
        ({"lead_time_days": 80}, False),
        ({"endpoint_prediction_length": 28}, True),
    ],
)
def test_a_model_that_does_not_reach_the_lead_time_is_refused_at_the_start(said, fits):
    if fits:
        assert Settings(endpoint_format="deepar", **said)
    else:
        with pytest.raises(ValueError, match="endpoint_prediction_length must be at least 28"):
            Settings(endpoint_format="deepar", **said)
    # Our own model answers for any length.
    assert Settings(endpoint_format="restock", **said)
