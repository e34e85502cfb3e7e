"""The bench keeps its figures honestly: a run replaces its own groups, page and picture say what the figures say."""

import json
import re

import pytest

import bench.__main__ as command
from bench.engine import run as engine
from bench.picture import draw
from bench.rows import (
    RESULTS,
    Disagreement,
    Row,
    less_is_better,
    merge,
    more_is_better,
    read,
    rows_of,
    write,
)
from bench.table import BEGIN, END, PAGE, number_said, put_table, shown_table, table

FAST = Row("engine", "plain", "events_per_cpu_s", 300_000.0, 100_000.0, 3.0)
SLOW = Row("consumer", "boto3", "cpu_us_per_message", 400.0, 100.0, 0.25)


def kept_of(*rows):
    kept = read(RESULTS.parent / "none.json")
    for group in dict.fromkeys(row.group for row in rows):
        kept = merge(kept, group, [row for row in rows if row.group == group], 5, False)
    return kept


def test_a_ratio_above_one_says_that_ours_is_better_whichever_way_the_figure_points():
    assert more_is_better("engine", "plain", "events_per_cpu_s", [1, 300, 9_999], [100, 100, 1]).ratio == 3
    assert less_is_better("consumer", "boto3", "cpu_us_per_message", [100], [400]).ratio == 4


def test_a_run_of_one_group_replaces_the_rows_of_that_group_alone():
    kept = kept_of(SLOW, FAST)
    other = FAST._replace(peer="river")
    assert rows_of(merge(kept, "engine", [other], 7, True)) == [other, SLOW]
    assert merge(kept, "engine", [other], 7, True)["measured"]["consumer"] == kept["measured"]["consumer"]


def test_what_is_written_is_read_again_and_has_the_promised_fields(tmp_path):
    path = tmp_path / "new" / "latest.json"
    write(kept_of(FAST, SLOW), path)
    said = json.loads(path.read_text())
    assert rows_of(read(path)) == [FAST, SLOW]
    assert said["rows"][0] == {"group": "engine", "peer": "plain", "metric": "events_per_cpu_s"} | {
        "ours": 300_000.0,
        "theirs": 100_000.0,
        "ratio": 3.0,
    }
    assert said["runs"] == 5
    assert {"cores", "python", "date"} <= said["machine"].keys()


def test_the_page_shows_the_figures_that_are_kept():
    assert shown_table(PAGE) == table(read(RESULTS)).strip()


def test_a_page_with_other_figures_would_be_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    put_table(kept_of(FAST, SLOW), page)
    assert shown_table(page) == table(kept_of(FAST, SLOW)).strip()
    assert shown_table(page) != table(kept_of(FAST._replace(ours=310_000.0), SLOW)).strip()
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("after\n")


def test_a_page_without_a_place_for_the_table_is_an_error(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no place")
    with pytest.raises(ValueError, match="no place for the table"):
        put_table(kept_of(FAST), page)


def test_a_short_trial_is_marked_in_the_table():
    assert "not to be quoted" in table(merge(kept_of(), "engine", [FAST], 1, True))
    assert "not to be quoted" not in table(kept_of(FAST))


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (0.012345, "0.0123"), (1.5, "1.5"), (999.4, "999"), (123_456, "123,000"), (1_340_000, "1,340,000")],
)
def test_a_number_shows_three_figures_that_count(value, said):
    assert number_said(value) == said


def bars(picture):
    found = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="\d+" width="([\d.]+)"', picture)
    return [(kind, float(x), float(width)) for kind, x, width in found]


def test_the_picture_has_a_bar_for_each_row_on_the_side_it_belongs_to():
    (fast, start, _), (slow, left, width) = bars(draw([FAST, SLOW]))
    assert (fast, slow) == ("better", "worse")
    assert left + width == pytest.approx(start, abs=0.2), "both bars begin at the line of equal figures"


def test_twice_as_good_and_half_as_good_are_equally_long():
    (_, _, longer), (_, _, shorter) = bars(draw([FAST._replace(ratio=2.0), SLOW._replace(ratio=0.5)]))
    assert longer == pytest.approx(shorter, abs=0.2)


def test_names_in_the_picture_are_escaped():
    assert "a&lt;b" in draw([FAST._replace(peer="a<b")])


def test_a_run_writes_rows_and_picture_and_keeps_what_other_groups_had(tmp_path, monkeypatch, capsys):
    path = tmp_path / "rows.json"
    write(kept_of(SLOW), path)
    monkeypatch.setattr(engine, "rows", lambda runs, quick, tell: [FAST])
    assert command.main(["--groups", "engine", "--json", str(path)]) == 0
    assert rows_of(read(path)) == [FAST, SLOW]
    assert len(bars(path.with_suffix(".svg").read_text())) == 2
    assert "| plain | events_per_cpu_s |" in capsys.readouterr().out


def test_a_group_may_be_a_coroutine(tmp_path, monkeypatch):
    async def rows(runs, quick, tell):
        return [FAST]

    monkeypatch.setattr(engine, "rows", rows)
    assert command.main(["--groups", "engine", "--json", str(tmp_path / "rows.json")]) == 0
    assert rows_of(read(tmp_path / "rows.json")) == [FAST]


@pytest.mark.parametrize("wrong", [Disagreement("counts differ"), RuntimeError("a side failed")])
def test_a_group_that_is_wrong_or_broken_fails_the_run_and_leaves_no_figures(tmp_path, monkeypatch, wrong):
    def rows(runs, quick, tell):
        raise wrong

    path = tmp_path / "rows.json"
    write(kept_of(SLOW), path)
    monkeypatch.setattr(engine, "rows", rows)
    assert command.main(["--groups", "engine", "--json", str(path)]) == 1
    assert rows_of(read(path)) == [SLOW]


@pytest.mark.parametrize("arguments", [["--groups", "engine,nothing"], ["--groups", ""], ["--runs", "0"]])
def test_wrong_use_is_exit_code_2(arguments):
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
