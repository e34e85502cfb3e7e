"""Does training keep SageMaker's contract, and use every row that can be used?"""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecaster.model import DemandModel
from forecaster.sales import UnreadableSales, read_sales
from forecaster.train import main, run_training

TODAY = 20_000
TRAIN = "import sys; from forecaster.train import main; sys.exit(main(sys.argv[1:]))"


def daily_rows(shop: pd.DataFrame) -> pd.DataFrame:
    frame = shop.assign(
        date=pd.to_datetime(shop["day"], unit="D").dt.strftime("%Y-%m-%d"),
        unit_price=np.where(shop["quantity"] == 0, 1.0, shop["revenue_minor"] / shop["quantity"].replace(0, 1) / 100),
    )
    return frame[["product_id", "location_id", "date", "quantity", "unit_price", "promotion"]]


def write(frame: pd.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "parquet":
        frame.to_parquet(path)
        return path
    records = frame.to_json(orient="records", lines=True)
    text = frame.to_csv(index=False) if kind == "csv" else records
    path.write_bytes(gzip.compress(text.encode()) if path.name.endswith(".gz") else text.encode())
    return path


def given(prefix: Path, shop: pd.DataFrame, **hyperparameters: str) -> Path:
    write(daily_rows(shop), prefix / "input" / "data" / "training" / "part-0.csv")
    config = prefix / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text(json.dumps({"rounds": "10", "rows_max": "4000", **hyperparameters}))
    (config / "inputdataconfig.json").write_text(json.dumps({"training": {"TrainingInputMode": "File"}}))
    return prefix


def failure(prefix: Path) -> str:
    return (prefix / "output" / "failure").read_text()


def test_a_job_writes_a_model_and_says_how_good_it_is(tmp_path, shop, capsys):
    prefix = given(tmp_path, shop, sagemaker_program="ignored.py")
    assert run_training(prefix) == 0
    said = capsys.readouterr().out
    assert "validation:wape=0." in said
    assert f"data:rows={len(shop)} data:skipped=0" in said
    model = DemandModel.load(prefix / "model")
    assert model.origin.products == shop["product_id"].nunique()
    assert not (prefix / "output" / "failure").exists()


def test_channels_not_named_are_not_read(tmp_path, shop, capsys):
    prefix = given(tmp_path, shop)
    write(daily_rows(shop), prefix / "input" / "data" / "other" / "part-1.csv")
    assert run_training(prefix) == 0
    assert "data:files=1 " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("hyperparameters", "reason"),
    [
        ({"rounds": "many"}, "hyperparameter rounds: 'many' is no int"),
        ({"rounds": "-1"}, "hyperparameter rounds: -1 is not above zero"),
        ({"learning_rate": "nan"}, "hyperparameter learning_rate"),
        ({"depth": "3"}, "hyperparameter depth: unknown"),
        ({"until": "soon"}, "until: 'soon' is no date"),
        ({"until": "2008-05-10"}, "28 days needed"),
    ],
)
def test_a_job_that_cannot_be_done_says_why(tmp_path, shop, hyperparameters, reason):
    prefix = given(tmp_path, shop, **hyperparameters)
    assert run_training(prefix) == 1
    assert reason in failure(prefix)
    assert not (prefix / "model" / "meta.json").exists()


def test_a_job_without_data_says_so_in_at_most_1024_characters(tmp_path):
    prefix = tmp_path / ("d" * 200) / ("d" * 200) / ("d" * 200) / ("d" * 200) / ("d" * 200)
    (prefix / "input" / "data" / "training").mkdir(parents=True)
    assert run_training(prefix) == 1
    assert 0 < len(failure(prefix)) <= 1024


def test_sigterm_ends_a_job_with_the_reason(tmp_path, shop):
    prefix = given(tmp_path, shop, rounds="1000000")
    job = subprocess.Popen([sys.executable, "-c", TRAIN, "--prefix", str(prefix)], stdout=subprocess.PIPE, text=True)
    assert job.stdout is not None
    assert job.stdout.readline().startswith("data:files=1")
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=20) == 1
    job.stdout.close()
    assert "SIGTERM" in failure(prefix)


