"""`restock retrain` from the command line, here and against moto's SageMaker."""

from __future__ import annotations

import asyncio
import dataclasses
import json

import pytest
from sagemaker_stand_in import REGION

from domain.accuracy import EVERYTHING
from forecaster.ahead import forecast_windows
from forecaster.model import DemandModel
from handlers.announcements import iso_day
from worker.aws.accuracy import DynamoAccuracyBook
from worker.aws.sagemaker_control import open_control
from worker.cli import main
from worker.retraining.data import SECONDS_PER_DAY, read

ENDPOINT = "retail-forecast-endpoint"
AWS = [
    *("--image", "123456789012.dkr.ecr.us-east-1.amazonaws.com/restock-forecaster:1"),
    *("--role", "arn:aws:iam::123456789012:role/restock-forecaster"),
    *("--place", "s3://retraining/runs", "--observe-s", "0"),
]


@pytest.fixture
def work(tmp_path):
    return ["--work", str(tmp_path / "work"), "--report", str(tmp_path / "report")]


def backtest_of(url):
    async def read():
        async with open_control(REGION, url) as clients:
            return await DynamoAccuracyBook(clients.dynamodb, "restock-state", 5.0).backtest()

    return asyncio.run(read())


def test_on_this_machine_a_model_is_trained_judged_and_put_in_place(sales_path, tmp_path, work, capfd):
    serving = tmp_path / "serving"
    assert main(["retrain", "--local", "--sales", str(sales_path), "--serving", str(serving), *work]) == 0
    said = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert said["gate"]["passed"] is True
    assert said["gate"]["candidate"]["wape"] < said["gate"]["baseline"]["wape"]
    model = DemandModel.load(serving)
    out, err = capfd.readouterr()
    assert model.name in out
    assert [line for line in err.splitlines() if line.startswith("3/4 gate: done")]
    assert main(["retrain", "--local", "--sales", str(sales_path), "--serving", str(serving), *work]) == 0
    assert "serving model" in capfd.readouterr().err
    assert DemandModel.load(tmp_path / "serving.before").name == model.name


def test_a_model_that_is_not_good_enough_changes_nothing(sales_path, good, tmp_path, work, capfd, monkeypatch):
    folder = tmp_path / "model"
    good.save(folder)

    def thrice(*asked, **said):
        totals = forecast_windows(*asked, **said)
        return dataclasses.replace(totals, mean=3 * totals.mean)

    monkeypatch.setattr("worker.retraining.gate.forecast_windows", thrice)
    assert main(["retrain", "--judge", str(folder), "--sales", str(sales_path), *work]) == 1
    assert "nothing is changed: WAPE" in capfd.readouterr().err
    gate = json.loads((tmp_path / "report" / "gate.json").read_text())
    assert gate["passed"] is False
    assert gate["candidate"]["wape"] >= gate["baseline"]["wape"]


@pytest.mark.timeout(240)
def test_on_sagemaker_all_steps_are_gone_and_a_second_run_finds_them_done(stand_in, sales_path, work, capfd):
    command = ["retrain", "--sales", str(sales_path), *AWS, *work]
    assert main(command) == 0
    out, err = capfd.readouterr()
    assert f"serves at {ENDPOINT}" in out
    assert [line for line in err.splitlines() if line.startswith("5/5 told: done")]
    run = stand_in.serves(ENDPOINT).removeprefix("restock-")
    assert stand_in.trained == [f"restock-{run}"]
    backtest = backtest_of(stand_in.url)
    assert set(backtest) == {"tea", "salt", EVERYTHING}
    assert main(command) == 0
    assert "made before" in capfd.readouterr().err
    assert stand_in.trained == [f"restock-{run}"], "it is trained once"
    assert not stand_in.updates
    assert main([*command, "--run-id", "second"]) == 0
    assert stand_in.serves(ENDPOINT) == "restock-second"
    assert [each["EndpointConfigName"] for each in stand_in.updates] == [
        "restock-second-shadow",
        f"restock-{run}-live",
        "restock-second-live",
    ]
    assert "serving model" in capfd.readouterr().err


def test_the_parts_are_those_of_the_pipeline(stand_in, sales_path, good, tmp_path, work, capfd):
    """Prepare, judge and deploy one by one, as the pipeline's steps call them."""
    assert main(["retrain", "--sales", str(sales_path), "--prepare", str(tmp_path / "training")]) == 0
    assert (tmp_path / "training" / "training.parquet").exists()
    good.save(tmp_path / "model")
    judged = ["retrain", "--judge", str(tmp_path / "model"), "--serving", "endpoint", "--sales", str(sales_path)]
    assert main([*judged, *work]) == 0
    artifact = "s3://retraining/x/model.tar.gz"
    assert main(["retrain", "--deploy", artifact, "--run-id", "abc", *AWS, *work]) == 0
    assert stand_in.serves(ENDPOINT) == "restock-abc"
    assert backtest_of(stand_in.url)[EVERYTHING] > 0
    gate = tmp_path / "report" / "gate.json"
    for said, why in (({"passed": False, "reasons": ["too bad"]}, "too bad"), ({"backtest": {}}, "does not say")):
        gate.write_text(json.dumps(said))
        assert main(["retrain", "--deploy", artifact, "--run-id", "abd", *AWS, *work]) == 1
        assert stand_in.serves(ENDPOINT) == "restock-abc"
        assert why in capfd.readouterr().err


def test_a_dry_run_prints_the_requests_and_sends_none(capfd, monkeypatch):
    monkeypatch.setenv("RESTOCK_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody listens
    assert main(["retrain", "--dry-run", *AWS]) == 0
    calls = [each["call"] for each in json.loads(capfd.readouterr().out)]
    assert calls[:3] == ["PutObject", "CreateTrainingJob", "CreateModel"]
    assert calls[-1] == "UpdateEndpoint"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "missing: --sales, --image, --role, --place"),
        (["--local"], "missing: --sales"),
        (["--deploy", "s3://b/m", *AWS], "--run-id"),
        (["--deploy", "s3://b/m", "--run-id", "abc", *AWS], "--report"),
        (["--sales", "x", *AWS, "--canary-percent", "70"], "between 1 and 50"),
        (["--dry-run", "--image", "i", "--role", "r", "--place", "here"], "no address"),
    ],
)
def test_wrong_use_is_said_in_one_line_with_code_2(arguments, said, capfd):
    assert main(["retrain", *arguments]) == 2
    assert said in capfd.readouterr().err


def test_sales_that_are_not_there_are_a_failure_in_one_line(capfd, tmp_path):
    assert main(["retrain", "--local", "--sales", str(tmp_path / "none.csv")]) == 1
    assert "there is no such file" in capfd.readouterr().err


def test_the_day_that_is_not_over_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr("worker.retraining.data.time.time", lambda: 20_100.5 * SECONDS_PER_DAY)
    path = tmp_path / "sales.csv"
    rows = [f"A,{iso_day(day)},1" for day in range(20_000, 20_101)]
    path.write_text("\n".join(["product_id,date,quantity", *rows]))
    assert int(read([path]).rows["day"].max()) == 20_099
