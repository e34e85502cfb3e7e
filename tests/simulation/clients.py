"""How does the worker reach the simulated AWS without a wire?

One object a service that has the methods of its aiobotocore client. They answer, and fail, with what the real ones
answer and fail with; simulation/wire.py has the same over real aiobotocore, and over the lane."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from simulation.network import ConnectionBroken, Network, NoAnswer, Said, ServiceError
from worker.aws.clients import Clients


class _Stream:
    """The body of an answer, read as one reads a real one."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def read(self) -> bytes:
        return self._body


class Client:
    """The methods of one service's client."""

    def __init__(self, network: Network, service: str) -> None:
        self._network = network
        self._service = service

    def __getattr__(self, operation: str) -> Callable[..., Awaitable[Said]]:
        async def call(**said: Any) -> Said:
            return await self._call(operation, said)

        return call

    async def _call(self, operation: str, said: Said) -> Said:
        url = f"https://{self._service}.test"
        try:
            answer = await self._network.call(self._service, operation, said)
        except ServiceError as exc:
            raise ClientError(_response(exc), operation) from exc
        except NoAnswer as exc:
            raise ReadTimeoutError(endpoint_url=url, error=exc) from exc
        except ConnectionBroken as exc:
            raise ConnectionClosedError(endpoint_url=url, error=exc) from exc
        if isinstance(answer.get("Body"), bytes):
            return {**answer, "Body": _Stream(answer["Body"])}
        return answer


def _response(error: ServiceError) -> Any:
    return {
        "Error": {"Code": error.code, "Message": error.message},
        "ResponseMetadata": {"HTTPStatusCode": error.status},
        **error.members,
    }


@asynccontextmanager
async def direct_clients(network: Network) -> AsyncIterator[Clients]:
    """Clients that call the simulated services themselves."""
    yield Clients(
        sqs=Client(network, "sqs"),
        dynamodb=Client(network, "dynamodb"),
        streams=Client(network, "dynamodbstreams"),
        events=Client(network, "events"),
        cloudwatch=Client(network, "cloudwatch"),
        s3=Client(network, "s3"),
        sagemaker=Client(network, "sagemaker-runtime"),
        bedrock=Client(network, "bedrock-runtime"),
    )
