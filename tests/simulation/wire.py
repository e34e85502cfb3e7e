"""Does the worker hold with the AWS clients that it has in production, by the library's way and by the lane?

Real aiobotocore, opened by the production open_clients: it serialises, signs, parses, names the errors; so does the
lane for the hot calls. Only what carries their HTTP is ours and ends in the simulated network. No disk after the first
opening, no socket, no thread, and nothing of the environment: no variable, profile or metadata service changes a
run."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from dataclasses import fields
from functools import partial
from io import BytesIO
from typing import Any, Self

from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentials
from aiobotocore.session import AioSession
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConfigValueStore, ConstantProvider
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from simulation.network import READ_TIMEOUT_S, ConnectionBroken, Network, NoAnswer, ServiceError
from simulation.wire_protocols import Service, loader, service_of
from simulation.wire_requests import Reply, Request, received
from worker.aws.clients import Clients, Endpoints, open_clients
from worker.aws.connections import Answer
from worker.aws.lane import Lane, may_take

REGION = "eu-central-1"
KEYS = ("simulated", "simulated")


class _Answer:
    """What aiohttp's response is to aiobotocore: a body that is read once. Its connection is free again when it was
    read to the end or closed; who does neither keeps it."""

    def __init__(self, url: str, body: bytes, pool: asyncio.Semaphore) -> None:
        self.url = url
        self.content = self
        self._body = BytesIO(body)
        self._size = len(body)
        self._pool: asyncio.Semaphore | None = pool
        self._give_back_if_read()

    async def read(self, size: int = -1) -> bytes:
        read = self._body.read(size)
        self._give_back_if_read()
        return read

    def at_eof(self) -> bool:
        return self._body.tell() == self._size

    def close(self) -> None:
        if self._pool is not None:
            self._pool.release()
            self._pool = None

    def _give_back_if_read(self) -> None:
        if self.at_eof():
            self.close()


class WiredSession:
    """aiobotocore's HTTP session, one a client, with its bounded pool of connections. Without a network it only tells
    what aiobotocore wants of it."""

    def __init__(
        self,
        *,
        timeout: tuple[float, float],
        max_pool_connections: int,
        network: Network | None = None,
        **_: object,
    ) -> None:
        self.wanted = {"timeout": timeout, "max_pool_connections": max_pool_connections}
        self._network = network
        self._read_timeout_s = timeout[1]
        self._pool = asyncio.Semaphore(max_pool_connections)
        self._open = False

    async def __aenter__(self) -> Self:
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False

    async def close(self) -> None:
        self._open = False

    async def send(self, request: Any) -> AioAWSResponse:
        """One request and its answer; ReadTimeoutError or ConnectionClosedError when there is none."""
        assert self._open, "a client is used that was never opened, or was closed"
        await self._pool.acquire()
        try:
            status, headers, body = await self._exchanged(request)
        except BaseException:
            self._pool.release()
            raise
        response = AioAWSResponse(request.url, status, headers, _Answer(request.url, body, self._pool))
        if not request.stream_output:
            await response.content
        return response

    async def _exchanged(self, request: Any) -> Reply:
        assert self._network is not None
        return await _exchanged(self._network, await _arrived(request), self._read_timeout_s)


class WiredTransport:
    """What carries the requests of a lane, with as many connections as in production."""

    def __init__(self, network: Network, timeout: tuple[float, float], max_pool_connections: int) -> None:
        self._network = network
        self._read_timeout_s = timeout[1]
        self._pool = asyncio.Semaphore(max_pool_connections)

    async def post(self, request: bytes) -> Answer:
        async with self._pool:
            reply = await _exchanged(self._network, _request(request), self._read_timeout_s)
            return Answer(*reply)

    async def close(self) -> None:
        """Nothing is open."""


async def _exchanged(network: Network, arrived: Request, read_timeout_s: float) -> Reply:
    """The answer to a request; ReadTimeoutError or ConnectionClosedError when there is none."""
    service = service_of(arrived)
    # The network gives up when the client would; it must know how long production waits.
    assert read_timeout_s == READ_TIMEOUT_S[service.name]
    try:
        return await _answered(network, service, arrived)
    except NoAnswer as exc:
        raise ReadTimeoutError(endpoint_url=arrived.url, error=exc) from exc
    except ConnectionBroken as exc:
        raise ConnectionClosedError(endpoint_url=arrived.url, error=exc) from exc


async def _answered(network: Network, service: Service, request: Request) -> Reply:
    operation, said = service.understood(request)
    try:
        return service.answered(operation, await network.call(service.name, operation, said))
    except ServiceError as exc:
        return service.refused(exc)


def _request(raw: bytes) -> Request:
    """The bytes of a request, as a server reads them."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    method, path, version = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    assert version == "HTTP/1.1"
    assert int(headers["content-length"]) == len(body)
    return received(method, f"https://{headers['host']}{path}", headers, body)


async def _arrived(request: Any) -> Request:
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    if inspect.isawaitable(body):
        body = await body
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    return received(request.method, request.url, headers, body if isinstance(body, bytes) else body.encode())


def _session() -> AioSession:
    session = AioSession()
    session.register_component("data_loader", loader())
    session.register_component("config_store", _defaults())
    session.set_credentials(*KEYS)
    session.set_default_client_config(AioConfig(http_session_cls=WiredSession, proxies={}))
    return session


def _defaults() -> ConfigValueStore:
    """The defaults of every variable; no environment, no files."""
    values = {name: default for name, (_, _, default, _) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()}
    values |= {"config_file": None, "credentials_file": None, "ignore_configured_endpoint_urls": True}
    values |= {"s3": None, "proxies_config": None}
    return ConfigValueStore({name: ConstantProvider(value) for name, value in values.items()})


_PATTERNS: list[Clients] = []


async def _pattern() -> Clients:
    """The clients as production opens them, once for all workers: that takes as long as fifty calls."""
    if not _PATTERNS:
        async with open_clients(REGION, Endpoints(), session=_session(), lane=False) as clients:
            _PATTERNS.append(clients)
    return _PATTERNS[0]


def _like(pattern: Any, network: Network) -> Any:
    """A client that shares with the pattern what never changes, and has connections of its own."""
    client = object.__new__(type(pattern))
    vars(client).update(vars(pattern))
    client._endpoint = copy(pattern._endpoint)
    client._endpoint.http_session = WiredSession(network=network, **pattern._endpoint.http_session.wanted)
    return client


def _by_lane(client: Any, network: Network) -> Any:
    """The client with a lane in front, if production has one there."""
    if not may_take(client):
        return client
    return Lane(client, AioCredentials(*KEYS), WiredTransport(network, **client._endpoint.http_session.wanted))


@asynccontextmanager
async def wired_clients(network: Network, *, lane: bool = False) -> AsyncIterator[Clients]:
    """The production clients, with the simulated network for a wire. lane: the hot calls go by the lane."""
    pattern = await _pattern()
    async with AsyncExitStack() as stack:
        opened = {
            each.name: await stack.enter_async_context(_like(getattr(pattern, each.name), network))
            for each in fields(Clients)
        }
        yield Clients(**{name: _by_lane(client, network) if lane else client for name, client in opened.items()})


lane_clients = partial(wired_clients, lane=True)
