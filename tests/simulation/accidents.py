"""Which single accidents can happen to the small scenario?

All of them: the first worker killed, or told to stop, before every scheduling step of its life; every call, one at a
time, with every fate."""

from __future__ import annotations

from simulation.run import run
from simulation.scenario import Accident, small

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
    """Every n-th of them. How many steps and calls there are is seen in a run without any."""
    figures, _ = run(small())
    steps, calls = range(1, figures.counts["first_worker_steps"] + 1), range(1, figures.counts["calls"] + 1)
    found = [Accident(kind, step) for kind in ("kill", "stop") for step in steps]
    found += [Accident(fate, call) for fate in FATES for call in calls]
    return found[::every]
