"""Is the worker alive, and is it working?

A few lines of HTTP on a port, answered by the worker's own event loop: a loop that hangs does not answer. `/live` is
200 while the loop turns; `/ready` is 200 once the worker is connected to its queue and tables."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

READ_TIMEOUT_S = 2.0


@dataclass(slots=True)
class Health:
    """What the worker says of itself."""

    ready: bool = False
    draining: bool = False
    port: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                request = await reader.readline()
            path = request.split(b" ")[1] if request.count(b" ") >= 2 else b"/"
            ok = self.ready and not self.draining if path == b"/ready" else True
            body = json.dumps({"live": True, "ready": self.ready, "draining": self.draining}).encode()
            status = b"200 OK" if ok else b"503 Service Unavailable"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nConnection: close\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass  # Whoever asked went away, or does not speak HTTP.
        finally:
            writer.close()


@asynccontextmanager
async def serving(health: Health, host: str, port: int) -> AsyncIterator[None]:
    """Answers health checks while the block runs. health.port tells the port; 0 asks for a free one."""
    server = await asyncio.start_server(health.answer, host, port)
    health.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