def test_one_file_at_home_with_a_cutoff(tmp_path, shop, capsys):
    path = write(daily_rows(shop), tmp_path / "sales.parquet")
    argv = ["--sales", str(path), "--model-dir", str(tmp_path / "model"), "--until", "2008-06-20"]
    assert main(argv) == 0
    assert DemandModel.load(tmp_path / "model").origin.trained_until <= 14_050
    with pytest.raises(SystemExit) as stopped:
        main([*argv[:-1], "never"])
    assert stopped.value.code == 2
    assert main(["--sales", str(tmp_path / "missing.csv")]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert "missing.csv" in errors[-1]


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "--sales sales.csv" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["s.csv", "s.csv.gz", "s.jsonl", "s.jsonl.gz", "s.parquet"])
def test_every_format_gives_the_same_rows(tmp_path, shop, name):
    rows, skipped = read_sales([write(daily_rows(shop), tmp_path / name)], TODAY)
    assert skipped == 0
    expected = shop.assign(location_id=shop["location_id"].where(shop["location_id"].notna(), None))
    expected = expected.assign(category=pd.Series(index=shop.index, dtype="str"), in_stock=True)
    pd.testing.assert_frame_equal(rows, expected, check_dtype=False)


def test_ids_stay_the_text_they_are(tmp_path):
    ids = ["00123", "NA", "null", "1e5", "nan", " a ", "A#b%", "é", "None"]
    frame = pd.DataFrame({"product_id": ids, "sale_date": "2011-01-03T23:30:00+02:00", "quantity_sold": 1})
    for name in ("s.csv", "s.jsonl", "s.parquet"):
        rows, skipped = read_sales([write(frame, tmp_path / name)], TODAY)
        assert (rows["product_id"].tolist(), skipped) == (ids, 0)
        assert rows["location_id"].isna().all()
    numbers = write(frame.assign(product_id=range(9)), tmp_path / "n.parquet")
    assert read_sales([numbers], TODAY)[0]["product_id"].tolist() == list("012345678")


def test_whole_numbers_that_pandas_wrote_as_floats_are_the_ids_they_were(tmp_path):
    frame = pd.DataFrame(
        {"product_id": [7.0, 7.0, 8.0, np.nan, 1.5], "location_id": [1, 2, None, 1, 1], "date": "2011-01-03"}
    ).assign(quantity=1)
    assert frame["location_id"].dtype == np.float64
    for name in ("s.parquet", "s.jsonl"):
        rows, skipped = read_sales([write(frame, tmp_path / name)], TODAY)
        assert (rows["product_id"].tolist(), skipped) == (["7", "7", "8"], 2)
        assert rows["location_id"].fillna("none").tolist() == ["1", "2", "none"]


@pytest.mark.parametrize("name", ["s.csv", "s.jsonl", "s.parquet"])
def test_an_empty_shelf_of_which_no_quantity_is_told_sold_nothing_and_is_known_to_be_empty(tmp_path, name):
    frame = pd.DataFrame({"product_id": "a", "date": "2011-01-03", "quantity": [3.0, np.nan, np.nan, 2.0]})
    path = write(frame.assign(in_stock=[True, False, True, False]), tmp_path / name)
    rows, skipped = read_sales([path], TODAY)
    assert (rows["quantity"].tolist(), rows["in_stock"].tolist(), skipped) == ([3, 0, 2], [True, False, False], 1)


