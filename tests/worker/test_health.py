"""Who asks whether the worker lives gets an answer from the worker's own loop."""

from __future__ import annotations

import asyncio
import json

import pytest

from worker.health import Health, serving


async def ask(health, request=b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"):
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
    return int(head.split()[1]), json.loads(body)


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
