"""What may come out of a socket, and does whoever reads it end?

Our own HTTP towards AWS, what botocore's models make of a body, and the few lines that answer health checks."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import ResponseParserError

from worker.aws.answers import Answers
from worker.aws.connections import Answer, Connection
from worker.health import Health

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
def _answers(service: str, operation: str) -> Answers:
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    return Answers(model.operation_model(operation))


def aws_answer(data: bytes) -> None:
    """worker/aws/answers.py: what the client's method would return, or botocore's own error."""
    status = 200 if not data or data[0] % 2 else 400
    service, operation = OPERATIONS[data[0] % len(OPERATIONS) if data else 0]
    try:
        said = _answers(service, operation).read(Answer(status, {"content-type": "application/x-amz-json-1.0"}, data[1:]))
    except ResponseParserError:
        return
    assert said["ResponseMetadata"]["RetryAttempts"] == 0


class _Writer:
    """As much of a StreamWriter as an answer needs."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        return

    def close(self) -> None:
        self.closed = True


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
