"""What becomes of one request when servers are slow, short, rude, or gone?"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from functools import partial

import pytest
import uvloop
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)
from lane_server import answer, asked, hangs_up, keeps_silent, says, serving

from worker.aws import connections as module
from worker.aws.connections import Answer, Connections

OK = answer(b'{"a":1}', b"X-Amzn-RequestId: r1")
ANSWER = Answer(200, {"content-length": "7", "x-amzn-requestid": "r1"}, b'{"a":1}')


@asynccontextmanager
async def connected(url, *, connect_timeout_s=5.0, read_timeout_s=5.0, most=64, tls=None):
    connections = Connections(
        url, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s, most=most, tls=tls
    )
    try:
        yield connections
    finally:
        await connections.close()


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


async def test_one_connection_carries_one_request_after_the_other():
    async with serving(says(OK)) as server, connected(server.url) as connections:
        assert [await connections.post(asked(b"%d" % n)) for n in range(3)] == [ANSWER] * 3
        assert server.asked == [(1, b"0"), (1, b"1"), (1, b"2")]


async def test_requests_at_once_have_a_connection_each_and_the_right_answers():
    async def echo(exchange):
        await asyncio.sleep(0.001 * (5 - int(exchange.body)))
        await exchange.say(answer(exchange.body))

    async with serving(echo) as server, connected(server.url) as connections:
        answers = await asyncio.gather(*(connections.post(asked(b"%d" % n)) for n in range(5)))
        assert [each.body for each in answers] == [b"0", b"1", b"2", b"3", b"4"]
        assert server.connections == 5


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ([OK[at : at + 1] for at in range(len(OK))], b'{"a":1}'),
        ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", b"2;x=y\r\nde\r\n0\r\n\r\n"], b"abcde"),
        ([answer(b"")], b""),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + answer(b"x")], b"x"),
        ([answer(b"x" * 20_000_000)], b"x" * 20_000_000),
        ([answer(b"<html>busy</html>", status=b"500 Internal Server Error")], b"<html>busy</html>"),
    ],
    ids=["byte by byte", "in chunks", "empty", "after interim ones", "of 20 MB", "of an error"],
)
async def test_an_answer_comes_whole_and_its_connection_is_kept(parts, body):
    async with serving(says(*parts), says(OK)) as server, connected(server.url) as connections:
        assert (await connections.post(asked())).body == body
        assert await connections.post(asked()) == ANSWER
        assert server.connections == 1


async def test_the_status_and_the_headers_are_the_last_ones():
    interim = b"HTTP/1.1 100 Continue\r\nx-interim: 1\r\n\r\n"
    last = answer(b"", b"X-Empty:", b"X-Twice: 1", b"x-twice: 2", b"x-latin: \xe9", status=b"503 Busy")
    async with serving(says(interim + last)) as server, connected(server.url) as connections:
        got = await connections.post(asked())
    assert got == Answer(503, {"content-length": "0", "x-empty": "", "x-twice": "2", "x-latin": "é"}, b"")


async def test_an_answer_may_take_its_time_as_long_as_something_comes():
    slowly = says(OK[:10], OK[10:20], OK[20:30], OK[30:], every_s=0.3)
    async with serving(slowly) as server, connected(server.url, read_timeout_s=0.8) as connections:
        began = asyncio.get_running_loop().time()
        assert await connections.post(asked()) == ANSWER
        assert asyncio.get_running_loop().time() - began > 0.8


@pytest.mark.parametrize("parts", [(), (OK[:-1],)], ids=["at all", "whole"])
async def test_an_answer_that_does_not_come_is_waited_for_only_so_long(parts):
    async def stops(exchange):
        await exchange.say(*parts)
        await exchange.closed()

    async with serving(says(OK), stops, says(OK)) as server, connected(server.url, read_timeout_s=0.1) as connections:
        await connections.post(asked(b"0"))
        with pytest.raises(ReadTimeoutError, match=server.url):
            await connections.post(asked(b"1"))
        assert await connections.post(asked(b"2")) == ANSWER
        assert server.asked == [(1, b"0"), (1, b"1"), (2, b"2")]


async def test_a_kept_connection_is_not_closed_by_the_time_out_of_an_answered_request():
    async with serving(says(OK)) as server, connected(server.url, read_timeout_s=0.05) as connections:
        await connections.post(asked())
        await asyncio.sleep(0.12)
        await connections.post(asked())
        assert server.connections == 1


@pytest.mark.parametrize(
    "part", [b"", OK[:20], OK[:-1], b"HTTP/1.1 200 OK\r\n\r\n{}"], ids=["nothing", "a head", "a part", "no end"]
)
async def test_what_a_closed_connection_leaves_open_is_an_error_and_never_sent_again(part):
    """The request may have taken effect, on a new connection as on one that was kept."""
    steps = says(OK), hangs_up(part), hangs_up(part), says(OK)
    async with serving(*steps) as server, connected(server.url) as connections:
        await connections.post(asked(b"0"))
        for n in (b"1", b"2"):
            with pytest.raises(ConnectionClosedError, match=server.url):
                await connections.post(asked(n))
        assert await connections.post(asked(b"3")) == ANSWER
        assert server.asked == [(1, b"0"), (1, b"1"), (2, b"2"), (3, b"3")]


async def test_a_connection_that_was_closed_while_idle_is_not_used():
    async with serving(hangs_up(OK), says(OK)) as server, connected(server.url) as connections:
        await connections.post(asked())
        await until(lambda: server.left == 1)
        await asyncio.sleep(0.01)  # for the end of the stream to arrive
        assert await connections.post(asked()) == ANSWER
        assert [number for number, _ in server.asked] == [1, 2]


async def test_a_connection_that_was_idle_for_long_is_closed_and_not_used(monkeypatch):
    monkeypatch.setattr(module, "IDLE_MAX_S", 0.02)
    async with serving(says(OK)) as server, connected(server.url) as connections:
        await connections.post(asked())
        await asyncio.sleep(0.05)
        await connections.post(asked())
        await until(lambda: server.left == 1)
        assert [number for number, _ in server.asked] == [1, 2]


@pytest.mark.parametrize(
    "last",
    [
        answer(b"{}", b"connection: close"),
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        answer(b"{}") + b"HTTP/1.1 200 OK\r\n",
        answer(b"{}") + answer(b"another"),
    ],
    ids=["says so", "speaks 1.0", "says more", "says another"],
)
async def test_a_connection_that_cannot_be_trusted_with_another_request_is_closed(last):
    async with serving(says(last), says(OK)) as server, connected(server.url) as connections:
        assert (await connections.post(asked())).body == b"{}"
        assert await connections.post(asked()) == ANSWER
        await until(lambda: server.left == 1)
        assert [number for number, _ in server.asked] == [1, 2]


async def test_what_nobody_asked_for_is_no_answer_to_the_next_request():
    async def says_more_later(exchange):
        await exchange.say(OK)
        await asyncio.sleep(0.02)
        await exchange.say(answer(b"of somebody else"))

    async with serving(says_more_later, says(OK)) as server, connected(server.url) as connections:
        await connections.post(asked())
        await until(lambda: server.left == 1)
        assert await connections.post(asked()) == ANSWER
        assert [number for number, _ in server.asked] == [1, 2]


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"])
async def test_what_is_no_http_is_a_broken_connection(said):
    async with serving(says(said), says(OK)) as server, connected(server.url) as connections:
        with pytest.raises(ConnectionClosedError):
            await connections.post(asked())
        assert await connections.post(asked()) == ANSWER


async def test_an_upgrade_that_nobody_asked_for_is_a_broken_connection():
    said = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
    async with serving(says(said)) as server, connected(server.url) as connections:
        with pytest.raises(ConnectionClosedError):
            await connections.post(asked())


@pytest.mark.parametrize(
    "parts", [(answer(b"x" * 2_000),), (b"HTTP/1.1 200 OK\r\n", *[b"x: y\r\n"] * 500)], ids=["body", "head"]
)
async def test_an_answer_has_a_greatest_size(monkeypatch, parts):
    monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 1_000)
    async with serving(says(*parts)) as server, connected(server.url) as connections:
        with pytest.raises(HTTPClientError, match="more than 1000 bytes"):
            await connections.post(asked())


async def test_many_answers_may_be_larger_than_one(monkeypatch):
    monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 1_000)
    async with serving(says(answer(b"x" * 600))) as server, connected(server.url) as connections:
        assert [len((await connections.post(asked())).body) for _ in range(3)] == [600] * 3
        assert server.connections == 1


async def test_a_cancelled_request_takes_its_connection_along_and_its_answer_goes_to_nobody():
    async def late(exchange):
        await exchange.closed()
        await exchange.say(answer(b"late"))

    async with serving(late, says(OK)) as server, connected(server.url, most=1) as connections:
        asking = asyncio.create_task(connections.post(asked(b"0")))
        await until(lambda: server.asked)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await connections.post(asked(b"1")) == ANSWER
        await until(lambda: server.left == 1)
        assert server.asked == [(1, b"0"), (2, b"1")]


async def test_there_are_so_many_connections_and_no_more():
    async with serving(says(OK, every_s=0.02)) as server, connected(server.url, most=2) as connections:
        assert await asyncio.gather(*(connections.post(asked()) for _ in range(6))) == [ANSWER] * 6
        assert server.connections == 2


async def test_who_waits_for_a_connection_and_is_cancelled_takes_none_away():
    async with serving(keeps_silent, says(OK)) as server, connected(server.url, most=1) as connections:
        first, second = (asyncio.create_task(connections.post(asked())) for _ in range(2))
        await until(lambda: server.asked)
        for each in (second, first):
            each.cancel()
        assert await asyncio.gather(first, second, return_exceptions=True) != [ANSWER, ANSWER]
        assert await connections.post(asked()) == ANSWER


async def test_where_nobody_listens_is_said_so():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        async with connected(url) as connections:
            with pytest.raises(EndpointConnectionError, match=url):
                await connections.post(asked())


async def test_a_connection_that_does_not_come_about_is_waited_for_only_so_long():
    """A server that accepts and never shakes hands."""
    async with serving(says(OK)) as server:
        url = server.url.replace("http:", "https:")
        async with connected(url, connect_timeout_s=0.1, tls=ssl.create_default_context()) as connections:
            with pytest.raises(ConnectTimeoutError, match=url):
                await connections.post(asked())


async def test_closing_ends_what_is_under_way_and_leaves_nothing_open():
    async with serving(says(OK), keeps_silent) as server, connected(server.url) as connections:
        await connections.post(asked())
        both = [asyncio.create_task(connections.post(asked())) for _ in range(2)]
        await until(lambda: len(server.asked) == 3)
        await connections.close()
        await until(lambda: server.left == 2)
        outcomes = await asyncio.gather(*both, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ConnectionClosedError] * 2
        with pytest.raises(HTTPClientError, match="are closed"):
            await connections.post(asked())
        await connections.close()


@pytest.mark.parametrize(
    "story",
    [
        test_one_connection_carries_one_request_after_the_other,
        test_requests_at_once_have_a_connection_each_and_the_right_answers,
        test_an_answer_may_take_its_time_as_long_as_something_comes,
        test_a_kept_connection_is_not_closed_by_the_time_out_of_an_answered_request,
        test_a_connection_that_was_closed_while_idle_is_not_used,
        test_what_nobody_asked_for_is_no_answer_to_the_next_request,
        test_a_cancelled_request_takes_its_connection_along_and_its_answer_goes_to_nobody,
        test_there_are_so_many_connections_and_no_more,
        test_where_nobody_listens_is_said_so,
        test_a_connection_that_does_not_come_about_is_waited_for_only_so_long,
        test_closing_ends_what_is_under_way_and_leaves_nothing_open,
        partial(test_an_answer_that_does_not_come_is_waited_for_only_so_long, (OK[:-1],)),
        partial(test_what_a_closed_connection_leaves_open_is_an_error_and_never_sent_again, OK[:-1]),
    ],
)
def test_on_the_event_loop_that_the_worker_runs_on_it_is_the_same(story):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())
