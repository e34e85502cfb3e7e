"""Is a training job read as SageMaker writes it, and refused in words that help when it cannot be done?"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from forecaster.container import WrongHyperparameter, WrongJob, channels, hyperparameters, require_one_host
from forecaster.model import DemandModel
from forecaster.sales import UnreadableSales
from forecaster.train import run_training

CSV = "product_id,date,quantity\na,2011-01-03,1\n"


def config(folder: Path, **said: object) -> Path:
    """Writes inputdataconfig.json as SageMaker does: every member is there, whatever was asked for."""
    usual = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    path = folder / "config" / "inputdataconfig.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: {**usual, **about} for name, about in said.items()}))
    return folder


def put(folder: Path, name: str, text: str = CSV) -> Path:
    path = folder / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def read(tmp_path: Path) -> dict[str, list[str]]:
    found = channels(tmp_path, tmp_path / "links")
    named = {"sales": found.sales, "validation": found.validation, "calendar": (found.calendar,)}
    return {name: [path.name for path in paths if path] for name, paths in named.items() if any(paths)}


@pytest.mark.parametrize("name", ["train", "training", "sales"])
def test_every_channel_but_two_holds_sales(tmp_path, name):
    for path in (f"{name}/a/b.csv", f"{name}/_SUCCESS", f"{name}/.hidden.csv", "validation/v.jsonl", "calendar/c.csv"):
        put(tmp_path, path)
    everything = {"sales": ["b.csv"], "validation": ["v.jsonl"], "calendar": ["c.csv"]}
    assert read(tmp_path) == everything
    config(tmp_path, **{name: {}, "validation": {}, "calendar": {}})
    assert read(tmp_path) == everything
    config(tmp_path, **{name: {}})
    assert read(tmp_path) == {"sales": ["b.csv"]}


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("text/csv", ".csv"),
        ("text/csv; header=present", ".csv"),
        ("application/jsonlines", ".jsonl"),
        ("application/x-parquet", ".parquet"),
    ],
)
def test_a_file_without_a_suffix_is_what_its_channels_content_type_says(tmp_path, kind, suffix):
    put(tmp_path, "train/year=2011/part-00000")
    put(tmp_path, "train/part-00001.gz")
    put(tmp_path, "train/named.csv")
    config(tmp_path, train={"ContentType": kind})
    assert sorted(read(tmp_path)["sales"]) == sorted([f"part-00000{suffix}", f"part-00001{suffix}.gz", "named.csv"])
    found = channels(tmp_path, tmp_path / "again")
    assert {path.read_text() for path in found.sales} == {CSV}


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({"TrainingInputMode": "Pipe"}, "comes by Pipe mode, which is not read: set its InputMode to File"),
        ({"RecordWrapperType": "RecordIO"}, "wrapped as RecordIO"),
        (
            {"ContentType": "application/x-recordio-protobuf"},
            "content type application/x-recordio-protobuf, which is not read",
        ),
    ],
    ids=str,
)
def test_a_channel_that_cannot_be_read_says_what_to_set(tmp_path, about, reason):
    put(tmp_path, "train/a.csv")
    with pytest.raises(WrongJob, match=f"channel train .*{reason}"):
        read(config(tmp_path, train=about))


def test_fast_file_mode_is_files(tmp_path):
    put(tmp_path, "train/a.csv")
    assert read(config(tmp_path, train={"TrainingInputMode": "FastFile"})) == {"sales": ["a.csv"]}


def test_two_calendars_are_refused(tmp_path):
    for name in ("train/a.csv", "calendar/a.csv", "calendar/b.csv"):
        put(tmp_path, name)
    with pytest.raises(WrongJob, match="channel calendar holds 2 files"):
        read(tmp_path)


def test_no_sales_are_an_error_that_names_the_channels(tmp_path):
    put(tmp_path, "calendar/a.csv")
    put(tmp_path, "train/readme.txt")
    with pytest.raises(UnreadableSales, match=r"channels \(train\)"):
        read(tmp_path)


@pytest.mark.parametrize("text", ["[1]", "{", "null"])
def test_a_configuration_that_is_no_object_is_an_error(tmp_path, text):
    path = tmp_path / "hyperparameters.json"
    path.write_text(text)
    with pytest.raises(WrongJob, match=r"hyperparameters\.json"):
        hyperparameters(path)


def given(tmp_path: Path, **said: object) -> Path:
    path = tmp_path / "hyperparameters.json"
    path.write_text(json.dumps(said))
    return path


def test_hyperparameters_are_text_in_quotes_or_without(tmp_path):
    plain = hyperparameters(given(tmp_path, rounds="12", learning_rate="0.5", freq="W", until="2011-02-01", seed="0"))
    quoted = hyperparameters(
        given(
            tmp_path,
            rounds='"12"',
            learning_rate=" 0.5 ",
            freq='"w"',
            until='"2011-02-01"',
            seed="0",
            sagemaker_job="x",
        )
    )
    assert plain == quoted
    assert (plain.fitting.rounds, plain.fitting.learning_rate, plain.freq, plain.until) == (12, 0.5, "W", 15_006)


def test_without_hyperparameters_everything_is_as_usual(tmp_path):
    asked = hyperparameters(tmp_path / "nothing.json")
    assert (asked.freq, asked.until) == ("D", None)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"freq": "hourly"}, "freq: 'HOURLY' is none of D, W, M"),
        ({"rounds": "1e3"}, "rounds: '1e3' is no int"),
        ({"rounds": '"12'}, "rounds: '\"12' is no int"),
        ({"until": '"soon"'}, "until: 'soon' is no date"),
        ({"epochs": "3"}, "epochs: unknown; known are freq, until, rounds"),
    ],
    ids=str,
)
def test_a_hyperparameter_that_is_wrong_is_named(tmp_path, said, reason):
    with pytest.raises(WrongHyperparameter, match=reason.replace('"', '"')):
        hyperparameters(given(tmp_path, **said))


@pytest.mark.parametrize(("hosts", "works"), [(["algo-1"], True), (["algo-1", "algo-2"], False), ([], True)])
def test_training_runs_on_one_instance(tmp_path, hosts, works):
    path = tmp_path / "resourceconfig.json"
    path.write_text(json.dumps({"current_host": "algo-1", "hosts": hosts, "network_interface_name": "eth0"}))
    if works:
        require_one_host(path)
    else:
        with pytest.raises(WrongJob, match="set InstanceCount to 1"):
            require_one_host(path)
    require_one_host(tmp_path / "absent.json")


def rows(shop: pd.DataFrame) -> pd.DataFrame:
    return shop.assign(date=pd.to_datetime(shop["day"], unit="D"))[["product_id", "location_id", "date", "quantity"]]


def job(prefix: Path, **hyperparameters: str) -> Path:
    config(prefix / "input", train={"ContentType": "text/csv"}, validation={}, calendar={})
    (prefix / "input" / "config" / "hyperparameters.json").write_text(
        json.dumps({"rounds": "10", "rows_max": "4000", **hyperparameters})
    )
    return prefix


def test_a_whole_job_with_every_channel(tmp_path, shop, capsys):
    """Sales without a suffix, a calendar, and sales that are measured on and never trained on, whatever overlaps."""
    table, last = rows(shop), shop["day"].max()
    prefix = job(tmp_path)
    put(prefix / "input", "train/part-0000", table.to_csv(index=False))
    new = table.iloc[-1:].assign(product_id="never sold before", quantity=10**6)
    held_out = pd.concat([table[shop["day"] > last - 14], new])
    put(prefix / "input", "validation/v.csv", held_out.to_csv(index=False))
    put(prefix / "input", "calendar/c.csv", "date,promotion\n2008-07-01,1\n2008-07-02,0\n")
    assert run_training(prefix) == 0
    lines = dict(line.split("=") for line in capsys.readouterr().out.split() if "=" in line)
    model = DemandModel.load(prefix / "model")
    assert model.origin.trained_until == last - 13
    assert lines["holdout:steps"] == "14"
    assert lines["holdout:products"] == str(shop["product_id"].nunique())
    assert 0 < float(lines["holdout:wape"]) < 1
    assert 0 <= float(lines["holdout:coverage"]) <= 1
    assert abs(float(lines["holdout:bias"])) <= float(lines["holdout:wape"]) + 1e-6


def test_a_job_on_two_instances_fails_with_the_reason_in_the_failure_file(tmp_path, shop):
    prefix = job(tmp_path)
    put(prefix / "input", "train/a.csv", rows(shop).to_csv(index=False))
    (prefix / "input" / "config" / "resourceconfig.json").write_text(json.dumps({"hosts": ["algo-1", "algo-2"]}))
    assert run_training(prefix) == 1
    assert "set InstanceCount to 1" in (prefix / "output" / "failure").read_text()
    assert not (prefix / "model").exists()


def test_nothing_is_written_into_the_input(tmp_path, shop):
    """SageMaker mounts it read-only."""
    prefix = job(tmp_path)
    put(prefix / "input", "train/part-0000", rows(shop).to_csv(index=False))
    before = sorted((prefix / "input").rglob("*"))
    assert run_training(prefix) == 0
    assert sorted((prefix / "input").rglob("*")) == before
