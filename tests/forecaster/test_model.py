"""Does the model say the same wherever it is loaded, fail one product alone, and know more than a 30-day mean?"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fakes.cover import same_days

from domain.forecast import TotalDemand, baseline_totals, total_quantile
from forecaster.dataset import panel_of
from forecaster.dispersion import fit_dispersion, spread_of
from forecaster.fitting import Fitting, NotEnoughHistory, train
from forecaster.formats import FEATURES, ItemFailed, request_of
from forecaster.model import DemandModel, UnreadableModel

QUICK = Fitting(rounds=20, rows_max=6_000)


def request_for(panel, as_of: int, lengths=(1, 8, 28)):
    rows = np.flatnonzero(panel.first_sales() < as_of)
    items = [panel.products[row].product_id for row in rows]
    return request_of(items, panel.series(as_of, rows), np.tile(np.array(lengths), (len(rows), 1)))


def test_a_saved_model_predicts_the_same(trained, shop, tmp_path):
    request = request_for(panel_of(shop), trained.model.origin.trained_until)
    trained.model.save(tmp_path)
    loaded = DemandModel.load(tmp_path)
    assert trained.model.predict(request) == loaded.predict(request)
    assert trained.model.name == loaded.name
    assert trained.model.origin == loaded.origin


def test_training_twice_writes_the_same_files(shop, trained, tmp_path):
    trained.model.save(tmp_path / "one")
    train(panel_of(shop.sample(frac=1, random_state=3)), QUICK).model.save(tmp_path / "other")
    for name in ("model.txt", "meta.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_sales_from_the_cutoff_on_change_no_model_file(shop, tmp_path):
    until = int(shop["day"].min()) + 60
    changed = shop.copy()
    changed.loc[changed["day"] >= until, ["quantity", "revenue_minor"]] += 1_000_000
    new = changed[changed["day"] >= until].assign(product_id="new")
    train(panel_of(shop, until), QUICK).model.save(tmp_path / "one")
    train(panel_of(pd.concat([changed, new]), until), QUICK).model.save(tmp_path / "other")
    for name in ("model.txt", "meta.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert json.loads((tmp_path / "one" / "meta.json").read_text())["trained_until"] <= str(np.datetime64(until, "D"))


def test_a_row_that_makes_no_sense_fails_alone(trained, shop):
    request = request_for(panel_of(shop), trained.model.origin.trained_until)
    features, days, planned = request.features.copy(), request.cover_days.copy(), request.planned_share.copy()
    features[0, 3], features[1, 5], features[2, 0] = np.nan, 1e300, 0.0
    days[3, 1], planned[4, 0] = 0, 7.0
    answers = trained.model.predict(replace(request, features=features, cover_days=days, planned_share=planned))
    assert [type(answer) for answer in answers[:5]] == [ItemFailed] * 5
    assert answers[5:] == trained.model.predict(request)[5:]
    assert len({answer.reason for answer in answers[:5] if isinstance(answer, ItemFailed)}) == 5


def test_no_products_or_no_lengths_are_answered_with_nothing(trained, shop):
    request = request_for(panel_of(shop), trained.model.origin.trained_until)
    none = replace(
        request,
        items=(),
        features=np.zeros((0, len(FEATURES))),
        cover_days=request.cover_days[:0],
        planned_share=request.planned_share[:0],
    )
    assert trained.model.predict(none) == []
    lengthless = replace(request, cover_days=request.cover_days[:, :0], planned_share=request.planned_share[:, :0])
    assert trained.model.predict(lengthless) == [()] * len(request.items)


def test_products_are_measured_against_their_own_level(trained, shop):
    """A thousand times the demand gives about a thousand times the mean, not what such a number met in training."""
    request = request_for(panel_of(shop), trained.model.origin.trained_until)
    in_units = [FEATURES.index(name) for name in FEATURES if name.startswith(("level", "lag", "roll", "ewma", "std"))]
    features = request.features.copy()
    features[:, [*in_units, FEATURES.index("same_weekday_mean")]] *= 1_000
    small, large = trained.model.means(request), trained.model.means(replace(request, features=features))
    assert (large > 100 * small).all()
    assert (large < 10_000 * small).all()


def test_more_days_never_sell_less(trained, shop):
    request = request_for(panel_of(shop), trained.model.origin.trained_until, (28, 1, 2, 3, 5, 8, 13, 21, 35, 90))
    means = trained.model.means(request)
    rising = np.take_along_axis(means, np.argsort(request.cover_days, axis=1), axis=1)
    assert (np.diff(rising, axis=1) >= 0).all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 99}, "format 99"),
        ({"features": ["other"]}, "other features"),
        ({"files": {"model.txt": "torn"}}, "model.txt is not the one"),
        ({"format": 3}, "format 3, this version reads format 4"),
        ({"boosters": ["elsewhere"]}, "start from"),
        ({"boosters": ["factors"]}, "no column freed_14, freed_7"),
        ({"boosters": ["level", "factors"]}, "no column freed_14, freed_7"),
        ({"trained_until": "yesterday"}, "cannot be used"),
    ],
)
def test_a_model_of_another_kind_is_refused(trained, tmp_path, change, reason):
    trained.model.save(tmp_path)
    meta = json.loads((tmp_path / "meta.json").read_text())
    (tmp_path / "meta.json").write_text(json.dumps(meta | change))
    with pytest.raises(UnreadableModel, match=reason):
        DemandModel.load(tmp_path)


def test_an_empty_directory_holds_no_model(tmp_path):
    with pytest.raises(UnreadableModel, match="no model in"):
        DemandModel.load(tmp_path)


@pytest.mark.parametrize("days", [0, 1, 27])
def test_too_few_days_teach_nothing(shop, days):
    with pytest.raises(NotEnoughHistory, match="28 days needed"):
        train(panel_of(shop, int(shop["day"].min()) + days), QUICK)


def test_a_shop_that_sold_once_teaches_nothing(shop):
    one_a_product = shop[shop["quantity"] > 0].drop_duplicates("product_id")
    late = shop.tail(1).assign(day=int(shop["day"].max()), product_id="late")
    with pytest.raises(NotEnoughHistory, match="was sold again"):
        train(panel_of(pd.concat([one_a_product, late])), QUICK)


def test_eight_weeks_of_one_product_are_enough(shop):
    until = int(shop["day"].min()) + 56
    panel = panel_of(shop[shop["product_id"] == "003"], until)
    (totals,) = train(panel, QUICK).model.predict(request_for(panel, panel.until))
    assert isinstance(totals, tuple)
    sold = panel.net.sum() / 56 * 28
    assert 0.5 * sold < totals[-1].mean < 2 * sold


def test_dispersion_is_found_again():
    """Totals drawn with dispersions that depend on a column give them back."""
    draw = np.random.default_rng(5)
    kind = draw.integers(0, 2, 20_000)
    truth, mean = np.where(kind == 1, 0.2, 2.0), np.full(20_000, 12.0)
    total = draw.negative_binomial(1 / truth, 1 / (1 + truth * mean)).astype(float)
    how = Fitting().parameters() | {"learning_rate": 0.1, "bagging_freq": 0, "feature_fraction": 1.0}
    rows = np.column_stack([kind, draw.random(20_000)]).astype(np.float32)
    booster, common = fit_dispersion(rows, total, mean, ["kind", "noise"], [], how, 60)
    found = common * np.exp(np.asarray(booster.predict(rows)))
    for one in (0, 1):
        assert found[kind == one].mean() == pytest.approx(truth[kind == one][0], rel=0.15)


def test_held_out_totals_correct_the_dispersion_the_more_the_more_there_are():
    """A dispersion said three times too small is corrected by that factor; few totals correct little."""
    draw = np.random.default_rng(5)
    mean = np.full(60_000, 12.0)
    total = draw.negative_binomial(1 / 0.6, 1 / (1 + 0.6 * mean)).astype(float)
    said, steps, level = np.full(60_000, 0.2), np.full(60_000, 8.0), np.full(60_000, 2.0)
    many = spread_of(total, mean, said, steps, level)
    few = spread_of(total[:50], mean[:50], said[:50], steps[:50], level[:50])
    assert many.at(np.array([8.0, 56.0]), np.array([2.0, 500.0])) == pytest.approx([3.0, 3.0], rel=0.15)
    assert 1 < few.at(np.array([8.0]), np.array([2.0]))[0] < 1.1


def quantile_loss(y, mean, dispersion) -> float:
    gaps = [(q, y - total_quantile(q, mean, dispersion)) for q in (0.1, 0.5, 0.9)]
    return float(np.mean([2 * np.maximum(q * gap, (q - 1) * gap).sum() for q, gap in gaps]) / y.sum())


def columns(answers: list[tuple[TotalDemand, ...]]):
    return np.array([a[0].mean for a in answers]), np.array([a[0].dispersion for a in answers])


def test_on_real_sales_the_model_beats_the_30_day_mean(real_sales):
    """Trained on Online Retail before 1 February 2011, asked for the 28 days from then on."""
    cut = int(np.datetime64("2011-02-01", "D").astype(np.int64))
    model = train(panel_of(real_sales, cut)).model
    panel = panel_of(real_sales, cut + 28)
    request = request_for(panel, cut, (28,))
    rows = np.flatnonzero(panel.first_sales() < cut)
    actual = np.maximum(panel.net[rows, cut - panel.first_step :], 0).sum(axis=1)
    mean, dispersion = columns(model.predict(request))
    base_mean, base_dispersion = columns(baseline_totals(panel.series(cut, rows), [same_days(28, len(rows))]))
    assert np.abs(actual - mean).sum() < np.abs(actual - base_mean).sum()
    assert quantile_loss(actual, mean, dispersion) < 0.95 * quantile_loss(actual, base_mean, base_dispersion)
    covered = (actual <= total_quantile(0.95, mean, dispersion)).mean()
    assert 0.92 < covered < 0.99
