"""The replay gate: which model may serve?"""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from domain.accuracy import EVERYTHING, promise, score_of
from domain.forecast import TotalDemand, baseline_totals
from forecaster.ahead import forecast_windows
from forecaster.fitting import Fitting, train
from forecaster.model import DemandModel
from forecaster.sales import read_sales
from worker.retraining import gate
from worker.retraining.data import GATE_DAYS, NothingToJudge, read
from worker.retraining.gate import WEEK_DAYS, judge, told

QUICK = Fitting(rounds=40, rows_max=8_000, min_data_in_leaf=20)


@dataclasses.dataclass(frozen=True)
class Altered:
    """The model, wrong by a factor on every total, unsure beyond measure, or as if trained on later days."""

    model: DemandModel
    factor: float = 1.0
    dispersion: float | None = None
    later_days: int = 0

    @property
    def origin(self):
        origin = self.model.origin
        return dataclasses.replace(origin, trained_until=origin.trained_until + self.later_days)

    @property
    def name(self):
        return f"altered {self.model.name}"


@pytest.fixture(autouse=True)
def altered_models_answer(monkeypatch):
    def answering(model, *asked, **said):
        if not isinstance(model, Altered):
            return forecast_windows(model, *asked, **said)
        totals = forecast_windows(model.model, *asked, **said)
        spread = totals.dispersion if model.dispersion is None else np.full_like(totals.mean, model.dispersion)
        return dataclasses.replace(totals, mean=totals.mean * model.factor, dispersion=spread)

    monkeypatch.setattr(gate, "forecast_windows", answering)


def shifted(model, by):
    return Altered(model, factor=by)


def aged(model, days):
    return Altered(model, later_days=days)


def test_a_model_that_is_better_than_the_baseline_passes(good, sales):
    verdict = judge(good, None, sales.panel(), sales.as_of)
    assert verdict.passed, verdict.reasons
    assert verdict.candidate.wape < verdict.baseline.wape
    assert verdict.candidate.origins == GATE_DAYS // WEEK_DAYS
    assert set(verdict.backtest) == {"tea", "salt", EVERYTHING}
    assert verdict.notes == ("no model serves yet: compared with the baseline alone",)


def test_it_judges_by_the_measure_the_worker_watches_by(good, sales):
    """Week by week and product by product, as a worker would have promised and compared it."""
    panel = sales.panel()
    errors = sold_in_all = 0.0
    for origin in range(sales.as_of, sales.as_of + GATE_DAYS, WEEK_DAYS):
        rows = np.arange(len(panel.products))
        totals = forecast_windows(good, panel, origin, np.array([[0, WEEK_DAYS]]))
        base = baseline_totals(panel.series(origin, rows), [np.full(len(rows), WEEK_DAYS)])
        for row in rows:
            said = TotalDemand(WEEK_DAYS, totals.mean[row, 0], totals.dispersion[row, 0])
            at = origin - panel.first_step
            sold = int(np.maximum(panel.net[row, at : at + WEEK_DAYS], 0).sum())
            score = score_of(promise(panel.products[row], "tea", origin, said, base[row][0]), sold)
            errors, sold_in_all = errors + score.error, sold_in_all + sold
    verdict = judge(good, None, panel, sales.as_of)
    assert verdict.candidate.wape == pytest.approx(errors / sold_in_all)


def test_a_model_no_better_than_the_baseline_is_refused_with_the_figures(good, sales):
    verdict = judge(shifted(good, 2.5), None, sales.panel(), sales.as_of)
    assert not verdict.passed
    assert any("no better than the baseline" in reason for reason in verdict.reasons)
    assert any("bias" in reason for reason in verdict.reasons)


def test_a_model_that_is_only_unsure_of_itself_is_refused_for_its_quantiles(good, sales):
    """Its means are as good as before; the stock it would lead to is not."""
    wide = Altered(good, dispersion=20.0)
    verdict = judge(wide, None, sales.panel(), sales.as_of)
    assert verdict.candidate.wape == judge(good, None, sales.panel(), sales.as_of).candidate.wape
    assert [reason for reason in verdict.reasons if "quantile loss" in reason]


def test_a_model_worse_than_the_one_that_serves_is_refused(good, sales):
    worse = shifted(good, 1.09)
    assert judge(worse, None, sales.panel(), sales.as_of).passed, "beside the baseline alone it would do"
    verdict = judge(worse, good, sales.panel(), sales.as_of)
    assert any("above the serving model's" in reason for reason in verdict.reasons)
    assert judge(good, worse, sales.panel(), sales.as_of).passed


def test_the_serving_model_is_compared_only_on_weeks_it_has_not_seen(good, sales):
    half = judge(good, aged(good, 2 * WEEK_DAYS), sales.panel(), sales.as_of)
    assert half.serving is not None
    assert half.serving.origins == half.candidate_beside_serving.origins == 2
    assert "2 of 4 weeks" in half.notes[0]
    whole = judge(good, aged(good, GATE_DAYS), sales.panel(), sales.as_of)
    assert whole.serving is None
    assert "has seen these days" in whole.notes[0]


def test_a_model_that_has_seen_the_days_is_not_judged_on_them(sales):
    peeked = train(sales.panel(), QUICK).model
    with pytest.raises(ValueError, match="has seen the days"):
        judge(peeked, None, sales.panel(), sales.as_of)


def test_too_few_days_are_said_to_be_too_few(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text("product_id,date,quantity\nA,2025-01-01,1\nA,2025-02-01,2\n")
    with pytest.raises(NothingToJudge, match="32 days of sales"):
        read([path])


def test_the_training_data_are_the_sales_before_the_held_out_days_and_nothing_else(sales, tmp_path):
    path = sales.write_training(tmp_path)
    again, skipped = read_sales([path], today=30_000)
    kept = sales.rows[sales.rows["day"] < sales.as_of].reset_index(drop=True)
    assert skipped == 0
    columns = ["product_id", "day", "quantity", "revenue_minor", "promotion", "category"]
    pd.testing.assert_frame_equal(again[columns], kept[columns], check_dtype=False)
    assert int(again["day"].max()) == sales.as_of - 1


def test_the_verdict_is_plain_json(good, sales):
    said = json.loads(json.dumps(told(judge(good, good, sales.panel(), sales.as_of)), allow_nan=False))
    assert said["passed"] is True
    assert said["candidate"] == said["serving"]
