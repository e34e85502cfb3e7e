"""Are there always as many workers as were asked for, until they are stopped?"""

import asyncio
import json
import sys

import pytest

from handlers.metrics import Metric
from worker.local.observed import Observed
from worker.local.workers import Workers
from worker.telemetry import emf_line

LINE = json.dumps(emf_line({Metric.SALES_APPLIED: 1, Metric.DIRTY_PRODUCTS: 10}, 0))
PROGRAM = f"""
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print({LINE!r}, flush=True)
print("started", file=sys.stderr, flush=True)
time.sleep(60)
"""


@pytest.fixture
def workers(tmp_path, monkeypatch):
    monkeypatch.setattr("worker.local.workers.restock", lambda *_: [sys.executable, "-c", PROGRAM])
    monkeypatch.setattr("worker.local.workers.AGAIN_AFTER_S", 0)
    return Workers(2, tmp_path, {}, Observed())


async def applied(workers, count):
    async with asyncio.timeout(20):
        while workers.observed[Metric.SALES_APPLIED] < count:  # noqa: ASYNC110 - lines come when they come
            await asyncio.sleep(0.01)


async def test_a_worker_that_dies_is_started_again_and_the_others_go_on(workers, tmp_path, capfd):
    keeping = asyncio.create_task(workers.keep())
    await applied(workers, 2)
    assert workers.observed.dirty == 20
    assert not workers.died
    workers.kill_first()
    await applied(workers, 3)
    assert workers.died
    await workers.stop()
    await asyncio.wait_for(keeping, 5)
    assert workers.observed.dirty == 0
    assert (tmp_path / "worker.log").read_text() == "started\n" * 2
    assert (tmp_path / "worker-2.log").read_text() == "started\n"
    assert (tmp_path / "metrics.log").read_text() == f"{LINE}\n" * 2
    assert (tmp_path / "metrics-2.log").read_text() == f"{LINE}\n"
    said = capfd.readouterr().err
    assert said.count("starting it again") == said.count("ended with code -9") == 1


async def test_one_that_is_being_started_when_all_are_stopped_does_not_stay(workers):
    keeping = asyncio.create_task(workers.keep())
    await asyncio.sleep(0)
    await workers.stop()
    await asyncio.wait_for(keeping, 20)
    assert all(not worker.running for worker in workers._running.values())


async def test_after_a_kill_nothing_is_started_again(workers):
    keeping = asyncio.create_task(workers.keep())
    await applied(workers, 2)
    workers.kill()
    await asyncio.wait_for(keeping, 20)
    assert not workers.died
