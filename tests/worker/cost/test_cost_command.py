"""The command teaches, answers, and refuses what it cannot answer with one clear line."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from worker.cli import main
from worker.cost.usage import SECTION, Usage


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for name in [name for name in os.environ if name.startswith("RESTOCK_")]:
        monkeypatch.delenv(name)


def cost(capsys, *arguments):
    code = main(["cost", *map(str, arguments)])
    return code, *capsys.readouterr()


def answer(capsys, *arguments):
    code, out, _ = cost(capsys, "--json", *arguments)
    assert code == 0
    return json.loads(out)


def own_run(tmp_path, aws="ministack 1 (an emulator)", **changed):
    usage = Usage(sales=1_000, batches=10, assessments=10)
    usage.add(
        {
            "calls": {"sqs.ReceiveMessage": 10},
            "units": {"messages": 100, "message_bytes": 160_000, "write_units": 4_000, "index_write_units": 800},
            "items": {"header, sold": 500, "header, decided": 400},
            "item_units": {"header, sold": 3_000, "header, decided": 2_000},
            "item_bytes": {"header, sold": 1_300_000},
            "reads": {"retail-inventory": 400},
            "metrics": [],
            **changed,
        }
    )
    path = tmp_path / "summary.json"
    path.write_text(json.dumps({"aws": aws, SECTION: usage.as_json()}))
    return path


def test_it_prints_dollars_by_service_beside_the_guides(capsys):
    code, out, err = cost(capsys)
    assert (code, err) == (0, "")
    for word in ("1,000,000 sales a day of 50,000 products", "ECS Fargate", "SQS", "Bedrock", "SageMaker endpoint"):
        assert word in out
    assert "check before relying on them" in out
    assert "python -m bench.cost" in out
    assert "would lower it" in out
    assert "3,012." in out


def test_json_adds_up(capsys):
    said = answer(capsys)
    ours = said["bills"][0]
    assert ours["dollars_a_month"] == pytest.approx(
        sum(x["dollars"] for x in ours["lines"] if not x["apart"]), abs=0.01
    )
    assert said["guide_over_restock"][0] == pytest.approx(
        said["bills"][1]["dollars_per_million_sales"] / ours["dollars_per_million_sales"], rel=0.01
    )
    assert said["levers"] == sorted(said["levers"], key=lambda lever: -lever["saved"])


def test_settings_are_read_as_the_worker_reads_them(capsys, monkeypatch):
    before = answer(capsys)["a_day"]
    monkeypatch.setenv("RESTOCK_DECIDE_INTERVAL_S", "300")
    monkeypatch.setenv("RESTOCK_BEDROCK_MODEL", "")
    after = answer(capsys)["a_day"]
    assert after["decisions"] < before["decisions"] / 1.5
    assert after["insights"] == 0
    assert after["commits"] == before["commits"]


def test_a_lever_saves_what_it_says(capsys, monkeypatch):
    said = answer(capsys)
    by_name = {lever["name"]: lever["saved"] for lever in said["levers"]}

    def total(said):
        return said["bills"][0]["dollars_a_month"] + said["bills"][0]["dollars_a_month_apart"]

    provisioned = answer(capsys, "--provisioned")
    assert by_name["provisioned capacity"] == pytest.approx(total(said) - total(provisioned), abs=0.01)
    hourly = answer(capsys, "--batch-sales", 1_000_000 / 24)
    assert by_name["batches of 60 min"] == pytest.approx(total(said) - total(hourly), abs=0.01)
    monkeypatch.setenv("RESTOCK_INSIGHTS_PER_HOUR", "2")
    assert by_name["fewer insights"] == pytest.approx(total(said) - total(answer(capsys)), abs=0.01)


def test_a_run_of_ones_own_is_used(capsys, tmp_path):
    path = own_run(tmp_path)
    said = answer(capsys, "--measured", path, "--events-per-day", 10_000)
    assert str(path) in said["counts"]
    assert said["a_day"]["commits"] == 5_000
    assert (said["takes"]["commit"], said["takes"]["decision"]) == (6, 5)
    # It has ordered nothing: what an order takes is taken from the runs that are shipped.
    assert said["takes"]["order"] > 0


def test_the_report_holds_the_figures_and_a_picture(capsys, tmp_path):
    code, _, err = cost(capsys, "--report", tmp_path / "new" / "report")
    assert code == 0
    folder = tmp_path / "new" / "report"
    assert str(folder / "cost.svg") in err
    assert json.loads((folder / "summary.json").read_text()) == answer(capsys)
    picture = ET.parse(folder / "cost.svg").getroot()  # noqa: S314 - our own
    words = " ".join(text for text in picture.itertext())
    assert "the guide, Sonnet class" in words
    assert "ECS Fargate" in words


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--products", "0"], "must lie between"),
        (["--events-per-day", "many"], "no whole number"),
        (["--zipf", "nan"], "must lie between"),
        (["--bedrock-share", "2"], "must lie between"),
        (["--measured"], "expected one argument"),
        (["--nonsense"], "unrecognized"),
    ],
)
def test_wrong_use_is_refused_with_the_reason(capsys, arguments, reason):
    with pytest.raises(SystemExit) as left:
        main(["cost", *arguments])
    assert left.value.code == 2
    assert reason in capsys.readouterr().err


def test_what_cannot_be_read_is_wrong_use_and_said_in_one_line(capsys, tmp_path, monkeypatch):
    assert cost(capsys, "--measured", tmp_path / "none.json")[::2] == (
        2,
        f"restock cost: {tmp_path / 'none.json'}: No such file or directory\n",
    )
    unseen = own_run(tmp_path, units={"unseen_calls": 5})
    code, out, err = cost(capsys, "--measured", unseen)
    assert (code, out) == (2, "")
    assert "5 calls were made whose requests were not seen" in err
    code, _, err = cost(capsys, "--batch-sales", "5")
    assert code == 2
    assert "one message at least" in err
    monkeypatch.setenv("RESTOCK_POLLERS", "none")
    code, _, err = cost(capsys)
    assert code == 2
    assert err.startswith("restock cost: RESTOCK_POLLERS: ")


def test_a_report_that_cannot_be_written_is_a_failure(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = cost(capsys, "--report", tmp_path / "file" / "report")
    assert code == 1
    assert err.count("\n") == 1


def test_doubts_are_said(capsys, monkeypatch):
    _, out, _ = cost(capsys, "--tasks", "3")
    assert "race for products" in out
    _, out, _ = cost(capsys, "--events-per-day", "2000000000")
    assert "more tasks are needed" in out
    monkeypatch.setenv("RESTOCK_STREAM_TABLE", "retail-sales-history")
    _, out, _ = cost(capsys)
    assert "--source stream" in out


def test_help_teaches_and_loads_nothing_heavy():
    program = "import sys; from worker.cli import main\ntry: main(['cost', '--help'])\nexcept SystemExit: pass\n"
    program += "print(sorted({'numpy', 'pydantic', 'botocore'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
    for word in ("restock cost --measured report/summary.json", "RESTOCK_METER_CALLS=true", "--zipf", "Exit codes"):
        assert word in done.stdout
