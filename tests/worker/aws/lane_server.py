"""A server on loopback that does what a test says, one step a request."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Step = Callable[["Exchange"], Awaitable[None]]


def asked(body: bytes = b"{}") -> bytes:
    """A whole request."""
    return b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def answer(body: bytes = b"{}", *lines: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole answer."""
    head = [b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *lines]
    return b"\r\n".join([*head, b"", body])


class Exchange:
    """One request at the server, and the connection it came by, which is numbered from 1."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        self.number = number
        self.body = body
        self._reader = reader
        self._writer = writer

    async def say(self, *parts: bytes, every_s: float = 0.0) -> None:
        """Sends the parts, each by itself."""
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()
            await asyncio.sleep(every_s)

    def close(self) -> None:
        self._writer.close()

    async def closed(self) -> None:
        """Returns when the other side has closed the connection."""
        with suppress(ConnectionError):
            assert await self._reader.read() == b""


def says(*parts: bytes, every_s: float = 0.0) -> Step:
    """Answers like that."""

    async def step(exchange: Exchange) -> None:
        await exchange.say(*parts, every_s=every_s)

    return step


def hangs_up(*parts: bytes) -> Step:
    """Says so much and closes the connection."""

    async def step(exchange: Exchange) -> None:
        await exchange.say(*parts)
        exchange.close()

    return step


async def keeps_silent(exchange: Exchange) -> None:
    """Never answers, and waits until the other side has had enough."""
    await exchange.closed()


class Server:
    """The last step is repeated for ever. asked: the number of the connection and the body of each request."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self._steps = list(steps)
        self.asked: list[tuple[int, bytes]] = []
        self.connections = 0
        self.left = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.asked.append((number, body))
                step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
                await step(Exchange(number, reader, writer, body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has left
        finally:
            self.left += 1
            writer.close()


@asynccontextmanager
async def serving(*steps: Step, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """The server with its url."""
    server = Server(steps)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.url = f"http{'s' if tls else ''}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        while server.left < server.connections:  # noqa: ASYNC110 - it has no event, and is soon so
            await asyncio.sleep(0.001)
