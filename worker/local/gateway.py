"""What do SageMaker and Bedrock answer to a worker that runs on one machine?

The gateway speaks both runtimes' wire protocols, so the worker's own adapters are what runs. A forecast is
always a real model server's answer, never made up here; bodies have a size limit, invocations a deadline."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp import web

from worker.local.explainer import QuestionError, response_to

ACCOUNT: Final = "000000000000"
VARIANT: Final = "AllTraffic"
DEFAULT_MODEL: Final = "anthropic.claude-haiku-4-5-20251001-v1:0"
BODY_BYTES_MAX: Final = 6 * 1024 * 1024  # InvokeEndpoint's BodyBlob, each way
DEADLINE_S: Final = 60.0  # what SageMaker gives a container for one invocation
DRAIN_S: Final = 2.0
MESSAGE_CHARS_MAX: Final = 1024
CONNECTIONS_MAX: Final = 64
# SageMaker strips every header that InvokeEndpoint does not name.
PASSED_HEADERS: Final = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes")
RETURNED_HEADERS: Final = ("Content-Type", "X-Amzn-SageMaker-Custom-Attributes")

Json = Mapping[str, Any]
Converse = Callable[[Json], Awaitable[Json]]
"""Answers a Converse request body with a response body, or raises AwsError."""


class AwsError(Exception):
    """An answer in the form of the service model's error shapes: its name, its HTTP code, its members."""

    def __init__(self, code: str, status: int, message: str, **members: object) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.members = {"message": message, "Message": message, **members}


class Gateway:
    """sagemaker-runtime and bedrock-runtime on a free port of 127.0.0.1.

    routes: endpoint name -> base URL of its model server; None for an endpoint that has no instance.
    models: the ids that Converse accepts. converse: who answers, if not the rules."""

    def __init__(
        self,
        routes: Mapping[str, str | None] | None = None,
        *,
        models: Collection[str] = (DEFAULT_MODEL,),
        converse: Converse | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._routes = dict(routes or {})
        self._models = frozenset(models)
        self._answer = converse or explain_by_rules
        self._deadline_s = deadline_s
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """What the clients take as endpoint_url. RuntimeError while the gateway is not open."""
        if self._runner is None:
            raise RuntimeError("the gateway is not open")
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    def route(self, endpoint_name: str, base_url: str | None) -> None:
        """From the next call on, the endpoint is served from there; calls under way end where they began."""
        self._routes[endpoint_name] = base_url

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[_errors_as_aws_writes_them])
        app.router.add_post("/endpoints/{name}/invocations", self._invoke_endpoint)
        app.router.add_post("/model/{model_id}/converse", self._converse)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=DRAIN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
            timeout=aiohttp.ClientTimeout(total=self._deadline_s),
        )
        self._runner = runner
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        runner, session = self._runner, self._session
        self._runner = self._session = None
        try:
            if runner is not None:
                await runner.cleanup()
        finally:
            if session is not None:
                await session.close()

    async def _invoke_endpoint(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._routes:
            raise AwsError("ValidationError", 400, f"Endpoint {name} of account {ACCOUNT} not found.")
        body = await _body_of(request, "ValidationError")
        base_url = self._routes[name]
        if base_url is None or self._session is None:
            raise _no_instance(name)
        try:
            return await _forward(self._session, base_url, name, request, body)
        except aiohttp.ClientConnectorError as exc:
            raise _no_instance(name) from exc
        except TimeoutError as exc:
            raise _model_error(name, 0, "Your invocation timed out while waiting for a response") from exc
        except aiohttp.ClientError as exc:
            raise _model_error(name, 0, f"The container broke off: {type(exc).__name__}") from exc

    async def _converse(self, request: web.Request) -> web.Response:
        model_id = request.match_info["model_id"]
        if model_id not in self._models:
            # Bedrock says this of a retired model; what to do is the same for one that never was.
            text = f"Model {model_id} is unknown or has reached the end of its life."
            raise AwsError("ResourceNotFoundException", 404, text)
        body = await _body_of(request, "ValidationException")
        try:
            question = json.loads(body)
        except (ValueError, RecursionError) as exc:
            raise AwsError("ValidationException", 400, "The request body is not JSON.") from exc
        if not isinstance(question, dict):
            raise AwsError("ValidationException", 400, "The request body is not a JSON object.")
        return web.json_response(await self._answer(question))


async def explain_by_rules(question: Json) -> Json:
    """Converse's response: the rule-based explanation of the facts in the last user message."""
    try:
        return response_to(question)
    except QuestionError as exc:
        raise AwsError("ValidationException", 400, str(exc)) from exc


async def _body_of(request: web.Request, too_large: str) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as exc:
        raise AwsError(too_large, 400, f"The body is larger than {BODY_BYTES_MAX} bytes.") from exc


async def _forward(
    session: aiohttp.ClientSession, base_url: str, name: str, request: web.Request, body: bytes
) -> web.Response:
    headers = {key: request.headers[key] for key in PASSED_HEADERS if key in request.headers}
    url = f"{base_url.rstrip('/')}/invocations"
    headers["Accept-Encoding"] = "identity"
    # As a stream: aiohttp writes a large bytes object in one piece, and warns of it.
    async with session.post(url, data=io.BytesIO(body), headers=headers) as reply:
        answer = await _read_up_to(reply.content, BODY_BYTES_MAX)
        if answer is None:
            raise _model_error(name, reply.status, f"The response is larger than {BODY_BYTES_MAX} bytes")
        if reply.status >= 400:
            raise _model_error(name, reply.status, answer.decode("utf-8", "replace"))
        returned = {key: reply.headers[key] for key in RETURNED_HEADERS if key in reply.headers}
    return web.Response(body=answer, headers={**returned, "x-Amzn-Invoked-Production-Variant": VARIANT})


async def _read_up_to(stream: aiohttp.StreamReader, limit: int) -> bytes | None:
    """The whole body, or None once it has passed the limit."""
    body = bytearray()
    async for chunk in stream.iter_any():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def _model_error(name: str, status: int, message: str) -> AwsError:
    # ModelError 424 is "the model returned 4xx or 5xx"; a container that gave no answer at all has status 0.
    said = message[:MESSAGE_CHARS_MAX]
    side = "client" if 400 <= status < 500 else "server"
    return AwsError(
        "ModelError",
        424,
        f'Received {side} error ({status}) from primary with message "{said}".',
        OriginalStatusCode=status,
        OriginalMessage=said,
        LogStreamArn=f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/{name}",
    )


def _no_instance(name: str) -> AwsError:
    # ModelError is declared for a container's own 4xx and 5xx. Where none listens, what InvokeEndpoint
    # declares is ServiceUnavailable 503, "try your call again".
    return AwsError("ServiceUnavailable", 503, f"Endpoint {name} has no instance in service.")


@web.middleware
async def _errors_as_aws_writes_them(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except AwsError as exc:
        return web.json_response(exc.members, status=exc.status, headers={"x-amzn-ErrorType": exc.code})