def test_a_quantity_that_makes_no_sense_is_not_taken_for_an_empty_shelf(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("product_id,date,quantity,in_stock\na,2011-01-03,many,false\na,2011-01-03,,false\n")
    rows, skipped = read_sales([path], TODAY)
    assert (rows["quantity"].tolist(), skipped) == ([0], 1)


@pytest.mark.parametrize("kind", ["int64", "float64"])
def test_eight_digits_that_are_a_date_are_that_date_and_others_are_seconds(tmp_path, kind):
    dates = pd.Series([20111101, 20120229, 20110229, 864_000]).astype(kind)
    path = write(pd.DataFrame({"product_id": "a", "date": dates, "quantity": 1}), tmp_path / "s.parquet")
    expected = [np.datetime64(day).astype(int) for day in ("2011-11-01", "2012-02-29", "1970-08-21", "1970-01-11")]
    assert read_sales([path], TODAY)[0]["day"].tolist() == expected
    lines = tmp_path / "s.jsonl"
    lines.write_text(json.dumps({"product_id": "a", "date": 20111101, "quantity": 1}))
    assert read_sales([lines], TODAY)[0]["day"].tolist() == expected[:1]


GOOD = {"product_id": "p", "date": "2011-01-03", "quantity": 2}
BAD_LINES = [
    {"quantity": 1, "date": "2011-01-03"},
    {**GOOD, "product_id": ""},
    {**GOOD, "product_id": 1.5},
    {**GOOD, "product_id": None},
    {**GOOD, "date": "someday"},
    {**GOOD, "date": "2099-01-03"},
    {**GOOD, "date": "1960-01-03"},
    {**GOOD, "date": True},
    {**GOOD, "quantity": 1.5},
    {**GOOD, "quantity": float("nan")},
    {**GOOD, "quantity": 10**30},
    {**GOOD, "quantity": True},
    {**GOOD, "quantity": "many"},
    {**GOOD, "quantity": None},
    {**GOOD, "unit_price": "free"},
    {**GOOD, "unit_price": 1e30},
    {**GOOD, "unit_price": float("inf")},
]


@pytest.mark.parametrize("bad", BAD_LINES, ids=lambda bad: json.dumps(bad)[-45:])
def test_a_row_that_cannot_be_used_is_counted_and_left_out(tmp_path, bad):
    path = tmp_path / "s.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in (GOOD, bad, GOOD)) + "\n{broken\n[1]\n\n")
    rows, skipped = read_sales([path], TODAY)
    assert (rows["quantity"].tolist(), skipped) == ([2, 2], 3)


def test_csv_lines_of_the_wrong_width_are_counted(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text('product_id,date,quantity\n"a,b",2011-01-03,1\nc,2011-01-03\nd,2011-01-03,1,9\ne,2011-01-03,\n')
    rows, skipped = read_sales([path], TODAY)
    assert (rows["product_id"].tolist(), skipped) == (["a,b"], 3)


def test_a_megabyte_of_text_in_another_column_is_no_obstacle(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text(f"product_id,date,quantity,note\na,2011-01-03,1,{'x' * 2**20}\nb,2011-01-03,1,\n")
    rows, skipped = read_sales([path], TODAY)
    assert (rows["product_id"].tolist(), skipped) == (["a", "b"], 0)


def test_times_are_utc_days_and_may_be_epoch_numbers(tmp_path):
    path = tmp_path / "s.jsonl"
    said = ["1970-01-11", "1970-01-12T01:00:00+02:00", "1970-01-11 23:59:59.9", 10 * 86_400, 20_000 * 86_400_000 - 1]
    path.write_text("\n".join(json.dumps({**GOOD, "date": date}) for date in said))
    assert read_sales([path], TODAY)[0]["day"].tolist() == [10, 10, 10, 10, 19_999]


def test_revenue_is_rounded_half_even(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text(
        "product_id,date,quantity,price\n" + "".join(f"a,2011-01-03,1,{p}\n" for p in ("1.005", "0.015", ""))
    )
    assert read_sales([path], TODAY)[0]["revenue_minor"].tolist() == [100, 2, 0]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("s.csv", b"", "s.csv"),
        ("s.csv", b"product_id,quantity\na,1\n", "lacks a column occurred_at or sale_date or date"),
        ("s.csv", b"product_id,date,quantity,quantity\na,2011-01-03,1,1\n", "s.csv.*2 times"),
        ("s.jsonl", b"", "lacks a column product_id"),
        ("s.parquet", b"not parquet", "s.parquet"),
        ("s.csv.gz", b"not gzip", "s.csv.gz"),
    ],
)
def test_a_file_that_is_no_sales_file_is_refused_by_name(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableSales, match=reason):
        read_sales([tmp_path / name], TODAY)


def test_raw_invoice_lines_are_sales_too(real_sales):
    assert {"85123A", "85123a", "POST"} <= set(real_sales["product_id"])
    assert (real_sales["quantity"] < 0).any()
