"""A step that will never end is told from one that only takes long, and a blocked loop from one that turns."""

from __future__ import annotations

import asyncio
import time

import pytest

from worker.observability.pulse import LoopBeat, Pulse, stuck_after_s


def test_only_a_step_that_is_under_way_for_too_long_is_stuck():
    now = [0.0]
    pulse = Pulse(100.0, lambda: now[0])
    assert pulse.stuck is None
    with pulse.step("settle"):
        now[0] = 100.0
        assert pulse.stuck is None
        now[0] = 100.1
        assert pulse.stuck == "settle"
    assert pulse.stuck is None


def test_a_step_that_fails_is_over():
    now = [0.0]
    pulse = Pulse(1.0, lambda: now[0])
    with pytest.raises(ValueError, match="no"), pulse.step("watch"):
        raise ValueError("no")
    now[0] = 10.0
    assert pulse.stuck is None


def test_aws_that_is_away_is_not_taken_for_a_step_that_hangs():
    # A hundred attempts, each until its deadline, with five seconds between them.
    assert stuck_after_s(30.0) >= 100 * (30 + 5)
    assert stuck_after_s(300.0) >= 100 * (300 + 5)


async def test_a_blocked_loop_shows_as_lag():
    beat = LoopBeat()
    beating = asyncio.create_task(beat.keep())
    await asyncio.sleep(0.45)
    time.sleep(0.3)  # noqa: ASYNC251 - that is the fault
    await asyncio.sleep(0.1)
    beating.cancel()
    assert 0.15 < beat.lag_s < 5
