"""Who asks whether the worker lives gets an answer from the worker's own loop."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest

from worker.health import OPEN_MAX, Health, serving
from worker.observability.exposed import ExposedMetrics


async def asked(health, request):
    reader, writer = await asyncio.open_connection("127.0.0.1", health.port)
    try:
        writer.write(request)
        await writer.drain()
        async with asyncio.timeout(5):
            answer = await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    kind = head.partition(b"Content-Type: ")[2].partition(b"\r\n")[0]
    return int(head.split()[1]), body, kind.decode()


async def ask(health, request=b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"):
    status, body, _ = await asked(health, request)
    return status, json.loads(body)


def asking(path):
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("ready", "draining", "live", "is_ready"),
    [(False, False, 200, 503), (True, False, 200, 200), (True, True, 200, 503)],
)
async def test_live_while_the_loop_turns_and_ready_while_it_takes_work(ready, draining, live, is_ready):
    health = Health(ready=ready, draining=draining)
    async with serving(health, "127.0.0.1", 0):
        status, said = await ask(health, asking("/live"))
        assert (status, said) == (live, {"live": True, "ready": ready, "draining": draining})
        assert (await ask(health, asking("/ready")))[0] == is_ready


@pytest.mark.parametrize("request_", [b"\r\n", b"nonsense\r\n", b"GET  \r\n", b"\xff\xfe \x00 \r\n"])
async def test_whatever_is_asked_is_answered(request_):
    health = Health()
    async with serving(health, "127.0.0.1", 0):
        assert (await ask(health, request_))[0] == 200


async def test_who_goes_away_does_no_harm():
    health = Health(ready=True)
    async with serving(health, "127.0.0.1", 0):
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", health.port)
            writer.close()
            await writer.wait_closed()
        assert (await ask(health, asking("/ready")))[0] == 200


async def test_when_the_worker_is_gone_nobody_answers():
    health = Health()
    async with serving(health, "127.0.0.1", 0):
        pass
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", health.port)


class Worker:
    """Whose health is asked for."""

    def __init__(self, stuck=None, metrics=None) -> None:
        self.stuck = stuck
        self._metrics = metrics

    def page(self, loop_lag_s, *, takes_work):
        return None if self._metrics is None else self._metrics.page(loop_lag_s, takes_work=takes_work)


async def test_a_worker_with_a_step_that_hangs_is_not_live_and_says_which():
    health = Health(ready=True)
    async with serving(health, "127.0.0.1", 0):
        health.watch(Worker(stuck="settle"))
        assert await ask(health, asking("/live")) == (
            503,
            {"live": False, "ready": True, "draining": False, "stuck": "settle"},
        )
        health.watch(Worker())
        assert (await ask(health, asking("/live")))[0] == 200


async def test_metrics_are_there_only_where_they_are_asked_for():
    health = Health(ready=True)
    async with serving(health, "127.0.0.1", 0):
        assert (await ask(health, asking("/metrics")))[0] == 404
        health.watch(Worker())
        assert (await ask(health, asking("/metrics")))[0] == 404
        health.watch(Worker(metrics=ExposedMetrics(lambda: 0)))
        status, body, kind = await asked(health, asking("/metrics"))
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert b"\nrestock_ready 1.0\n" in body


async def test_a_crowd_of_silent_askers_does_not_keep_the_others_from_an_answer(monkeypatch):
    monkeypatch.setattr("worker.health.READ_TIMEOUT_S", 0.2)
    health = Health()
    async with serving(health, "127.0.0.1", 0):
        crowd = [await asyncio.open_connection("127.0.0.1", health.port) for _ in range(OPEN_MAX + 8)]
        ends = [await reader.read() for reader, _ in crowd]
        assert set(ends) == {b""}
        assert (await ask(health))[0] == 200
        for _, writer in crowd:
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize("line", [b"GET /live HTTP/1.1", b"A" * 200_000, b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n"])
async def test_a_line_without_an_end_or_too_long_is_dropped(monkeypatch, line):
    monkeypatch.setattr("worker.health.READ_TIMEOUT_S", 0.2)
    health = Health()
    async with serving(health, "127.0.0.1", 0):
        reader, writer = await asyncio.open_connection("127.0.0.1", health.port)
        writer.write(line)
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        assert (await ask(health))[0] == 200
