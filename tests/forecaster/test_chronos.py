"""Does our model answer what a JumpStart-Chronos endpoint is asked, as its Endpoint API says, and series by series?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecaster import chronos
from forecaster.ahead import forecast_ahead
from forecaster.chronos_history import calendar_with, history_of, panel_of
from forecaster.dataset import panel_of as panel_of_sales
from forecaster.fitting import Fitting, train
from forecaster.formats import MalformedPayload
from forecaster.known_ahead import NO_CALENDAR, Calendar, ScopeDays
from forecaster.periods import Periods

GOLDEN = Path(__file__).parents[1] / "worker" / "golden" / "endpoints"
DAYS = Periods("D")
WEEKS = [3, 0, 2, 5, 1, 4, 6] * 8


def answered(model, *inputs, **parameters):
    said = {"inputs": list(inputs), **({"parameters": parameters} if parameters else {})}
    return json.loads(chronos.answer(model, said))["predictions"]


def dated(target, start="2008-06-01", **said):
    return {"target": target, "start": start, **said}


@pytest.fixture(scope="session")
def model(trained):
    return trained.model


@pytest.mark.parametrize("name", ["chronos_request.json", "chronos_request_promotion.json"])
def test_what_the_worker_sends_is_answered_as_the_api_says(model, name):
    said = json.loads((GOLDEN / name).read_bytes())
    predictions = json.loads(chronos.answer(model, said))["predictions"]
    assert [one["item_id"] for one in predictions] == ["A", "C#north"]
    assert {one["start"] for one in predictions} == {"2024-01-07T00:00:00"}
    for one in predictions:
        assert set(one) == {"mean", "0.1", "0.5", "0.9", "item_id", "start"}
        assert {len(one[level]) for level in ("mean", "0.1", "0.5", "0.9")} == {3}
        assert np.isfinite(one["mean"]).all()


def test_what_only_amazons_models_need_to_know_is_no_obstacle(model):
    said = {"prediction_length": 3, "freq": "D", "batch_size": 2, "predict_batches_jointly": True}
    assert len(answered(model, dated(WEEKS), **said)[0]["mean"]) == 3


def test_a_bare_target_is_enough(model):
    (one,) = answered(model, {"target": WEEKS})
    assert set(one) == {"mean", "0.1", "0.5", "0.9"}
    assert len(one["mean"]) == 1


def test_the_answer_is_what_the_model_says_of_the_same_past(model, shop):
    """The shop's own sales, sent as targets, are forecast as when the model reads them from a table."""
    panel = panel_of_sales(shop)
    inputs = [
        dated(net.tolist(), str(np.datetime64(panel.first_step, "D")), item_id=f"00{row}#x")
        for row, net in enumerate(panel.net)
    ]
    said = answered(model, *inputs, prediction_length=14, freq="D", quantile_levels=[0.25, 0.5, 0.75])
    unnamed = [dict(one, item_id="q" + one["item_id"]) for one in inputs]
    again = answered(model, *unnamed, prediction_length=14, freq="D", quantile_levels=[0.25, 0.5, 0.75])
    histories = [history_of(one, row, DAYS, True, 14) for row, one in enumerate(inputs)]
    totals = forecast_ahead(model, panel_of(histories, panel.until, DAYS, 14), panel.until, 14)
    quantiles = totals.quantiles([0.25, 0.5, 0.75])
    for row, one in enumerate(said):
        assert one["mean"] == pytest.approx(totals.mean[row].tolist(), abs=1e-6)
        assert one["0.5"] == quantiles[row, :, 1].tolist()
        assert one["start"].startswith(str(np.datetime64(panel.until, "D")))
    assert [len(one["mean"]) for one in again] == [14] * len(again)


def test_quantiles_never_fall_and_are_called_as_they_were_asked_for(model):
    levels = [0.9, 0.05, 0.5, 0.99, 0.25]
    for one in answered(
        model, *({"target": [n] * 40} for n in (0, 1, 50)), prediction_length=9, quantile_levels=levels
    ):
        rows = np.array([one[str(level)] for level in sorted(levels)])
        assert (np.diff(rows, axis=0) >= 0).all()


def test_the_mean_alone_may_be_asked_for(model):
    assert set(answered(model, {"target": WEEKS}, quantile_levels=[])[0]) == {"mean"}


def test_who_sells_more_is_forecast_more(model):
    said = answered(model, *({"target": [n] * 56} for n in (0, 1, 5, 40)), prediction_length=7)
    sums = [sum(one["mean"]) for one in said]
    assert sums == sorted(sums)
    assert sums[-1] > 10 * sums[1] > 10 * sums[0]


BAD_SERIES = [
    5,
    {},
    {"target": []},
    {"target": "many"},
    {"target": [1, "2", 3]},
    {"target": [[1, 2], [3, 4]]},
    {"target": [1, True]},
    {"target": [1e12]},
    {"target": [10**400]},
    dated(WEEKS),  # no freq in the parameters
    {"target": [1, 2, 3], "past_covariates": 5},
    {"target": [1, 2, 3], "past_covariates": {"p": [1]}, "future_covariates": {"p": [1]}},
    {"target": [1, 2, 3], "past_covariates": {"p": [1, 1, 1]}, "future_covariates": {"p": [1, 1]}},
    {"target": [1, 2, 3], "past_covariates": {"p": [1, 1, 1]}, "future_covariates": {"p": ["a"]}},
]


