"""What happens between a worker and its server?

A TCP proxy that knows where a request begins: at the first bytes that follow an answer, because our clients do not
pipeline. Each request meets the next fate of a seeded series. A cut after the effect waits for the first byte of the
answer: the server has done then what it was asked."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from chaos.schedule import LOST, Destiny, Fate

CHUNK_BYTES = 64 * 1024
TARGET = re.compile(rb"x-amz-target:[^\r\n]*?(\w+)\r\n", re.IGNORECASE)
RECEIVES = re.compile(rb'"ApproximateReceiveCount":\s*"(\d+)"')


def operation_of(head: bytes) -> str:
    """The AWS operation of a request, or its method and the last part of its path."""
    found = TARGET.search(head)
    if found is not None:
        return found[1].decode()
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    return f"{method.decode('latin-1')} {path.decode('latin-1').rsplit('/', 1)[-1]}"


class ChaosProxy:
    """fates_of gives the series of fates of an operation, kill ends the worker. counts: how often an operation met a
    fate. redelivered: messages seen in answers that were received before."""

    def __init__(
        self, target: str, fates_of: Callable[[str], Iterator[Destiny]], kill: Callable[[], None] = lambda: None
    ) -> None:
        parts = urlsplit(target)
        self.target = (parts.hostname, parts.port)
        self.counts: Counter[tuple[Fate, str]] = Counter()
        self.redelivered = 0
        self.out = False
        self.healed = False
        self.kill = kill
        self._fates_of = fates_of
        self._series: dict[str, Iterator[Destiny]] = {}
        self._connections: dict[_Connection, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        tasks = list(self._connections.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def next_destiny(self, head: bytes) -> Destiny:
        operation = operation_of(head)
        if operation not in self._series:
            self._series[operation] = self._fates_of(operation)
        destiny = Destiny(Fate.PASSED) if self.healed else next(self._series[operation])
        self.counts[destiny.fate, operation] += 1
        return destiny

    def outage(self, *, out: bool) -> None:
        """While out, every connection is broken, those under way too: what was forwarded may have taken effect."""
        self.out = out
        if out:
            for connection in self._connections:
                connection.abort()

    def heal(self) -> None:
        """From now on nothing goes wrong; who waits for a lost answer hears at once that there is none."""
        self.healed, self.out = True, False
        for connection in self._connections:
            if connection.fate in LOST:
                connection.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        task = asyncio.current_task()
        if self.out or task is None:
            connection.abort()
            return
        self._connections[connection] = task
        try:
            await connection.carry()
        except asyncio.CancelledError:
            if self._server.is_serving():
                raise
        finally:
            del self._connections[connection]


class _Connection:
    """One connection of a client and its continuation to the server."""

    def __init__(self, proxy: ChaosProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.fate = Fate.PASSED
        self._proxy = proxy
        self._client, self._to_client = reader, writer
        self._answered = True
        self._receiving = False
        self._answer = bytearray()

    async def carry(self) -> None:
        """Carries bytes both ways until one side ends it, or a fate does."""
        to_server = None
        try:
            server, to_server = await asyncio.open_connection(*self._proxy.target)
            ways = [asyncio.create_task(self._up(to_server)), asyncio.create_task(self._down(server))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass  # The server is gone: the client sees a broken connection.
        finally:
            self._count_receives()
            self.abort()
            if to_server is not None:
                to_server.transport.abort()

    def abort(self) -> None:
        self._to_client.transport.abort()

    async def _up(self, to_server: asyncio.StreamWriter) -> None:
        while data := await self._client.read(CHUNK_BYTES):
            if self._answered:
                self._count_receives()
                self._answered = False
                self.fate, wait_s = self._proxy.next_destiny(data)
                self._receiving = operation_of(data) == "ReceiveMessage"
                if self.fate is Fate.KILLED_BEFORE:
                    self._proxy.kill()
                if self.fate in (Fate.CUT_BEFORE, Fate.KILLED_BEFORE):
                    return
                await asyncio.sleep(wait_s)
            if self.fate is not Fate.LOST_BEFORE:
                to_server.write(data)
                await to_server.drain()

    async def _down(self, server: asyncio.StreamReader) -> None:
        while data := await server.read(CHUNK_BYTES):
            self._answered = True
            if self._receiving:
                self._answer += data
            if self.fate is Fate.KILLED_AFTER:
                self._proxy.kill()
            if self.fate in (Fate.CUT_AFTER, Fate.KILLED_AFTER):
                return
            if self.fate is Fate.LOST_AFTER:
                continue
            self._to_client.write(data[: len(data) // 2] if self.fate is Fate.HALVED else data)
            await self._to_client.drain()
            if self.fate is Fate.HALVED:
                return

    def _count_receives(self) -> None:
        self._proxy.redelivered += sum(int(times) > 1 for times in RECEIVES.findall(bytes(self._answer)))
        self._answer.clear()
