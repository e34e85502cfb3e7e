"""Whoever has no token takes neither the worker's file descriptors nor its time, and is told nothing of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
import pytest_asyncio
from browser.on_show import a_shop, shown
from structlog.testing import capture_logs

from worker.dashboard import connections, door, server
from worker.settings import Settings

TOKEN = "a token of twenty-five chars"
ASKED = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
ENTERS = b"POST /enter HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nContent-Length: 90\r\n"


@pytest_asyncio.fixture
async def shop(monkeypatch):
    monkeypatch.setenv("RESTOCK_DASHBOARD_TOKEN", TOKEN)
    async with shown(a_shop(Settings(dashboard=True, dashboard_port=0), 1)) as served:
        yield served


@pytest.fixture
def hurried(monkeypatch):
    for module in (connections, door, server):
        monkeypatch.setattr(module, "REQUEST_WITHIN_S", 0.2)


async def connected(shop):
    return await asyncio.open_connection("127.0.0.1", shop.dashboard.port)


async def answer(shop, request: bytes) -> bytes:
    """What is answered, until the connection is closed."""
    reader, writer = await connected(shop)
    writer.write(request)
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


async def test_connections_beyond_the_most_are_closed_and_others_are_served(monkeypatch, shop):
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", 20)
    held = [await connected(shop) for _ in range(20)]
    with suppress(ConnectionError):
        assert await answer(shop, ASKED + b"\r\n") == b""
    reader, writer = held[0]
    writer.write(ASKED + b"\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 401")
    held[1][1].close()
    await held[1][1].wait_closed()
    await asyncio.sleep(0.01)
    assert (await answer(shop, ASKED + b"Connection: close\r\n\r\n")).startswith(b"HTTP/1.1 401")
    for _, writer in held:
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", ASKED])
async def test_a_connection_without_a_whole_request_is_closed(hurried, shop, sent):
    assert await answer(shop, sent) == b""


async def test_one_that_sends_a_header_now_and_again_is_closed_as_well(hurried, shop):
    reader, writer = await connected(shop)
    writer.write(ASKED)
    with suppress(ConnectionError):
        async with asyncio.timeout(5):
            while not reader.at_eof():
                writer.write(b"X-More: 1\r\n")
                await writer.drain()
                await asyncio.sleep(0.02)
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await reader.read()
    writer.close()


async def test_a_body_that_does_not_come_is_not_waited_for(hurried, monkeypatch, shop):
    monkeypatch.setattr(connections, "LINGERING_S", 0.1)
    said = await answer(shop, ENTERS + b"Content-Type: application/x-www-form-urlencoded\r\n\r\ntoken=")
    assert said.startswith(b"HTTP/1.1 408")


WRONG = {
    "no request": (b"hello\r\n\r\n", 400),
    "an odd method": (b"G\xffT / HTTP/1.1\r\n\r\n", 400),
    "no header": (ASKED + b"no header\r\n\r\n", 400),
    "a token that is no text": (ASKED + b"Authorization: Bearer \xff\r\n", 401),
    "a cookie that is no text": (ASKED + b"Cookie: restock-page=\xff\r\n", 401),
    "an origin that is no address": (ASKED.replace(b"GET", b"POST") + b"Origin: http://[\r\n", 403),
    "a form in no writing": (
        ENTERS.replace(b"90", b"7") + b"Content-Type: application/x-www-form-urlencoded; charset=zzz\r\n",
        400,
    ),
    "a form without a border": (ENTERS.replace(b"90", b"7") + b"Content-Type: multipart/form-data\r\n", 400),
    "something expected": (ASKED + b"Expect: everything\r\n", 417),
    "a version that is none": (b"GET / HTTP/9.9\r\n\r\n", 400),
}


@pytest.mark.parametrize(("sent", "status"), WRONG.values(), ids=WRONG)
async def test_what_is_wrong_is_refused_without_a_word_of_why_or_by_what(shop, caplog, sent, status):
    body = b"token=x" if b"Content-Length" in sent else b""
    whole = sent if sent.endswith(b"\r\n\r\n") else sent + b"Connection: close\r\n\r\n" + body
    with capture_logs() as logs:
        said = await answer(shop, whole)
    head, _, body = said.partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    for header in (
        b"Content-Security-Policy: default-src 'none'",
        b"X-Frame-Options: DENY",
        b"Cache-Control: no-store",
    ):
        assert header in head
    assert b"\r\nServer:" not in head
    assert b"aiohttp" not in said
    assert b"hello" not in body
    assert logs == []
    assert caplog.records == []
