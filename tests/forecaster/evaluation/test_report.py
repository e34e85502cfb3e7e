"""The report has a row for every series and period, ids as they came, and no NaN."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from forecaster.evaluation.contest import Given, answered, scored
from forecaster.evaluation.report import Origin, Outcome, forecast_table, whole_ids, write_report
from forecaster.evaluation.screen import best_of, show_table
from forecaster.known_ahead import NO_CALENDAR

from .questions import FIRST_DAY, question_of, sales_of

LEVELS = (0.25, 0.5)
SERIES = {"a@north": [1.0, 2.0] * 10, "a@south": [3.0] * 20, "00b": [0.0, 7.0] * 10}
FIRST = pd.Timestamp(FIRST_DAY, unit="D")


def outcome_of(cutoff=18, names=("mean_30", "naive")):
    question = question_of(SERIES, cutoff=cutoff, horizon=2)
    given = Given(sales_of(SERIES), NO_CALENDAR)
    said = {name: answered(name, question, given, LEVELS) for name in names}
    scores = {name: scored(question, each, LEVELS) for name, each in said.items()}
    return Outcome({"cutoff": "then"}, 60, 0, LEVELS, [Origin(question, scores)], said[names[0]])


def test_forecasts_have_a_row_for_every_series_and_period():
    outcome = outcome_of()
    table = forecast_table(outcome.origins[0].question, outcome.forecast, LEVELS, ())
    assert table.column_names == ["product_id", "location_id", "date", "mean", "q0.25", "q0.5"]
    rows = {(row["product_id"], row["location_id"], row["date"]): row for row in table.to_pylist()}
    days = [FIRST + pd.Timedelta(days=at) for at in (18, 19)]
    series = [("a", "north"), ("a", "south"), ("00b", None)]
    assert set(rows) == {(product, at, day) for product, at in series for day in days}
    assert [rows["a", "south", day]["mean"] for day in days] == [3.0, 3.0]
    assert [rows["a", "north", day]["q0.5"] for day in days] == [1.0, 1.0]


def test_ids_that_are_whole_numbers_in_the_file_are_whole_numbers_again(tmp_path):
    path = tmp_path / "sales.parquet"
    pq.write_table(pa.table({"product_id": pa.array([7], pa.int16()), "location_id": ["07"]}), path)
    assert whole_ids(path) == ("product_id",)
    assert whole_ids(tmp_path / "sales.csv") == ()
    question = question_of({"7@07": [1.0] * 20}, cutoff=20, horizon=1)
    said = answered("naive", question, Given(sales_of({"7": [1.0]}), NO_CALENDAR), LEVELS)
    table = forecast_table(question, said, LEVELS, whole_ids(path))
    assert (table["product_id"].to_pylist(), table["location_id"].to_pylist()) == ([7], ["07"])


def test_ids_that_pandas_wrote_as_floats_for_a_gap_are_whole_numbers_again(tmp_path):
    path = tmp_path / "sales.parquet"
    pd.DataFrame({"product_id": ["a", "b"], "location_id": [7, None]}).to_parquet(path)
    assert whole_ids(path) == ("location_id",)


def test_dates_are_midnights_without_a_zone():
    outcome = outcome_of()
    table = forecast_table(outcome.origins[0].question, outcome.forecast, LEVELS, ())
    assert table.schema.field("date").type == pa.timestamp("us")
    assert table["date"].to_pylist()[0] == FIRST.to_pydatetime() + pd.Timedelta(days=18)


def test_the_summary_is_json_with_nulls_where_nothing_came(tmp_path):
    write_report(tmp_path, outcome_of(cutoff=20), ())
    said = json.loads((tmp_path / "summary.json").read_text(), parse_constant=lambda name: 1 / 0)
    assert said["models"]["naive"]["wrmsse"] is None
    assert said["models"]["naive"]["train_s"] >= 0
    assert said["origins"][0]["scored_periods"] == 0
    assert said["series"] == 3


def test_the_summary_has_the_mean_over_origins_beside_each(tmp_path):
    one, two = outcome_of(18), outcome_of(16)
    both = Outcome(one.asked, 60, 0, LEVELS, [one.origins[0], two.origins[0]], one.forecast)
    write_report(tmp_path, both, ())
    said = json.loads((tmp_path / "summary.json").read_text())
    each = [origin["models"]["mean_30"]["rmsse"] for origin in said["origins"]]
    np.testing.assert_allclose(said["models"]["mean_30"]["rmsse"], np.mean(each), atol=1e-5)
    assert [origin["cutoff"] for origin in said["origins"]] == ["2011-02-13", "2011-02-11"]


def figures(**values):
    return {name: {"wrmsse": value, "bias": value, "train_s": value} for name, value in values.items()}


def test_the_least_error_and_the_bias_nearest_to_zero_are_best():
    said = figures(a=0.9, b=0.5, c=None)
    assert best_of(said, "wrmsse") == {"b"}
    assert best_of(figures(a=-0.1, b=0.5), "bias") == {"a"}


def test_coverage_is_best_where_it_was_promised_and_time_is_no_contest():
    said = {"a": {"coverage_total_90": 0.80, "train_s": 1.0}, "b": {"coverage_total_90": 0.92, "train_s": 2.0}}
    assert best_of(said, "coverage_total_90") == {"b"}
    assert best_of(said, "train_s") == set()


def test_nobody_is_best_alone():
    assert best_of(figures(a=0.9), "wrmsse") == set()


def test_the_table_fits_eighty_columns_and_marks_the_best(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    outcome = outcome_of()
    six = dict.fromkeys(("restock", "naive", "seasonal_naive", "mean_30", "croston_sba"), outcome.figures()["naive"])
    show_table({**six, "exponential_smoothing": outcome.figures()["mean_30"]}, "title")
    shown = capsys.readouterr().out
    assert "exponential" in shown
    assert "…" not in shown
    assert "*" in shown
