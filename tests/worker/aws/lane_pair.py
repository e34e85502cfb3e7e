"""One service by both ways: the same call goes to the lane and to the client, and comes back with the same bytes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.session import AioSession
from botocore import xform_name
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError
from lane_calls import Heard, heard

from worker.aws.clients import Endpoints, open_clients
from worker.aws.connections import Answer
from worker.aws.lane import Lane

REGION = "eu-central-1"
NOW = datetime(2024, 10, 4, 23, 59, 59, tzinfo=UTC)


class Canned:
    """A transport that carries nothing: it keeps what it is given, and answers as told."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.heard: Heard | Exception = heard("ReceiveMessage", {})

    async def post(self, request: bytes) -> Answer:
        self.requests.append(request)
        if isinstance(self.heard, Exception):
            raise self.heard
        return Answer(self.heard.status, dict(self.heard.headers), self.heard.body)

    async def close(self) -> None:
        """Nothing is open."""

    @property
    def last(self) -> tuple[str, dict[str, str], bytes]:
        """The first line, the headers and the body of the last request."""
        head, _, body = self.requests[-1].partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        return first, dict(line.split(": ", 1) for line in lines), body


class Body:
    """An answer's body, as aiobotocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self) -> bytes:
        return self._body


class Credentials:
    """Other keys at each asking, as those that are refreshed."""

    def __init__(self) -> None:
        self.frozen = ReadOnlyCredentials("key", "secret", "token/+==")

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return self.frozen


class Pair:
    """One service by both ways. What the client sends is kept in sent, and answered with the same bytes."""

    def __init__(self, client: Any, credentials: Credentials, validate: bool) -> None:
        self.client = client
        self.canned = Canned()
        self.sent: Any = None
        self.lane = Lane(client, credentials, self.canned, validate=validate, now=NOW.timestamp)
        client.meta.events.register("before-send", self._before_send)

    def _before_send(self, request: Any, **_: object) -> AioAWSResponse:
        self.sent = request
        if isinstance(self.canned.heard, Exception):
            raise self.canned.heard
        _, status, body, headers = self.canned.heard
        return AioAWSResponse(request.url, status, headers, Body(body))


@asynccontextmanager
async def pairs(region=REGION, url=None, *, validate=False):
    """Every service with a lane, as the worker opens its client."""
    session, credentials = AioSession(), Credentials()
    session.set_credentials(*credentials.frozen[:3])
    async with open_clients(region, Endpoints(url), session=session, validate=validate, lane=False) as clients:
        named = {"sqs": clients.sqs, "dynamodb": clients.dynamodb, "dynamodbstreams": clients.streams}
        opened = {
            name: Pair(client, credentials, validate) for name, client in {**named, "events": clients.events}.items()
        }
        yield opened


async def outcome(client, operation, params):
    try:
        return await getattr(client, xform_name(operation))(**params)
    except ClientError as exc:
        return type(exc), exc.response, exc.operation_name


async def outcomes(pair: Pair, operation: str, answered: Heard | Exception, params: dict[str, Any]):
    """What the lane's caller gets, and what the client's."""
    pair.canned.heard = answered
    told = [await outcome(client, operation, dict(params)) for client in (pair.lane, pair.client)]
    for each in told:
        # The client that may not retry calls every answer its last attempt.
        (each[1] if isinstance(each, tuple) else each)["ResponseMetadata"].pop("MaxAttemptsReached", None)
    return told
