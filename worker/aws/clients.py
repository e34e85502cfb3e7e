"""How do we talk to AWS, and what does a failure mean?

One session and one client a service for the life of the process. The SDK's own retries are off: retrying is decided
in one place (worker/retry.py), and never twice for one call."""

from __future__ import annotations

import os
import ssl
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
from botocore.httpsession import get_cert_path

from handlers.errors import Misconfigured, Overloaded, TransientFailure
from worker.aws.connections import Connections
from worker.aws.lane import Lane, may_take

THROTTLES = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
    "SlowDown",
    "LimitExceededException",
    # Another write of the same item was under way; this one had no effect.
    "TransactionConflictException",
}
TRANSIENT = {
    "InternalServerError",
    "InternalFailure",
    "InternalError",
    "InternalException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    # The endpoint is there and its model failed: 424, which is no status of the service itself.
    "ModelError",
    "RequestTimeout",
    "TransactionInProgressException",
    "RequestExpired",
    "ExpiredToken",
    "ExpiredTokenException",
}

# Where answers are read; the model is asked what an error's code stands for.
READERS = {"botocore.parsers", "aiobotocore.parsers", "botocore.model", "worker.aws.answers"}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Stand-ins for AWS; None is AWS itself."""

    everything: str | None = None
    runtimes: str | None = None


@dataclass(frozen=True, slots=True)
class Clients:
    """aiobotocore clients; they carry no static types."""

    sqs: Any
    dynamodb: Any
    streams: Any
    events: Any
    cloudwatch: Any
    s3: Any
    sagemaker: Any
    bedrock: Any


@asynccontextmanager
async def open_clients(
    region: str,
    endpoints: Endpoints,
    *,
    validate: bool = False,
    session: AioSession | None = None,
    lane: bool = True,
) -> AsyncIterator[Clients]:
    """Opens every client the worker uses and closes them at the end. validate checks each request against the
    service's model before it is sent: a tenth of the worker's time, so it is for tests. session may bring its own
    credentials and transport; without one they are the environment's. lane: the hot calls go our own short way,
    wherever they may."""
    session = session or get_session()
    async with AsyncExitStack() as stack:

        async def client(service: str, url: str | None, read_timeout_s: float) -> Any:
            config = AioConfig(
                region_name=region,
                connect_timeout=5,
                read_timeout=read_timeout_s,
                max_pool_connections=64,
                retries={"total_max_attempts": 1, "mode": "standard"},  # whatever AWS_RETRY_MODE says
                user_agent="restock",
                parameter_validation=validate,
                s3={"addressing_style": "path"},
            )
            opened = await stack.enter_async_context(session.create_client(service, endpoint_url=url, config=config))
            return await _by_lane(opened, session, stack, validate) if lane else opened

        yield Clients(
            # A long poll holds the connection for 20 s.
            sqs=await client("sqs", endpoints.everything, 30),
            dynamodb=await client("dynamodb", endpoints.everything, 10),
            streams=await client("dynamodbstreams", endpoints.everything, 10),
            events=await client("events", endpoints.everything, 10),
            cloudwatch=await client("cloudwatch", endpoints.everything, 10),
            s3=await client("s3", endpoints.everything, 30),
            # SageMaker answers within 60 s; Bedrock may think longer.
            sagemaker=await client("sagemaker-runtime", endpoints.runtimes or endpoints.everything, 65),
            bedrock=await client("bedrock-runtime", endpoints.runtimes or endpoints.everything, 120),
        )


async def _by_lane(client: Any, session: AioSession, stack: AsyncExitStack, validate: bool) -> Any:
    """The same client with the lane in front, if that may be."""
    credentials = await session.get_credentials()
    if credentials is None or not may_take(client):
        return client
    url, config = client.meta.endpoint_url, client.meta.config
    verify = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or True
    connections = Connections(
        url,
        connect_timeout_s=config.connect_timeout,
        read_timeout_s=config.read_timeout,
        most=config.max_pool_connections,
        tls=_trusting(get_cert_path(verify)) if url.startswith("https:") else None,
    )
    stack.push_async_callback(connections.close)
    return Lane(client, credentials, connections, validate=validate)


@cache
def _trusting(authorities: str) -> ssl.SSLContext:
    """Trusts whom the library's own transport trusts: AWS_CA_BUNDLE, or else the authorities it brings."""
    return ssl.create_default_context(cafile=authorities)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turns what an AWS call may raise into the errors of handlers/errors.py. doing names the call in messages."""
    try:
        yield
    except ClientError as exc:
        raise _of_client_error(exc, doing) from exc
    except (NoCredentialsError, PartialCredentialsError) as exc:
        raise Misconfigured(f"{doing}: {exc}") from exc
    except (BotoCoreError, aiohttp.ClientError, TimeoutError, OSError) as exc:
        raise TransientFailure(f"{doing}: {type(exc).__name__}: {exc}") from exc
    except Exception as exc:
        if not _raised_by_a_reader(exc):
            raise
        raise TransientFailure(f"{doing}: the answer cannot be read: {type(exc).__name__}: {str(exc)[:200]}") from exc


def _raised_by_a_reader(exc: Exception) -> bool:
    """Whether an answer is to blame. What reads it raises whatever it stumbles over, by the lane as by the client; the
    same error from anywhere else is a fault of ours, and is not to be tried again."""
    return any(frame.f_globals.get("__name__") in READERS for frame, _ in traceback.walk_tb(exc.__traceback__))


def error_code(exc: ClientError) -> str:
    """The service's name for the error."""
    return str(exc.response.get("Error", {}).get("Code", ""))


def _of_client_error(exc: ClientError, doing: str) -> Exception:
    code = error_code(exc)
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = f"{doing}: {code}: {exc.response.get('Error', {}).get('Message', '')}"
    if code in THROTTLES or status == 429:
        return Overloaded(message)
    if code in TRANSIENT or status >= 500:
        return TransientFailure(message)
    return Misconfigured(message)
