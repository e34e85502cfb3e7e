"""Is the worker alive, and is it working?

A few lines of HTTP on a port, answered by the worker's own event loop: a loop that hangs does not answer. `/live` is
200 while the loop turns and no step of the worker hangs; `/ready` is 200 once the worker is connected to its queue and
tables, and until it drains; `/metrics` is for Prometheus, where it is asked for. AWS that is away makes nobody dead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from worker.observability.pulse import LoopBeat

READ_TIMEOUT_S = 2.0
OPEN_MAX = 32  # whoever asks beyond that is turned away: answering must never cost the worker its work
OK, NOT_FOUND, UNAVAILABLE = b"200 OK", b"404 Not Found", b"503 Service Unavailable"
PAGE = b"text/plain; version=0.0.4; charset=utf-8"


class Watched(Protocol):
    """Whose health it is."""

    @property
    def stuck(self) -> str | None:
        """The step that hangs, None if none does."""
        ...

    def page(self, loop_lag_s: float, *, takes_work: bool) -> bytes | None:
        """Its metrics, and these, as Prometheus reads them; None where nobody shall."""
        ...


class Answer(NamedTuple):
    status: bytes
    body: bytes
    kind: bytes = b"application/json"


@dataclass(slots=True)
class Health:
    """What the worker says of itself."""

    ready: bool = False
    draining: bool = False
    port: int = 0
    worker: Watched | None = None
    beat: LoopBeat = field(default_factory=LoopBeat)
    _open: int = 0

    def watch(self, worker: Watched) -> None:
        """From now on it is this worker's health."""
        self.worker = worker

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open > OPEN_MAX:
                return
            async with asyncio.timeout(READ_TIMEOUT_S):
                request = await reader.readline()
                said = self.said(request.split(b" ")[1] if request.count(b" ") >= 2 else b"/")
                writer.write(b"HTTP/1.1 %b\r\nContent-Type: %b\r\nConnection: close\r\n" % (said.status, said.kind))
                writer.write(b"Content-Length: %d\r\n\r\n" % len(said.body) + said.body)
                await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass  # Whoever asked went away, or does not speak HTTP.
        finally:
            self._open -= 1
            writer.close()

    def said(self, path: bytes) -> Answer:
        """The answer to a GET of this path."""
        if path == b"/metrics":
            return self._metrics()
        stuck = self.worker.stuck if self.worker is not None else None
        ok = self._takes_work if path == b"/ready" else stuck is None
        said: dict[str, object] = {"live": stuck is None, "ready": self.ready, "draining": self.draining}
        if stuck is not None:
            said["stuck"] = stuck
        return Answer(OK if ok else UNAVAILABLE, json.dumps(said).encode())

    @property
    def _takes_work(self) -> bool:
        return self.ready and not self.draining

    def _metrics(self) -> Answer:
        page = self.worker.page(self.beat.lag_s, takes_work=self._takes_work) if self.worker is not None else None
        if page is None:
            return Answer(NOT_FOUND, b'{"metrics": "RESTOCK_PROMETHEUS is off, or the worker is not connected yet"}')
        return Answer(OK, page, PAGE)


@asynccontextmanager
async def serving(health: Health, host: str, port: int) -> AsyncIterator[None]:
    """Answers health checks while the block runs. health.port tells the port; 0 asks for a free one."""
    server = await asyncio.start_server(health.answer, host, port)
    health.port = server.sockets[0].getsockname()[1]
    beating = asyncio.create_task(health.beat.keep())
    try:
        yield
    finally:
        beating.cancel()
        server.close()
