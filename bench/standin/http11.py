"""How are requests heard and answered with as little work as can be?

HTTP/1.1 with keep-alive: bodies have a length, the requests of a connection are answered one after the other and in
order, and an answer may come later."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import NamedTuple, cast

JSON = "application/x-amz-json-1.0"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
TARGET = re.compile(rb"\r\nx-amz-target: *(\S+)", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)
HEAD_BYTES_MAX = 65_536
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 500: "Internal Server Error"}


class Request(NamedTuple):
    """What is asked. target is what X-Amz-Target names, empty without one."""

    method: str
    path: str
    target: str
    body: bytes


class Answer(NamedTuple):
    body: bytes
    status: int = 200
    kind: str = JSON


Handle = Callable[[Request], Answer | asyncio.Future[Answer]]


class Connection(asyncio.Protocol):
    """One client. handle answers at once, or with a future that is cancelled if the client goes away."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._heard = bytearray()
        self._later: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._later is not None:
            self._later.cancel()

    def data_received(self, data: bytes) -> None:
        self._heard += data
        self._answer_all()

    def _answer_all(self) -> None:
        while self._later is None and (request := self._next()) is not None:
            answer = self._handle(request)
            if isinstance(answer, asyncio.Future):
                self._later = answer
                answer.add_done_callback(self._answered)
            else:
                self._send(answer)

    def _answered(self, answer: asyncio.Future[Answer]) -> None:
        self._later = None
        if not answer.cancelled():
            self._send(answer.result())
            self._answer_all()

    def _next(self) -> Request | None:
        """The next whole request, taken out of what was heard."""
        end = self._heard.find(b"\r\n\r\n")
        if end < 0:
            if len(self._heard) > HEAD_BYTES_MAX:
                self._transport.close()
            return None
        head = bytes(self._heard[:end])
        found = LENGTH.search(head)
        stop = end + 4 + (int(found[1]) if found else 0)
        if len(self._heard) < stop:
            if len(self._heard) == end + 4 and EXPECT.search(head):
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        body = bytes(self._heard[end + 4 : stop])
        del self._heard[:stop]
        method, path, _ = head[: head.index(b"\r\n")].decode("latin-1").split(" ", 2)
        target = TARGET.search(head)
        return Request(method, path, target[1].decode("latin-1") if target else "", body)

    def _send(self, answer: Answer) -> None:
        head = (
            f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, '')}\r\nContent-Type: {answer.kind}\r\n"
            f"x-amzn-RequestId: stand-in\r\nContent-Length: {len(answer.body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + answer.body)
