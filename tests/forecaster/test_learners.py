"""Do several boosters start where they say, and is the mean of them what a model answers?"""

from __future__ import annotations

import dataclasses

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from conftest import FIRST_DAY

from domain.product import product_label
from forecaster import learners
from forecaster.ahead import forecast_windows
from forecaster.dataset import SALES_COLUMNS, Panel, panel_of
from forecaster.design import design
from forecaster.fitting import Fitting, Trained, train
from forecaster.formats import FEATURES, request_of
from forecaster.learners import FACTORS, FREED, LEVEL, ONE, SEVERAL, Learnt, departure, fit_learners, start_of

COLUMNS = ("level", "length", *FREED)
WINDOWS = np.array([[0, 1], [3, 1], [0, 14]])


QUICK = Fitting(rounds=8, rows_max=5_000)


def four(dead_days: int = 0) -> Panel:
    """Four series that sell on every day of more than two years, the last of them not on the newest ones."""
    draw = np.random.default_rng(12)
    rows = [
        (f"p{n % 2}", f"CA_{n // 2}", FIRST_DAY + day, int(draw.poisson(50 + 20 * n)), 0, False)
        for n in range(4)
        for day in range(800 - (dead_days if n == 3 else 0))
    ]
    sales = pd.DataFrame(rows, columns=list(SALES_COLUMNS)).astype({"product_id": "str", "location_id": "str"})
    return panel_of(sales)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return four()


@pytest.fixture(scope="module")
def chain(panel) -> Trained:
    return train(panel, QUICK)


def rows_of(*lines: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(lines, dtype=np.float32)


def test_a_start_of_factors_is_what_the_freed_level_would_sell():
    """Ten a day over the level of eight: over three days thirty."""
    rows = rows_of((np.log(8.0), 3.0, np.log(10 / 8), np.log(10 / 8)))
    plain = np.array([np.log(24.0)])
    np.testing.assert_allclose(np.exp(start_of(FACTORS, rows, COLUMNS, plain)), 30.0, rtol=1e-6)
    assert start_of(LEVEL, rows, COLUMNS, plain) is plain


def test_where_no_factors_are_known_the_start_is_the_plain_one():
    rows = rows_of((np.log(8.0), 3.0, np.nan, np.nan))
    plain = np.array([np.log(24.0)])
    assert start_of(FACTORS, rows, COLUMNS, plain) == plain


def test_a_level_below_all_floors_starts_no_higher_from_factors(chain, panel):
    """Only a request by hand has one: its row is measured against the floor then, and so must its start be."""
    items, past, columns = [product_label(key) for key in panel.products], chain.model.past, chain.model.columns
    request = request_of(items, panel.series(panel.until, np.arange(4)), np.ones((4, 1), dtype=np.int64))
    nothing = dataclasses.replace(request, features=np.zeros_like(request.features))
    nothing.features[:, FEATURES.index("level")] = 1e-6
    laid = design(nothing, past, columns)
    factors = np.exp(laid.rows[:, columns.index("factor")])
    said = np.exp(start_of(FACTORS, laid.rows, columns, laid.start))
    np.testing.assert_allclose(said, 0.01 * factors, rtol=1e-4)


def test_a_dead_product_is_not_brought_back_by_where_the_second_booster_starts(monkeypatch):
    panel = four(dead_days=120)
    by_two = forecast_windows(train(panel, QUICK).model, panel, panel.until, WINDOWS).mean
    monkeypatch.setattr(learners, "SEVERAL", ONE)
    by_one = forecast_windows(train(panel, QUICK).model, panel, panel.until, WINDOWS).mean
    np.testing.assert_allclose(by_two[:3], by_one[:3], rtol=0.2)
    assert (by_two[3] < 1.1 * by_one[3]).all()


def test_each_booster_is_asked_from_its_own_start():
    """Days sell exactly what factors say, which the level alone gets wrong by a half, up or down: the booster that
    departs from factors has nothing to learn, and both end where the days do."""
    draw = np.random.default_rng(5)
    lift = np.where(draw.random(4_000) < 0.5, np.log(1.5), -np.log(1.5))
    rows = np.column_stack([np.full(4_000, np.log(100.0)), np.ones(4_000), lift, lift]).astype(np.float32)
    start, total = np.full(4_000, np.log(100.0)), 100 * np.exp(lift)
    parameters: dict[str, object] = {"objective": "tweedie", "verbose": -1, "seed": 1, "num_threads": 1}
    data = lgb.Dataset(rows, total, feature_name=list(COLUMNS), free_raw_data=False)
    learnt = fit_learners(data, rows, COLUMNS, start, np.zeros(4_000), parameters, 120)
    assert [each.start for each in learnt] == [learner.start for learner in SEVERAL]
    of_factors = learnt[-1].booster.predict(rows, raw_score=True)
    np.testing.assert_allclose(of_factors, 0.0, atol=1e-3)
    np.testing.assert_allclose(departure(learnt, rows, COLUMNS, start, 1), lift, atol=0.01)


def test_a_chain_whose_days_have_factors_is_learnt_by_several_and_another_shop_by_one(chain, trained):
    assert [learnt.start for learnt in chain.model.boosters] == [learner.start for learner in SEVERAL]
    assert len(trained.model.boosters) == len(ONE)
    texts = {learnt.booster.model_to_string() for learnt in chain.model.boosters}
    assert len(texts) == len(SEVERAL)


def test_of_two_boosters_one_tries_thresholds_at_random_and_the_other_looks_for_the_best(chain):
    random = ["[extra_trees: 1]" in learnt.booster.model_to_string() for learnt in chain.model.boosters]
    assert random == [True, False]


def test_a_model_answers_the_geometric_mean_of_its_boosters(chain, panel):
    def alone(learnt: Learnt) -> np.ndarray:
        model = dataclasses.replace(chain.model, boosters=(learnt,))
        return forecast_windows(model, panel, panel.until, WINDOWS).mean

    said = forecast_windows(chain.model, panel, panel.until, WINDOWS).mean
    each = np.stack([alone(learnt) for learnt in chain.model.boosters])
    np.testing.assert_allclose(said, np.exp(np.log(each).mean(axis=0)), rtol=1e-6)
    assert (np.ptp(each, axis=0) > 0).any()
