"""How does the process end: in order, on a second signal, and when its loop hangs?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager

PREPARED = """
import asyncio, time
from worker import process
from worker.health import Health
from worker.settings import Settings
from worker.telemetry import configure_logging

process.HAND_OVER_S = process.CLOSING_S = 0.1
configure_logging()

async def main():
    stopping = process.Stopping(Settings(drain_timeout_s={drain_s}, long_poll_s=0), Health())
    stopping.listen(asyncio.get_running_loop())
    print("listening", flush=True)
    await stopping.stop.wait()
    print("told", flush=True)
    await drain()

async def drain():
    {drain}

asyncio.run(main())
"""


@contextmanager
def _process(drain, drain_s=60.0):
    code = textwrap.dedent(PREPARED).format(drain=drain, drain_s=drain_s)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RESTOCK_")}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "listening\n"
            yield process
        finally:
            process.kill()


def _told(process, signum=signal.SIGTERM):
    process.send_signal(signum)
    assert process.stdout.readline() == "told\n"


def test_a_second_signal_ends_the_process_where_it_stands():
    with _process("await asyncio.sleep(600)") as process:
        _told(process)
        time.sleep(1.1)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "worker.stopped_hard" in said


def test_one_stop_that_arrives_twice_is_one_stop():
    with _process("await asyncio.sleep(0.5)") as process:
        _told(process, signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=10)
    assert process.returncode == 0, said


def test_a_loop_that_hangs_ends_at_the_deadline_and_says_where_it_hung():
    with _process("time.sleep(600)", drain_s=0.3) as process:
        _told(process)
        _, said = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "Timeout" in said
    assert "in drain" in said


def test_a_drain_within_its_deadline_ends_in_order():
    with _process("await asyncio.sleep(0.2)", drain_s=5) as process:
        _told(process)
        _, said = process.communicate(timeout=10)
    assert process.returncode == 0, said
