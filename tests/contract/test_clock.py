"""The Clock contract: whole milliseconds that never stand still over a sleep."""

from __future__ import annotations

import asyncio
import time

import pytest
from fakes.clock import FakeClock

from worker.clock import SystemClock

PORT = "Clock"


@pytest.fixture
def clock(kind):
    return FakeClock() if kind == "fake" else SystemClock()


def test_now_is_whole_milliseconds_of_this_age(clock):
    now = clock.now()
    assert isinstance(now, int)
    assert 1_700_000_000_000 < now < 4_000_000_000_000


async def test_a_sleep_takes_at_least_its_time(clock):
    before = clock.now()
    await clock.sleep(0.02)
    assert clock.now() - before >= 19


async def test_others_run_while_one_sleeps(clock):
    ran = []

    async def other():
        ran.append(True)

    task = asyncio.create_task(other())
    await clock.sleep(0)
    await task
    assert ran


async def test_a_sleep_can_be_cancelled(clock):
    task = asyncio.create_task(_for_ever(clock))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _for_ever(clock):
    while True:
        await clock.sleep(3_600)


async def test_the_fake_takes_no_time():
    clock, started = FakeClock(), time.monotonic()
    await clock.sleep(10**6)
    assert time.monotonic() - started < 1
    assert clock.sleeps == [10**6]
