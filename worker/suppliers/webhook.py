"""How does a supplier's system tell us something over HTTP?

`POST /supplier-events` with a bearer token and a JSON object, or an array of them. 202 says that all of it is on the
queue; anything else that none of it is, and what to do: 400 mend the lines that are named, 401 show the token, 413 send
less at once, 501 leave out Upgrade, 503 send it again later. Bodies are bounded, and read within a time; nothing is
kept here."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple

import httptools
import structlog

from handlers.errors import InvalidEvent, Misconfigured, TransientFailure
from worker.json_text import Broken, parse
from worker.producer import Row
from worker.suppliers.messages import read_messages

log = structlog.get_logger()

PATH = b"/supplier-events"
BODY_BYTES_MAX = 1_000_000
HEAD_BYTES_MAX = 16_000
READ_TIMEOUT_S = 10.0
SEND_TIMEOUT_S = 20.0
LINGER_S = 1.0
LINGER_READS_MAX = 100
AT_ONCE_MAX = 32
REFUSED_SHOWN_MAX = 20


class Answer(NamedTuple):
    status: HTTPStatus
    said: dict[str, Any]


@dataclass(slots=True)
class _Request:
    """A request as it is being read: httptools calls the methods."""

    method: bytes = b""
    path: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False
    upgrade: bool = False
    head_bytes: int = 0

    def on_url(self, url: bytes) -> None:
        self.path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value
        self.head_bytes += len(name) + len(value)

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.complete = True

    @property
    def too_large(self) -> bool:
        said = self.headers.get(b"content-length", b"0")
        promised = int(said) if said.isdigit() else 0
        return max(promised, len(self.body)) > BODY_BYTES_MAX or self.head_bytes + len(self.path) > HEAD_BYTES_MAX


class Webhook:
    """token must be shown by whoever sends; send puts rows on the queue; now is the time in ms."""

    def __init__(self, token: str, send: Callable[[Sequence[Row]], Awaitable[None]], now: Callable[[], int]) -> None:
        if not token:
            raise ValueError("a webhook without a token would take orders from anybody")
        self._token = token.encode()
        self._send = send
        self._now = now
        self._slots = asyncio.Semaphore(AT_ONCE_MAX)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request and its answer; the connection is closed then."""
        try:
            async with self._slots:
                async with asyncio.timeout(READ_TIMEOUT_S):
                    request = await _read(reader)
                _write(writer, await self._answer_to(request))
                await writer.drain()
                if request is not None and (request.too_large or request.upgrade):
                    await _part(reader, writer)
        except (TimeoutError, ConnectionError):
            pass  # Whoever asked went away, or is too slow.
        finally:
            writer.close()

    async def _answer_to(self, request: _Request | None) -> Answer:
        if request is None:
            return Answer(HTTPStatus.BAD_REQUEST, {"error": "no HTTP request"})
        if request.upgrade:
            return Answer(HTTPStatus.NOT_IMPLEMENTED, {"error": "HTTP/1.1 and nothing else: leave out Upgrade"})
        if request.path.partition(b"?")[0] != PATH:
            return Answer(HTTPStatus.NOT_FOUND, {"error": f"POST to {PATH.decode()}"})
        if request.method != b"POST":
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, {"error": "POST"})
        shown = request.headers.get(b"authorization", b"")
        # In a time that tells nothing about the token.
        if not hmac.compare_digest(shown, b"Bearer " + self._token):
            return Answer(HTTPStatus.UNAUTHORIZED, {"error": "Authorization: Bearer and the token"})
        if request.too_large:
            return Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": f"at most {BODY_BYTES_MAX} bytes"})
        return await self._take(bytes(request.body))

    async def _take(self, body: bytes) -> Answer:
        try:
            said = parse(body.decode())
        except (InvalidEvent, UnicodeDecodeError) as exc:
            reason = exc.reason if isinstance(exc, InvalidEvent) else "not UTF-8"
            return Answer(HTTPStatus.BAD_REQUEST, {"error": reason})
        each = said if isinstance(said, list) else [said]
        rows, refused = read_messages([e.text if isinstance(e, Broken) else e for e in each], self._now())
        if refused or not rows:
            shown = [{"message": r.number, "reason": r.reason} for r in refused[:REFUSED_SHOWN_MAX]]
            return Answer(HTTPStatus.BAD_REQUEST, {"error": "nothing was taken", "refused": shown})
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._send(rows)
        except (TransientFailure, Misconfigured, TimeoutError) as exc:
            log.warning("supplier.not_sent", messages=len(rows), reason=str(exc))
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "the queue did not take it: send it again"})
        log.info("supplier.received", messages=len(rows))
        return Answer(HTTPStatus.ACCEPTED, {"accepted": len(rows)})


async def _read(reader: asyncio.StreamReader) -> _Request | None:
    """The request, as far as it may be read; None if it is none."""
    request = _Request()
    parser = httptools.HttpRequestParser(request)
    while not request.complete and not request.too_large:
        part = await reader.read(65_536)
        if not part:
            return None
        try:
            parser.feed_data(part)
        except httptools.HttpParserUpgrade:
            # What comes behind such a head is not read as a body any more.
            request.upgrade = True
            break
        except httptools.HttpParserError:
            return None
    request.method = parser.get_method()
    return request


async def _part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Lets the other side read its answer: a connection that is closed with something unread in it is reset."""
    writer.write_eof()
    async with asyncio.timeout(LINGER_S):
        for _ in range(LINGER_READS_MAX):
            if not await reader.read(65_536):
                return


def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    # A reason may quote half a surrogate pair: with a backslash it is JSON as well.
    body = json.dumps(answer.said, ensure_ascii=False).encode(errors="backslashreplace")
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)


@asynccontextmanager
async def listening(webhook: Webhook, host: str, port: int) -> AsyncIterator[int]:
    """Answers while the block runs; gives the port, 0 asks for a free one."""
    server = await asyncio.start_server(webhook.answer, host, port)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
