"""How many connections does the page hold, and for how long without a request?

A worker has few file descriptors and needs them for its work. So no more than CONNECTIONS_MAX are held, and one without
a whole request is closed after REQUEST_WITHIN_S: whoever has no token cannot keep the worker from anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from aiohttp import web

CONNECTIONS_MAX = 300
REQUEST_WITHIN_S = 10.0
LINGERING_S = 2.0


class Nameless(web.Response):
    """An answer that does not name the server's software."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall("Server", None)


class Connection(web.RequestHandler):
    """One connection. connected: all that are held."""

    def __init__(self, server: web.Server, connected: set[Connection], headers: dict[str, str]) -> None:
        # What is idle or has no whole header within the time is closed by aiohttp itself.
        times = {"keepalive_timeout": REQUEST_WITHIN_S, "lingering_time": LINGERING_S}
        super().__init__(server, loop=asyncio.get_running_loop(), access_log=None, **times)  # type: ignore[arg-type]
        self._connected = connected
        self._headers = headers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if len(self._connected) >= CONNECTIONS_MAX and isinstance(transport, asyncio.Transport):
            transport.abort()
            return
        self._connected.add(self)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self in self._connected:
            self._connected.discard(self)
            super().connection_lost(exc)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Says of what is no request that it is none: neither what was wrong with it, nor anything in the log, which
        anybody could fill."""
        if request.writer.output_size > 0:
            raise ConnectionError("The answer has begun: there is no place for another one.")
        answer = Nameless(status=status, text=HTTPStatus(status).phrase, headers=self._headers)
        answer.force_close()
        return answer


@asynccontextmanager
async def listening(runner: web.AppRunner, host: str, port: int, headers: dict[str, str]) -> AsyncIterator[int]:
    """Takes connections for the application of a runner that is set up, while the block runs; gives the port. headers
    go with every answer to what is no request. OSError if the address is taken."""
    server = runner.server
    if server is None:
        raise RuntimeError("The runner is not set up.")
    connected: set[Connection] = set()

    def connect() -> asyncio.Protocol:
        return Connection(server, connected, headers)

    options: dict[str, Any] = {"reuse_address": True}
    listener = await asyncio.get_running_loop().create_server(connect, host, port, **options)
    try:
        yield int(listener.sockets[0].getsockname()[1])
    finally:
        listener.close()