@pytest.mark.parametrize("bad", BAD_SERIES, ids=str)
def test_a_series_that_makes_no_sense_fails_alone(model, bad):
    first, second, third = answered(model, {"target": WEEKS}, bad, {"target": WEEKS})
    assert first["mean"] == third["mean"]
    assert set(second) == {"error"}


@pytest.mark.parametrize(
    ("start", "day"),
    [
        ("1970-01-11", 10),
        ("1970-01-11T00:00:00", 10),
        ("1970-01-11 23:59:59.5", 10),
        ("1970-01-11T00:00:00Z", 10),
        ("1970-01-12T01:00:00+02:00", 10),
    ],
)
def test_a_start_is_the_day_it_is_in_utc(start, day):
    assert history_of(dated([1, 2, 3], start), 0, DAYS, True, 1).as_of == day + 3


@pytest.mark.parametrize(
    "bad",
    [*(dated(WEEKS, start) for start in ("soon", "today", "1900-01-01", 5, [], "9999-12-31")), {"target": WEEKS}],
    ids=lambda bad: str(bad.get("start")),
)
def test_with_a_freq_each_series_needs_a_date(model, bad):
    first, second = answered(model, dated(WEEKS, item_id="a"), {**bad, "item_id": "b"}, freq="D")
    assert "mean" in first
    assert (second["item_id"], set(second)) == ("b", {"item_id", "error"})


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, "inputs must be a list"),
        ({"inputs": []}, "inputs must be a list"),
        ({"inputs": [{"target": [1]}] * 1_001}, "1 to 1000"),
        ({"inputs": [{"target": [1], "item_id": "a"}] * 2}, "'a' comes twice"),
        ({"parameters": 5}, "parameters must be an object"),
        ({"parameters": {"prediction_length": 0}}, "prediction_length"),
        ({"parameters": {"prediction_length": 1_025}}, "prediction_length"),
        ({"parameters": {"prediction_length": True}}, "prediction_length"),
        ({"parameters": {"quantile_levels": [0.1, 1.0]}}, "quantile_levels"),
        ({"parameters": {"quantile_levels": ["0.1"]}}, "quantile_levels"),
        ({"parameters": {"freq": "2h"}}, "freq '2h' is none of D, W and M"),
        ({"parameters": {"freq": "W-SUN"}}, "freq W is asked for, the model was trained on D"),
        (
            {
                "inputs": [{"target": [1]}] * 1_000,
                "parameters": {"prediction_length": 1_024, "quantile_levels": [0.1, 0.5]},
            },
            "numbers asked for",
        ),
    ],
    ids=lambda said: said if isinstance(said, str) else "",
)
def test_a_request_that_makes_no_sense_is_refused_with_the_reason(model, said, reason):
    inputs = {"inputs": [{"target": [1]}]} if "parameters" in said else {}
    with pytest.raises(MalformedPayload, match=reason):
        chronos.answer(model, {**inputs, **said})


def test_histories_of_any_length_and_end_share_a_request(model):
    """Each is forecast from its own last day: together or alone, the answer is the same."""
    inputs = [
        dated(WEEKS, item_id="long"),
        dated([2], "2008-07-20", item_id="one day"),
        dated([0] * 30, "2008-06-01", item_id="nothing sold"),
        dated([None, 3, None, 4, 4, 4], "2008-07-01", item_id="with gaps"),
        dated([10**6] * 20, item_id="a million"),
    ]
    together = answered(model, *inputs, prediction_length=5, freq="D")
    alone = [answered(model, one, prediction_length=5, freq="D")[0] for one in inputs]
    assert together == alone
    assert [one["start"] for one in together][:2] == ["2008-07-27T00:00:00", "2008-07-21T00:00:00"]
    assert max(together[2]["mean"]) < 1 < min(together[4]["mean"])


def test_a_null_is_a_step_that_is_not_known_and_not_a_zero():
    histories = [
        history_of(dated([4, None, 4]), 0, DAYS, True, 1),
        history_of(dated([7], "2008-06-03"), 1, DAYS, True, 1),
    ]
    as_of = histories[0].as_of
    panel = panel_of(histories, as_of, DAYS, 1)
    assert panel.net.tolist() == [[4, 0, 4], [0, 0, 7]]
    assert panel.censored.tolist() == [[False, True, False], [False, False, False]]
    assert (panel.until, panel.starts.tolist()) == (as_of, [as_of - 3, as_of - 1])


