"""Does the worker keep its guarantees in the simulation, and is a run of it what its seed says?"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from simulation.accidents import FATES, accidents, stream_accidents
from simulation.many import accident_outcome, all_of, seed_outcome, tell
from simulation.run import run
from simulation.scenario import small_stream, swarm

SEEDS = 100
EVERY = 97  # of the single accidents; `make sim-exhaustive` runs them all
# What happens to streams, and to the items of their tables.
OF_STREAMS = ("split", "roll", "merge", "renew", "trims", "gone", "expired", "alarms", "leases_stolen")
OF_TABLES = ("mend", "reverse", "expire", "rewrite", "note", "no_sale", "both_ways")
JOBS = os.cpu_count() or 1
TESTS = Path(__file__).parents[1]


def _told(outcomes, count):
    said = io.StringIO()
    tell(outcomes, count, Console(file=said, width=1_000), lambda runs: f"{runs} runs")
    return said.getvalue()


@pytest.fixture(scope="module")
def outcomes():
    return list(all_of(seed_outcome, range(SEEDS), JOBS))


@pytest.mark.timeout(900)
def test_a_swarm_of_seeds_breaks_no_guarantee(outcomes):
    told = _told(outcomes, SEEDS)
    assert told.endswith(f"{SEEDS} passed, 0 failed\n"), told


@pytest.mark.timeout(900)
def test_everything_that_happens_to_a_stream_happens_in_the_swarm(outcomes):
    seen = sum((outcome.figures.counts for outcome in outcomes), Counter())
    assert {name: seen[name] for name in (*OF_STREAMS, *OF_TABLES) if seen[name] < 10} == {}
    assert 0.3 * SEEDS < seen["streamed"] < 0.5 * SEEDS
    assert 0.8 < seen["read"] / seen["written"] < 2  # what is trimmed in time is read by nobody


@pytest.mark.timeout(900)
def test_everything_that_may_befall_a_commit_befalls_both_ways_to_commit_in_the_swarm(outcomes):
    seen = sum((outcome.figures.counts for outcome in outcomes), Counter())
    befell = {(way, fate): seen[f"{way} {fate}"] for way in ("put_item", "transact_write_items") for fate in FATES}
    assert {what: times for what, times in befell.items() if times < 3} == {}
    assert seen["puts"] > seen["commits"] > SEEDS
    assert min(seen["puts_lost"], seen["puts_met"], seen["conflicts"]) > 3


@pytest.mark.timeout(600)
@pytest.mark.parametrize("of", [accidents, stream_accidents])
def test_a_small_scenario_survives_a_crash_a_stop_and_every_fate_of_a_call_anywhere(of):
    planned = of(EVERY)
    told = _told(all_of(accident_outcome, planned, JOBS), len(planned))
    assert told.endswith(f"{len(planned)} passed, 0 failed\n"), told


@pytest.mark.timeout(900)
def test_partitions_are_taken_given_up_and_stolen_in_the_swarm(outcomes):
    seen = sum((outcome.figures.counts for outcome in outcomes), Counter())
    assert 0.2 * SEEDS < seen["parted"] < 0.4 * SEEDS
    assert 5 * SEEDS < seen["partitions_taken"] < 100 * SEEDS
    assert 0.2 < seen["partitions_stolen"] / seen["partitions_taken"] < 0.95


def _trace_of(seed, hash_seed):
    code = f"from simulation.run import run; from simulation.scenario import swarm; print(run(swarm({seed}))[1])"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(TESTS)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.parametrize("seed", [3, 9, 42])  # the last two with a stream, 9 with partitions as well
def test_a_seed_is_the_same_run_whatever_the_hash_seed(seed):
    assert _trace_of(seed, "1") == _trace_of(seed, "4242") == run(swarm(seed))[1]


def test_the_small_scenario_with_a_stream_has_everything_in_it():
    seen = run(small_stream())[0].counts
    assert {name for name in (*OF_TABLES, "split", "merge", "orders") if not seen[name]} <= {"rewrite", "note"}


def test_two_seeds_are_two_runs():
    assert run(swarm(3))[1] != run(swarm(9))[1]
