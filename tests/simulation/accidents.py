"""Which single accidents can happen to a small scenario?

All of them: the first worker killed, or told to stop, before every scheduling step of its life; every call, one at a
time, with every fate."""

from __future__ import annotations

from simulation.run import run
from simulation.scenario import Accident, Scenario, small, small_stream

FATES = (
    "throttled",
    "lost_request",
    "lost_answer",
    "broken_before",
    "broken_after",
    "failed_before",
    "failed_after",
    "slow",
)


def accidents(every: int = 1) -> list[Accident]:
    """Every n-th of them."""
    return _of(small(), every)


def stream_accidents(every: int = 1) -> list[Accident]:
    """The same of the small scenario with a stream."""
    return _of(small_stream(), every)


def _of(scenario: Scenario, every: int) -> list[Accident]:
    """How many steps and calls there are is seen in a run without any."""
    figures, _ = run(scenario)
    steps, calls = range(1, figures.counts["first_worker_steps"] + 1), range(1, figures.counts["calls"] + 1)
    found = [(kind, step) for kind in ("kill", "stop") for step in steps]
    found += [(fate, call) for fate in FATES for call in calls]
    return [Accident(kind, at, scenario.streamed) for kind, at in found[::every]]