def test_covariates_are_what_is_known_ahead_of_that_product_alone():
    promoted = dated(
        [1, 2, 3],
        item_id="a",
        past_covariates={"promotion": [0, 0, 1], "event": [None, "Easter", None]},
        future_covariates={"promotion": [1, 0, 1, 1], "event": [None, None, "Whitsun", None]},
    )
    plain = dated([5, 5], "2008-06-02", item_id="b")
    histories = [history_of(one, row, DAYS, True, 4) for row, one in enumerate((promoted, plain))]
    first_day, as_of = histories[0].as_of - 3, histories[0].as_of
    assert histories[1].as_of == as_of
    panel = panel_of(histories, as_of, DAYS, 4)
    assert panel.promotions == (((as_of, as_of), (as_of + 2, as_of + 3)), ())
    assert panel.promoted.tolist() == [[0, 0, 3], [0, 0, 0]]
    assert panel.starts.tolist() == [as_of - 3, as_of - 2]
    # The model was trained with two columns of its own, one of them the same, and with other events beside.
    shop = ScopeDays(np.array([first_day + 5]), {"promotion": np.array([0.5]), "snow": np.array([1.0])}, np.array([1]))
    known = Calendar(("promotion", "snow"), ("Carnival", "Easter", "Whitsun"), {(None, None): shop})
    calendar = calendar_with(known, histories, as_of, DAYS)
    flags = calendar.numbers("promotion", panel.products, first_day, 7)
    np.testing.assert_array_equal(flags, [[0, 0, 1, 1, 0, 1, 1], [np.nan] * 5 + [0.5, np.nan]])
    np.testing.assert_array_equal(calendar.numbers("snow", panel.products, first_day, 7)[0, 5:], [1, np.nan])
    codes = calendar.event_codes(panel.products, first_day, 7)
    assert codes.tolist() == [[0, 2, 0, 0, 0, 3, 0], [0, 0, 0, 0, 0, 1, 0]]


def test_what_the_model_knows_of_a_product_holds_where_the_request_is_silent():
    said = dated([1, 2], item_id="a", future_covariates={"price": [9.0, None, 7.0]})
    history = history_of(said, 0, DAYS, True, 3)
    first_day = history.as_of - 2
    own = ScopeDays(first_day + np.arange(8), {"price": np.full(8, 5.0)}, np.zeros(8, dtype=np.int64))
    calendar = calendar_with(Calendar(("price",), (), {("a", None): own}), [history], history.as_of, DAYS)
    assert calendar.numbers("price", [history.product], first_day, 8)[0].tolist() == [5, 5, 9, 5, 7, 5, 5, 5]


def test_covariates_that_the_model_was_not_trained_with_change_nothing():
    said = dated([1, 2], past_covariates={"x": [1, 1]}, future_covariates={"x": [1], "y": ["Easter"]})
    history = history_of(said, 0, DAYS, True, 1)
    assert calendar_with(Calendar(("price",), ("Carnival",)), [history], history.as_of, DAYS) is NO_CALENDAR


def test_series_without_a_name_are_nobody_the_model_could_know(shop):
    """A model that remembers its products must not take one of them for a nameless one, nor two of these for one."""
    nameless = {history_of({"target": [1]}, place, DAYS, False, 1).product for place in range(50)}
    assert len(nameless) == 50
    assert not nameless & set(panel_of_sales(shop).products)
    assert not any(product.product_id.isprintable() for product in nameless)


@pytest.mark.parametrize(
    ("periods", "start", "until"),
    [
        (Periods("D"), "2008-06-04", "2008-06-07"),
        (Periods("W"), "2008-06-02", "2008-06-23"),
        (Periods("W"), "2008-06-04", "2008-06-25"),
        (Periods("M"), "2008-11-01", "2009-02-01"),
    ],
)
def test_a_forecast_begins_where_the_history_ends(periods, start, until):
    """Weeks begin on the caller's day of the week, and are the model's weeks in which they begin."""
    history = history_of(dated([1, 2, 3], start), 0, periods, True, 1)
    assert str(history.until) == until
    assert history.as_of == periods.step(int(np.datetime64(until, "D").astype(int)))


def test_a_weekly_model_answers_by_the_week(shop):
    long = pd.concat([shop.assign(day=shop["day"] + 70 * again) for again in range(6)], ignore_index=True)
    model = train(panel_of_sales(long, freq="W"), Fitting(rounds=10, rows_max=3_000)).model
    first, second = answered(
        model, dated([7, 9, 8, 7] * 10, "2009-05-04", item_id="a"), {"target": [7]}, prediction_length=3, freq="W-SUN"
    )
    assert (first["start"], len(first["mean"])) == ("2010-02-08T00:00:00", 3)
    assert "error" in second
    with pytest.raises(MalformedPayload, match="the model was trained on W"):
        answered(model, dated([1] * 9), freq="D")


def test_a_large_request_is_answered_in_parts_as_it_would_be_at_once(model, monkeypatch):
    said = {"inputs": [{"target": [n, n + 1] * 20} for n in range(5)], "parameters": {"prediction_length": 5}}
    at_once = chronos.answer(model, said)
    monkeypatch.setattr(chronos, "TOTALS_AT_ONCE", 10)
    assert chronos.answer(model, said) == at_once
    with pytest.raises(chronos.TooLate):
        chronos.answer(model, said, until=0.0)
