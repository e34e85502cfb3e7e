"""A webhook takes all of a request or nothing, from whoever shows the token, and never more than it said."""

from __future__ import annotations

import asyncio
import json

import pytest
from fakes.clock import NOW

from handlers.errors import Misconfigured, TransientFailure
from worker.suppliers.webhook import BODY_BYTES_MAX, Webhook, listening

GOOD = {"type": "order_shipped", "reorder_id": "A:1", "occurred_at": "2024-10-01", "quantity": 3}
TOKEN = "Bearer secret"


class Queue:
    """fails: what sending raises."""

    def __init__(self) -> None:
        self.rows = []
        self.fails = None

    async def send(self, rows):
        if self.fails is not None:
            raise self.fails
        self.rows += rows


@pytest.fixture
def queue():
    return Queue()


async def post(queue, body, *, token=TOKEN, path="/supplier-events", method="POST", head=None):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n"
    said += f"Authorization: {token}\r\n" if token else ""
    async with listening(Webhook("secret", queue.send, lambda: NOW), "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said.encode() + b"\r\n" + text if head is None else head)
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
    status, _, body = answer.partition(b"\r\n\r\n")
    return int(status.split()[1]), json.loads(body)


async def test_what_is_valid_goes_on_the_queue_and_is_accepted_then(queue):
    assert await post(queue, GOOD) == (202, {"accepted": 1})
    assert await post(queue, [GOOD, {**GOOD, "reorder_id": "B:2"}]) == (202, {"accepted": 2})
    assert [row["product_id"] for row in queue.rows] == ["A", "A", "B"]


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"token": None}, 401),
        ({"token": "Bearer secre"}, 401),
        ({"token": "secret"}, 401),
        ({"path": "/elsewhere"}, 404),
        ({"method": "GET"}, 405),
        ({"head": b"what is this\r\n\r\n"}, 400),
        ({"head": b"POST /supplier-events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\n"
          b"Content-Length: 9999999\r\n\r\n"}, 413),
    ],
)  # fmt: skip
async def test_whoever_may_not_or_does_not_ask_rightly_is_told_so(queue, how, status):
    assert (await post(queue, GOOD, **how))[0] == status
    assert queue.rows == []


async def test_one_bad_message_keeps_all_of_a_request_away(queue):
    status, said = await post(queue, [GOOD, {**GOOD, "quantity": "many"}, 7])
    assert (status, queue.rows) == (400, [])
    assert [refused["message"] for refused in said["refused"]] == [2, 3]


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b'"text"', b'[{"a": NaN}]'])
async def test_a_body_that_is_no_message_is_refused(queue, body):
    assert (await post(queue, body))[0] == 400


async def test_a_body_larger_than_it_may_be_is_not_read_to_the_end(queue):
    assert (await post(queue, b" " * (BODY_BYTES_MAX + 1)))[0] == 413


@pytest.mark.parametrize("failure", [TransientFailure("away"), Misconfigured("no such queue")])
async def test_what_the_queue_does_not_take_is_to_be_sent_again(queue, failure):
    queue.fails = failure
    assert (await post(queue, GOOD))[0] == 503


async def test_a_refusal_may_quote_what_is_no_text(queue):
    status, said = await post(queue, b'{"half \\ud800": 1}')
    assert (status, said["refused"]) == (
        400,
        [{"message": 1, "reason": "half \ud800: no field of a supplier's message"}],
    )


UPGRADE = (
    b"Host: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nAuthorization: Bearer secret\r\nContent-Length: 100000\r\n\r\n"
)


@pytest.mark.parametrize(
    "head",
    [
        b"POST /supplier-events HTTP/1.1\r\n" + UPGRADE + b" " * 100_000,
        b"GET / HTTP/1.1\r\n" + UPGRADE,
        b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere\r\n\r\n",
    ],
    ids=lambda head: head[:9].decode(),
)
async def test_no_other_protocol_is_spoken(queue, head):
    status, said = await post(queue, b"", head=head)
    assert status == 501
    assert "Upgrade" in said["error"]
    assert queue.rows == []


def test_there_is_no_webhook_without_a_token(queue):
    with pytest.raises(ValueError, match="token"):
        Webhook("", queue.send, lambda: NOW)
