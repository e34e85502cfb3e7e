"""Does the worker keep its guarantees in the simulation, and is a run of it what its seed says?"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from simulation.accidents import accidents
from simulation.many import accident_outcome, all_of, seed_outcome, tell
from simulation.run import run
from simulation.scenario import swarm

SEEDS = 200
EVERY = 97  # of the single accidents; `make sim-exhaustive` runs them all
JOBS = os.cpu_count() or 1
TESTS = Path(__file__).parents[1]


def _told(outcomes, count):
    said = io.StringIO()
    tell(outcomes, count, Console(file=said, width=1_000), lambda runs: f"{runs} runs")
    return said.getvalue()


@pytest.mark.timeout(900)
def test_a_swarm_of_seeds_breaks_no_guarantee():
    told = _told(all_of(seed_outcome, range(SEEDS), JOBS), SEEDS)
    assert told.endswith(f"{SEEDS} passed, 0 failed\n"), told


@pytest.mark.timeout(600)
def test_a_small_scenario_survives_a_crash_a_stop_and_every_fate_of_a_call_anywhere():
    planned = accidents(EVERY)
    told = _told(all_of(accident_outcome, planned, JOBS), len(planned))
    assert told.endswith(f"{len(planned)} passed, 0 failed\n"), told


def _trace_of(seed, hash_seed):
    code = f"from simulation.run import run; from simulation.scenario import swarm; print(run(swarm({seed}))[1])"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(TESTS)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.parametrize("seed", [3, 9, 42])
def test_a_seed_is_the_same_run_whatever_the_hash_seed(seed):
    assert _trace_of(seed, "1") == _trace_of(seed, "4242") == run(swarm(seed))[1]


def test_two_seeds_are_two_runs():
    assert run(swarm(3))[1] != run(swarm(9))[1]
