"""How does one request get to its endpoint, and its answer back?

HTTP/1.1 over connections that are kept. Nothing is ever sent twice: what was sent on a connection that broke may have
taken effect, and only the caller knows whether it may happen again. Every failure is the botocore error that
aiobotocore's own transport raises for it."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast
from urllib.parse import urlsplit

import httptools
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)

# A connection that was idle for so long is not used again: AWS closes idle ones, and may just be doing it.
IDLE_MAX_S = 12.0
# Four times the largest answer there is, BatchGetItem's 16 MB.
ANSWER_BYTES_MAX = 64 << 20
CLOSING_S = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; header names in lower case. Named as botocore's handlers of `after-call` expect it."""

    status_code: int
    headers: dict[str, str]
    body: bytes


class Transport(Protocol):
    """Carries whole HTTP requests, each of them once."""

    async def post(self, request: bytes) -> Answer:
        """The answer; a BotoCoreError if there is none."""

    async def close(self) -> None:
        """Ends what is under way, and keeps nothing open."""


class Connection(asyncio.Protocol):
    """One connection, which carries one request at a time. usable: another one may be sent. An answer must say where
    it ends, by its length or in chunks, as those of AWS do."""

    _transport: asyncio.Transport

    def __init__(self, url: str, read_timeout_s: float, all_open: set[Connection]) -> None:
        self._url = url
        self._read_timeout_s = read_timeout_s
        self._all_open = all_open
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._asked: asyncio.Future[Answer] | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._received = 0
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.usable = False
        self.idle_since = 0.0
        self.gone = self._loop.create_future()

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Sends the request; the answer comes."""
        self._asked = self._loop.create_future()
        self._received = 0
        self._transport.write(request)
        self._deadline = self._loop.time() + self._read_timeout_s
        # One timer for many requests: it looks for itself whether there is something to be late.
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._look)
        return self._asked

    def abort(self) -> None:
        """Ends the connection and whatever was asked on it."""
        self.usable = False
        self._fail(ConnectionClosedError(endpoint_url=self._url))
        self._transport.abort()

    def _look(self) -> None:
        self._timer = None
        if self._asked is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look)
        else:
            self._end(ReadTimeoutError(endpoint_url=self._url))

    def _end(self, reason: HTTPClientError) -> None:
        self._fail(reason)
        self.abort()

    def _fail(self, reason: HTTPClientError) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():
            asked.set_exception(reason)

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A real one, whatever its class: uvloop's do not derive from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._all_open.add(self)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        self._deadline = self._loop.time() + self._read_timeout_s
        if self._asked is None:
            self.abort()  # nobody has asked
        elif self._received > ANSWER_BYTES_MAX:
            self._end(HTTPClientError(error=f"an answer of more than {ANSWER_BYTES_MAX} bytes"))
        else:
            self._read(data)

    def _read(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            self._end(ConnectionClosedError(endpoint_url=self._url, error=exc))

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if self._timer is not None:
            self._timer.cancel()
        self._fail(ConnectionClosedError(endpoint_url=self._url, error=exc))
        self._all_open.discard(self)
        self.gone.set_result(None)

    # What the parser tells.

    def on_message_begin(self) -> None:
        self._headers, self._body = {}, []
        if self._asked is None:
            self.usable = False  # more came than was asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or self._asked is None:
            return  # an interim answer: the answer itself is still to come
        self.usable = self.usable and self._parser.should_keep_alive()
        asked, self._asked = self._asked, None
        if not asked.done():
            body, self._body = b"".join(self._body), []
            asked.set_result(Answer(status, self._headers, body))


class Connections:
    """At most so many connections to one endpoint, most recently used first."""

    def __init__(
        self, url: str, *, connect_timeout_s: float, read_timeout_s: float, most: int, tls: ssl.SSLContext | None
    ) -> None:
        parts = urlsplit(url)
        self._url = url
        self._address = str(parts.hostname), parts.port or (443 if tls else 80)
        self._connect_timeout_s = connect_timeout_s
        self._slots = asyncio.Semaphore(most)
        self._tls = tls
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._made = partial(Connection, url, read_timeout_s, self._open)

    async def post(self, request: bytes) -> Answer:
        async with self._slots:
            if self._closed:
                raise HTTPClientError(error=f"the connections to {self._url} are closed")
            connection = self._kept() or await self._connected()
            try:
                answer = await connection.ask(request)
            except BaseException:
                # Also when cancelled: an answer that nobody waits for must not become that to the next request.
                connection.abort()
                raise
            self._keep(connection)
            return answer

    def _kept(self) -> Connection | None:
        """An idle connection of which nothing is known but that it works."""
        oldest = self._loop.time() - IDLE_MAX_S
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    def _keep(self, connection: Connection) -> None:
        if connection.usable and not self._closed:
            connection.idle_since = self._loop.time()
            self._idle.append(connection)
        else:
            connection.abort()

    async def _connected(self) -> Connection:
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                _, connection = await self._loop.create_connection(self._made, *self._address, ssl=self._tls)
        except TimeoutError as exc:
            raise ConnectTimeoutError(endpoint_url=self._url, error=exc) from exc
        except ssl.SSLError as exc:
            raise SSLError(endpoint_url=self._url, error=exc) from exc
        except OSError as exc:
            raise EndpointConnectionError(endpoint_url=self._url, error=exc) from exc
        return connection

    async def close(self) -> None:
        """What is being connected meanwhile is used once, and not kept."""
        self._closed = True
        leaving = [connection.gone for connection in self._open]
        for connection in tuple(self._open):
            connection.abort()
        if leaving:
            await asyncio.wait(leaving, timeout=CLOSING_S)
