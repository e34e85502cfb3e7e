"""What may come out of a socket, and does whoever reads it end?

Our own HTTP towards AWS, what botocore's models make of a body, and the few lines that answer health checks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser

from handlers.errors import TransientFailure
from worker.aws.answers import Answers
from worker.aws.clients import translated
from worker.aws.connections import Answer, Connection
from worker.health import Health
from worker.producer import Row
from worker.suppliers.webhook import Webhook

OPERATIONS = (("sqs", "ReceiveMessage"), ("dynamodb", "BatchGetItem"), ("dynamodb", "TransactWriteItems"))


class _Sink(asyncio.Transport):
    """A transport that keeps what is written and hangs up when told to."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.written = b""
        self._protocol = protocol
        self._closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def abort(self) -> None:
        if not self._closed:
            self._closed = True
            self._protocol.connection_lost(None)

    close = abort

    def is_closing(self) -> bool:
        return self._closed


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def http_answer(data: bytes) -> None:
    """worker/aws/connections.py: the answer, or a botocore error, and never neither once the other side has gone."""
    _loop().run_until_complete(_http_answer(data))


async def _http_answer(data: bytes) -> None:
    connection = Connection("http://127.0.0.1", 5.0, set())
    transport = _Sink(connection)
    connection.connection_made(transport)
    answer = connection.ask(b"POST / HTTP/1.1\r\n\r\n")
    size = 1 + (data[0] if data else 0)
    for at in range(1, len(data), size):
        if not transport.is_closing():
            connection.data_received(data[at : at + size])
    transport.abort()
    try:
        said = await asyncio.wait_for(answer, 1)
    except BotoCoreError:
        return
    assert said.status_code >= 200


@cache
def _model(service: str, operation: str) -> Any:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service).operation_model(operation)


def aws_answer(data: bytes) -> None:
    """worker/aws/answers.py: what botocore's own parser says of the body, or an error that the worker knows."""
    status, (service, operation) = (200, 400)[data[0] % 2 if data else 0], OPERATIONS[data[0] % 3 if data else 0]
    model, headers = _model(service, operation), {"content-type": "application/x-amz-json-1.0"}
    try:
        with translated(operation):
            said = Answers(model).read(Answer(status, headers, data[1:]))
    except TransientFailure:
        return
    answer = {"status_code": status, "headers": headers, "body": data[1:], "context": {}}
    try:
        expected = create_parser("json").parse(answer, model.output_shape)
    except ValueError:
        return  # of a member that the model does not know we read nothing at all
    for name in set(model.output_shape.members) | {"Error"}:
        assert said.get(name) == expected.get(name), name


class _Writer:
    """As much of a StreamWriter as an answer needs."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        return

    def write_eof(self) -> None:
        return

    def close(self) -> None:
        self.closed = True


def supplier_request(data: bytes) -> None:
    """worker/suppliers/webhook.py: an answer or none, and the connection is closed."""
    _loop().run_until_complete(_supplier_request(data))


async def _supplier_request(data: bytes) -> None:
    async def send(rows: Sequence[Row]) -> None:
        assert rows

    reader, writer = asyncio.StreamReader(), _Writer()
    reader.feed_data(data)
    reader.feed_eof()
    await Webhook("token", send, lambda: 1_735_689_600_000).answer(reader, writer)  # type: ignore[arg-type]
    assert writer.closed


def health_request(data: bytes) -> None:
    """worker/health.py: an answer or none, and the connection is closed."""
    _loop().run_until_complete(_health_request(data))


async def _health_request(data: bytes) -> None:
    reader, writer = asyncio.StreamReader(), _Writer()
    reader.feed_data(data)
    reader.feed_eof()
    await Health(ready=True).answer(reader, writer)  # type: ignore[arg-type]
    assert writer.closed
    assert not writer.written or writer.written.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 404 "))
