"""A real HTTP server in front of an AWS that rewrites chosen answers.

Faults are planned by operation and used up in order. Each is an async function of the call; what it does not forward
does not happen, so a fault before the effect and one after it are told apart by what the emulator then holds."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

JSON = "application/x-amz-json-1.0"
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "content-encoding", "x-amz-crc32", "date", "server"}
BODY_BYTES_MAX = 64 * 1024 * 1024


@dataclass(slots=True)
class Call:
    """One request of a client. body is its bytes, said the same as JSON."""

    operation: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    proxy: FaultProxy
    transport: asyncio.BaseTransport

    @property
    def said(self) -> dict[str, Any]:
        return json.loads(self.body)

    async def forward(self, said: dict[str, Any] | None = None) -> tuple[int, dict[str, str], bytes]:
        body = self.body if said is None else json.dumps(said).encode()
        return await self.proxy.send(self, body)

    async def forwarded(self, said: dict[str, Any]) -> dict[str, Any]:
        """Forwards a changed request and reads the answer."""
        status, _, body = await self.forward(said)
        assert status == 200, body
        return json.loads(body)


Fault = Callable[[Call], Awaitable[web.StreamResponse]]


class FaultProxy:
    def __init__(self, target: str) -> None:
        self._target = target
        self._planned: dict[str, deque[Fault | None]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}
        self._released = asyncio.Event()
        self.calls: list[Call] = []

    def plan(self, operation: str, *faults: Fault | None) -> None:
        """The next calls of this operation meet these faults, one each; None lets one pass."""
        self._planned[operation].extend(faults)

    def always(self, operation: str, fault: Fault) -> None:
        self._always[operation] = fault

    def heal(self) -> None:
        """Forgets every fault and every call, and lets go whoever hangs."""
        self._planned.clear()
        self._always.clear()
        self.calls.clear()
        self._released.set()
        self._released = asyncio.Event()

    def count(self, operation: str) -> int:
        return sum(call.operation == operation for call in self.calls)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._session = aiohttp.ClientSession(auto_decompress=False)
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        await self._runner.cleanup()
        await self._session.close()

    async def send(self, call: Call, body: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {k: v for k, v in call.headers.items() if k.lower() not in {*HOP_BY_HOP, "host"}}
        async with self._session.request(call.method, self._target + call.path, data=body, headers=headers) as answer:
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP}
            return answer.status, kept, await answer.read()

    async def hang(self) -> None:
        await self._released.wait()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        target = request.headers.get("X-Amz-Target", "")
        operation = target.rpartition(".")[2] or f"{request.method} {request.path.split('/')[-1]}"
        assert request.transport is not None
        transport, headers = request.transport, dict(request.headers)
        call = Call(operation, request.method, request.path_qs, headers, await request.read(), self, transport)
        self.calls.append(call)
        planned = self._planned[operation]
        fault = planned.popleft() if planned else self._always.get(operation)
        return await (fault or passed)(call)


async def passed(call: Call) -> web.Response:
    status, headers, body = await call.forward()
    return web.Response(status=status, headers=headers, body=body)


async def lost_before(call: Call) -> web.StreamResponse:
    """The request is lost: no effect, and no answer until the caller gives up."""
    await call.proxy.hang()
    raise web.HTTPServiceUnavailable


async def lost_after(call: Call) -> web.StreamResponse:
    """The answer is lost: it took effect, and the caller waits until it gives up."""
    await call.forward()
    await call.proxy.hang()
    raise web.HTTPServiceUnavailable


async def cut_after(call: Call) -> web.StreamResponse:
    """The connection breaks after it took effect."""
    await call.forward()
    call.transport.abort()
    return web.Response()


def error(code: str, status: int = 400, **members: object) -> Fault:
    """Answers with an error of the service and does nothing."""

    async def answer(_: Call) -> web.StreamResponse:
        said = {"__type": f"com.amazonaws#{code}", "message": "planned", "Message": "planned", **members}
        return web.json_response(said, status=status, content_type=JSON)

    return answer


def broken_after(status: int = 500) -> Fault:
    """It took effect, and the service says that it failed."""

    async def answer(call: Call) -> web.StreamResponse:
        await call.forward()
        return await error("InternalServerError", status)(call)

    return answer


def cancelled(*reasons: str) -> Fault:
    """A transaction cancelled for these reasons, one an action; nothing is written."""
    said = [{"Code": reason, **({} if reason == "None" else {"Message": reason})} for reason in reasons]
    return error("TransactionCanceledException", CancellationReasons=said)


def answered(said: dict[str, Any]) -> web.StreamResponse:
    return web.json_response(said, content_type=JSON)


def keys_unprocessed(kept: int) -> Fault:
    """BatchGetItem answers for the first keys only."""

    async def answer(call: Call) -> web.StreamResponse:
        said = call.said
        ((table, wanted),) = said["RequestItems"].items()
        keys = wanted["Keys"]
        wanted["Keys"] = keys[:kept]
        reply = await call.forwarded(said) if kept else {"Responses": {}}
        left = {table: {**wanted, "Keys": keys[kept:]}} if keys[kept:] else {}
        return answered({**reply, "UnprocessedKeys": left})

    return answer


def items_unprocessed(kept: int) -> Fault:
    """BatchWriteItem performs the first requests only."""

    async def answer(call: Call) -> web.StreamResponse:
        said = call.said
        ((table, requests),) = said["RequestItems"].items()
        reply = await call.forwarded({**said, "RequestItems": {table: requests[:kept]}}) if kept else {}
        left = {table: requests[kept:]} if requests[kept:] else {}
        return answered({**reply, "UnprocessedItems": left})

    return answer


def deletes_failed(kept: int, *, sender_fault: bool = False) -> Fault:
    """DeleteMessageBatch deletes the first messages only."""

    async def answer(call: Call) -> web.StreamResponse:
        said = call.said
        entries = said["Entries"]
        reply = await call.forwarded({**said, "Entries": entries[:kept]}) if kept else {"Successful": []}
        failed = [{"Id": e["Id"], "SenderFault": sender_fault, "Code": "InternalError"} for e in entries[kept:]]
        return answered({**reply, "Failed": failed})

    return answer


def entries_refused(*positions: int) -> Fault:
    """PutEvents publishes all entries but these, and does not raise."""

    async def answer(call: Call) -> web.StreamResponse:
        entries = call.said["Entries"]
        good = [e for i, e in enumerate(entries) if i not in positions]
        ids = iter((await call.forwarded({"Entries": good}))["Entries"]) if good else iter(())
        refused = {"ErrorCode": "ThrottlingException", "ErrorMessage": "planned"}
        replies = [refused if i in positions else next(ids) for i in range(len(entries))]
        return answered({"FailedEntryCount": len(positions), "Entries": replies})

    return answer
