"""The engine's bench compares equal work: its sides agree on every count and every row, and a wrong one is noticed."""

import json
from datetime import datetime

import pytest

from bench.engine import ours, parts, run
from bench.engine.events import CATEGORIES, clock_of, lines_of, write_events
from bench.engine.peers import plain
from bench.engine.sides import PEERS
from bench.engine.spec import FEATURES, OUTCOMES, Tally, arrival_ms, difference, micro_batches
from bench.engine.window import Days
from bench.environment import LISTS, Missing
from bench.rows import Disagreement

EVENTS = 6_000


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    write_events(path, EVENTS, products=300)
    return path


def said_by(work, events, batch=1_000):
    tally = Tally()
    work(micro_batches(events, batch), tally)
    return tally.said()


def test_plain_python_and_ours_agree_on_every_outcome_and_every_row(events):
    mine, other = said_by(ours.work, events), said_by(plain.work, events)
    assert difference(mine, other) is None
    assert mine["events"] == EVENTS == sum(mine["outcomes"].values())
    assert all(mine["outcomes"][outcome] for outcome in OUTCOMES), "an outcome never came up: nothing was compared"


@pytest.mark.parametrize("batch", [100, 2_000])
def test_they_agree_in_batches_of_any_size(events, batch):
    assert difference(said_by(ours.work, events, batch), said_by(plain.work, events, batch)) is None


def test_the_outcomes_do_not_hang_on_the_size_of_a_batch(events):
    assert said_by(ours.work, events, 100)["outcomes"] == said_by(ours.work, events, 2_000)["outcomes"]


@pytest.mark.parametrize("feature", FEATURES)
def test_one_row_that_is_off_by_little_is_noticed(events, monkeypatch, feature):
    right, asked = Days.row, []

    def wrong(days, as_of, dates):
        row = list(right(days, as_of, dates))
        asked.append(row)
        if len(asked) == 700:
            row[FEATURES.index(feature)] += 1e-5 * max(1, row[FEATURES.index(feature)])
        return row

    monkeypatch.setattr(Days, "row", wrong)
    noticed = difference(said_by(ours.work, events), said_by(plain.work, events))
    assert noticed is not None
    assert noticed.startswith(feature)


def test_the_rows_of_two_products_that_changed_places_are_noticed(events, monkeypatch):
    mine, add, batches = said_by(ours.work, events), Tally.add, []

    def swapped(tally, rows):
        rows = sorted(rows)
        batches.append(rows)
        if len(batches) == 3:
            (first, one), (second, other) = rows[0], rows[1]
            rows[:2] = [(first, other), (second, one)]
        add(tally, rows)

    monkeypatch.setattr(Tally, "add", swapped)
    assert difference(mine, said_by(plain.work, events)) is not None


def test_a_sale_that_is_counted_twice_is_noticed(events, monkeypatch):
    mine, count_one, again = said_by(ours.work, events), plain.count_one, []

    def forgetful(sale, product):
        outcome = count_one(sale, product)
        if outcome == 1 and not again:
            again.append(sale)
            del product.seen[sale[1]]
            outcome = count_one(sale, product)
        return outcome

    monkeypatch.setattr(plain, "count_one", forgetful)
    noticed = difference(mine, said_by(plain.work, events))
    assert noticed is not None
    assert noticed.startswith("outcomes")


def test_rows_that_are_missing_are_noticed(events):
    mine, other = said_by(ours.work, events), said_by(plain.work, events)
    other["checksum"] = other["checksum"][:-1]
    assert difference(mine, other) is not None


def test_the_bench_has_no_figures_when_a_side_is_wrong(events, monkeypatch):
    right = said_by(ours.work, events)
    wrong = {**right, "outcomes": {**right["outcomes"], "applied": 1}}
    monkeypatch.setattr(run, "run_ours", lambda *_: right)
    monkeypatch.setattr(run, "run_side", lambda *_: wrong)
    monkeypatch.setattr(run, "write_events", lambda path, _: path.touch())
    monkeypatch.setattr(run, "python_of", lambda *_: "python")
    with pytest.raises(Disagreement, match="plain: outcomes"):
        run.rows(1, True, lambda _: None)


def test_a_peer_that_cannot_be_installed_is_left_out_loudly(events, monkeypatch):
    def python_of(name, _):
        raise Missing(f"{name}: no such package")

    side, told = said_by(ours.work, events), []
    monkeypatch.setattr(run, "run_ours", lambda *_: side)
    monkeypatch.setattr(run, "run_side", lambda *_: side)
    monkeypatch.setattr(run, "write_events", lambda path, _: path.touch())
    monkeypatch.setattr(run, "python_of", python_of)
    assert [row.peer for row in run.rows(1, True, told.append)] == ["plain"]
    skipped = [line for line in told if line.startswith("skipped")]
    assert [line.split()[1].rstrip(":") for line in skipped] == [peer.name for peer in PEERS if peer.environment]


def test_every_peer_has_a_list_of_packages_with_hashes_and_no_index():
    for name in {peer.environment for peer in PEERS if peer.environment}:
        listed = (LISTS / f"{name}.txt").read_text()
        assert "--hash=sha256:" in listed
        assert "://" not in listed


def test_the_events_are_what_the_bench_says_they_are():
    lines = list(lines_of(20_000))
    assert lines == list(lines_of(20_000)), "the same seed made other events"
    assert 160 < sum(map(len, lines)) / len(lines) < 180
    shares = {
        "sent again": sum(lines.count(line) - 1 for line in set(lines[:3_000])) / 3_000,
        "returns": sum('"quantity":-' in line for line in lines) / len(lines),
    }
    assert shares == {"sent again": pytest.approx(0.02, abs=0.01), "returns": pytest.approx(0.02, abs=0.005)}
    assert {json.loads(line)["category"] for line in lines if line.endswith("}")} == set(CATEGORIES)


def test_no_valid_event_lies_in_the_future_when_it_is_worked(events):
    clock, taken, in_the_future = clock_of(EVENTS), 0, 0
    for now, bodies in micro_batches(events, 100):
        taken += len(bodies)
        assert now == arrival_ms(clock, taken)
        for sale in (json.loads(body) for body in bodies if body.endswith("}")):
            try:
                moment = datetime.fromisoformat(sale["occurred_at"])
            except ValueError:
                continue
            in_the_future += moment.timestamp() * 1000 > now
    assert 0 < in_the_future < EVENTS * 0.002, "only what is to be rejected lies in the future, and some does"


def test_the_parts_of_ours_are_all_timed(capsys):
    assert parts.main(["--events", "2000", "--runs", "1"]) == 0
    shown = [line.rsplit(maxsplit=4)[0].strip() for line in capsys.readouterr().out.splitlines()]
    assert shown[:5] == ["read", "group", "count", "lay out the days", "features"]
    assert sum(parts.of_ours(2_000).values()) > 0
