"""`restock bulk`: requests shard by shard, and answers back, for every product once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import pytest_asyncio
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from fakes.examples import ODD_KEYS
from many_sales import write

from domain.buckets import Bucket, Days
from domain.features import series_of
from domain.forecast import total_quantile
from domain.product import ProductState, product_label
from forecaster.dataset import panel_of
from forecaster.fitting import Fitting, train
from forecaster.formats import decode_request, encode_request, request_of
from forecaster.model import DemandModel
from forecaster.sales import read_sales
from worker.aws import state_codec as codec
from worker.bulk import records
from worker.bulk.job import transform_job
from worker.bulk.manifest import shard_name
from worker.bulk.records import Part, lines_of
from worker.bulk.sorting import shard_of, sort_sales
from worker.cli import main
from worker.retraining.plan import S3Place

COVER = [1, 8, 28]


@pytest.fixture(scope="session")
def sales_path(tmp_path_factory) -> Path:
    """A thousand products; most sell on a few days of eight weeks."""
    path = tmp_path_factory.mktemp("bulk") / "sales.parquet"
    write(1_000, path)
    return path


@pytest.fixture(scope="session")
def panel(sales_path):
    rows, _ = read_sales([sales_path], today=30_000)
    return panel_of(rows[rows["day"] > rows["day"].max() - 56])


@pytest.fixture(scope="session")
def model_dir(sales_path, tmp_path_factory) -> Path:
    rows, _ = read_sales([sales_path], today=30_000)
    folder = tmp_path_factory.mktemp("model")
    train(panel_of(rows), Fitting(rounds=10, rows_max=5_000)).model.save(folder)
    return folder


def requests_in(place: Path):
    """Every request of every shard, as the container reads them."""
    files = sorted((place / "input").glob("shard-*.jsonl"))
    return [decode_request(line) for file in files for line in file.read_bytes().splitlines()]


def bulk(tmp_path, *arguments):
    return main(["bulk", "--out", str(tmp_path / "bulk"), "--work", str(tmp_path / "work"), *map(str, arguments)])


def test_every_product_is_asked_for_once_as_the_worker_would_ask(sales_path, panel, tmp_path):
    assert bulk(tmp_path, "--sales", sales_path, "--shards", 7) == 0
    asked = requests_in(tmp_path / "bulk")
    items = [item for request in asked for item in request.items]
    assert sorted(items) == sorted(map(product_label, panel.products))
    assert {request.as_of for request in asked} == {panel.until}
    rows = np.arange(len(panel.products))
    expected = request_of(list(map(product_label, panel.products)), panel.series(panel.until, rows), _cover(rows))
    by_item = {item: row for request in asked for item, row in zip(request.items, request.features, strict=True)}
    got = np.array([by_item[item] for item in expected.items])
    np.testing.assert_allclose(got, expected.features, rtol=1e-6, atol=1e-8)


def _cover(rows):
    return np.tile(np.array(COVER, dtype=np.int64), (len(rows), 1))


def test_answers_come_back_as_one_table_with_the_models_own_numbers(sales_path, panel, model_dir, tmp_path):
    table = tmp_path / "forecasts.parquet"
    report = tmp_path / "report"
    assert (
        bulk(tmp_path, "--sales", sales_path, "--shards", 5, "--answer", model_dir, "--read", table, "--report", report)
        == 0
    )
    found = pd.read_parquet(table)
    rows = np.arange(len(panel.products))
    labels = list(map(product_label, panel.products))
    request = request_of(labels, panel.series(panel.until, rows), _cover(rows))
    expected = DemandModel.load(model_dir).predict(decode_request(encode_request(request)))  # as it is rounded
    by_label = dict(zip(labels, expected, strict=True))
    assert len(found) == len(labels) * len(COVER)
    for _, group in found.groupby("product_id"):
        totals = by_label[group["product_id"].iloc[0]]
        assert group["cover_days"].tolist() == COVER
        np.testing.assert_allclose(group["mean"], [each.mean for each in totals], rtol=1e-4)
    np.testing.assert_array_equal(found["p90"], total_quantile(0.9, found["mean"], found["dispersion"]))
    said = json.loads((report / "summary.json").read_text())
    assert (said["products"], said["forecast_products"], said["failed"]) == (len(labels), len(labels), 0)


def test_a_run_cut_short_goes_on_with_the_shards_that_are_missing(sales_path, tmp_path, monkeypatch):
    """Killed in the middle of the third shard: what is there is whole, and is not written again."""
    real, calls = records.encode_request, []

    def killed(request):
        calls.append(request)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(request)

    monkeypatch.setattr(records, "encode_request", killed)
    assert bulk(tmp_path, "--sales", sales_path, "--shards", 6) == 1
    folder = tmp_path / "bulk" / "input"
    first = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert set(first) == {shard_name(0, 6), shard_name(1, 6)}
    monkeypatch.setattr(records, "encode_request", real)
    assert bulk(tmp_path, "--sales", sales_path, "--shards", 6) == 0
    assert {name: (folder / name).stat().st_mtime_ns for name in first} == first
    once = tmp_path / "once"
    once.mkdir()
    assert bulk(once, "--sales", sales_path, "--shards", 6) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in (once / "bulk" / "input").iterdir()
    }


def test_another_run_is_not_mixed_into_the_one_that_is_there(sales_path, tmp_path, capfd):
    assert bulk(tmp_path, "--sales", sales_path, "--shards", 3) == 0
    assert bulk(tmp_path, "--sales", sales_path, "--shards", 4) == 1
    assert "shards was 3, now 4" in capfd.readouterr().err
    assert bulk(tmp_path, "--sales", sales_path, "--shards", 3, "--as-of", "2025-04-20") == 1


def test_days_from_as_of_on_are_not_seen(sales_path, tmp_path):
    assert bulk(tmp_path, "--sales", sales_path, "--shards", 2, "--as-of", "2025-04-20") == 0
    rows, _ = read_sales([sales_path], today=30_000)
    until = int(np.datetime64("2025-04-20", "D").astype(int))
    past = panel_of(rows[(rows["day"] < until) & (rows["day"] >= until - 56)], until)
    asked = requests_in(tmp_path / "bulk")
    assert {request.as_of for request in asked} == {until}
    assert sum(len(request.items) for request in asked) == len(past.products)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_other_files_of_the_same_sales_give_the_same_shards(kind, sales_path, tmp_path):
    frame = pd.read_parquet(sales_path).assign(date=lambda said: said["date"].astype(str))
    path = tmp_path / f"sales.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)
    one, other = tmp_path / "one", tmp_path / "other"
    assert bulk(one, "--sales", sales_path, "--shards", 3) == 0
    assert bulk(other, "--sales", path, "--shards", 3) == 0
    for name in (shard_name(number, 3) for number in range(3)):
        assert (one / "bulk" / "input" / name).read_bytes() == (other / "bulk" / "input" / name).read_bytes()


def test_sales_are_sorted_chunk_by_chunk_and_a_product_is_in_one_shard(sales_path, tmp_path, monkeypatch):
    monkeypatch.setattr("worker.bulk.sorting.CHUNK_ROWS", 700)
    seen = []
    found = sort_sales([sales_path], 4, tmp_path, None, seen.append)
    assert len(seen) > 5
    whole, _ = read_sales([sales_path], today=30_000)
    parts = [pd.read_parquet(path) for path in found.files if path is not None]
    assert sum(map(len, parts)) == len(whole) == found.rows
    for number, part in enumerate(parts):
        assert {shard_of(name, 4) for name in part["product_id"]} == {number}
    columns = ["product_id", "day", "quantity", "revenue_minor"]
    together = pd.concat(parts)[columns].sort_values(columns).reset_index(drop=True)
    pd.testing.assert_frame_equal(
        together, whole[columns].sort_values(columns).reset_index(drop=True), check_dtype=False
    )


def test_a_row_that_is_none_is_counted_and_other_columns_may_hold_anything(tmp_path, monkeypatch):
    monkeypatch.setattr("worker.bulk.sorting.CHUNK_BYTES", 400)
    path = tmp_path / "sales.csv"
    rows = [f"A{n % 3},2025-04-0{n % 9 + 1},{n % 4},{n if n < 40 else 'x'}" for n in range(80)]
    path.write_text("\n".join(["product_id,date,quantity,note", *rows, "broken,row", "A1,2025-04-02,many,"]) + "\n")
    found = sort_sales([path], 2, tmp_path / "work", None, lambda _: None)
    assert (found.rows, found.skipped) == (80, 2)


def test_a_file_that_is_no_sales_file_is_named(tmp_path, capfd):
    path = tmp_path / "stock.csv"
    path.write_text("product_id,date,level\nA,2025-04-01,3\n")
    assert bulk(tmp_path, "--sales", path) == 1
    assert f"{path}: lacks a column quantity" in capfd.readouterr().err
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    assert bulk(tmp_path, "--sales", tmp_path / "torn.parquet") == 1
    assert "torn.parquet" in capfd.readouterr().err


def test_a_record_has_few_products_and_less_than_six_mebibytes(panel, monkeypatch):
    rows = np.arange(900)
    part = Part(list(map(product_label, panel.products[:900])), panel.series(panel.until, rows))
    lines = list(lines_of(part, COVER))
    assert [len(decode_request(line).items) for line in lines] == [300, 300, 300]
    monkeypatch.setattr(records, "RECORD_BYTES_MAX", 40_000)
    smaller = list(lines_of(part, COVER))
    assert max(map(len, smaller)) <= 40_000
    assert [item for line in smaller for item in decode_request(line).items] == list(part.items)


def test_an_answer_that_is_not_whole_is_refused(sales_path, model_dir, tmp_path, capfd):
    assert bulk(tmp_path, "--sales", sales_path, "--shards", 2, "--answer", model_dir) == 0
    out = tmp_path / "bulk" / "output" / f"{shard_name(1, 2)}.out"
    out.write_bytes(b"".join(out.read_bytes().splitlines(keepends=True)[:-1]))
    assert bulk(tmp_path, "--read", tmp_path / "forecasts.parquet") == 1
    assert "answers for" in capfd.readouterr().err
    assert not (tmp_path / "forecasts.parquet").exists()
    out.write_bytes(b"Service Unavailable\n")
    assert bulk(tmp_path, "--read", tmp_path / "forecasts.parquet") == 1
    assert "line 1" in capfd.readouterr().err


def test_a_product_without_a_forecast_is_named_with_its_reason(sales_path, model_dir, tmp_path):
    assert bulk(tmp_path, "--sales", sales_path, "--shards", 1, "--answer", model_dir) == 0
    out = tmp_path / "bulk" / "output" / f"{shard_name(0, 1)}.out"
    lines = [json.loads(line) for line in out.read_bytes().splitlines()]
    poor = lines[0]["predictions"][3]
    lines[0]["predictions"][3] = {"item_id": poor["item_id"], "error": "level is not above zero"}
    out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert bulk(tmp_path, "--read", tmp_path / "forecasts.parquet") == 0
    failed = [json.loads(line) for line in (tmp_path / "forecasts.failed.jsonl").read_text().splitlines()]
    assert failed == [{"item": poor["item_id"], "error": "level is not above zero"}]
    assert poor["item_id"] not in set(pd.read_parquet(tmp_path / "forecasts.parquet")["product_id"])


def test_the_service_would_take_the_transform_job():
    request = transform_job("restock-bulk-2025-05-01-1", "restock-x", S3Place("shop", "bulk"), "ml.m5.xlarge", 2)
    shape = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))
    shape = shape.operation_model("CreateTransformJob").input_shape
    assert ParamValidator().validate(request, shape).generate_report() == ""
    assert request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == "s3://shop/bulk/input/shard-"


@pytest_asyncio.fixture(loop_scope="session")
async def table(aws):
    """Products of all kinds of names, in the state table of the embedded AWS."""
    states = [
        ProductState(key, 1, Days.of({20_000 - n: Bucket(n + 1, 100), 19_960: Bucket(2)}), 20_000 - n, dirty=0)
        for n, key in enumerate(ODD_KEYS)
    ]
    for state in states:
        await aws.clients.dynamodb.put_item(TableName="restock-state", Item=codec.encode_header(state, "t"))
    await aws.clients.dynamodb.put_item(TableName="restock-state", Item={"pk": {"S": "V#1"}, "sk": {"S": "V"}})
    return states


@pytest.mark.asyncio(loop_scope="session")
async def test_the_workers_state_is_asked_for_shard_by_shard_into_s3_and_read_back(
    table, aws, model_dir, tmp_path, monkeypatch
):
    """The scan of the embedded AWS, a folder in its S3, answers by the container's code: every name comes back."""
    monkeypatch.setenv("RESTOCK_ENDPOINT_URL", aws.url)
    await aws.clients.s3.create_bucket(Bucket="bulk")
    common = ["bulk", "--out", "s3://bulk/run", "--work", str(tmp_path / "work")]
    asked = [*common, "--from-state", "--as-of", "2024-10-05", "--shards", "3", "--answer", str(model_dir)]
    assert await asyncio.to_thread(main, [*asked, "--read", str(tmp_path / "forecasts.parquet")]) == 0
    found = pd.read_parquet(tmp_path / "forecasts.parquet")
    pairs = {(p, None if pd.isna(at) else at) for p, at in zip(found["product_id"], found["location_id"], strict=True)}
    assert pairs == {(state.key.product_id, state.key.location_id) for state in table}
    expected = request_of(["x"] * len(table), series_of(table, 20_001), _cover(table))
    answer = await aws.clients.s3.get_object(Bucket="bulk", Key=f"run/input/{shard_name(0, 3)}")
    async with answer["Body"] as stream:
        lines = (await stream.read()).splitlines()
    for line in lines:
        request = decode_request(line)
        by_label = {product_label(state.key): row for state, row in zip(table, expected.features, strict=True)}
        np.testing.assert_allclose(request.features, [by_label[item] for item in request.items], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to do"),
        (["--job", "m"], "--out in S3"),
        (["--read", "x", "--as-of", "soon"], "no date"),
    ],
)
def test_wrong_use_is_said_in_one_line_with_code_2(arguments, said, capfd, tmp_path):
    assert bulk(tmp_path, *arguments) == 2
    assert said in capfd.readouterr().err


def test_a_place_without_a_run_is_a_failure_in_one_line(capfd, tmp_path):
    assert bulk(tmp_path, "--read", tmp_path / "x.parquet") == 1
    assert "there is no such file" in capfd.readouterr().err
