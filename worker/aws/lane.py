"""Why does a call that is made a thousand times a second not go through the whole client library?

Because that costs ten times what the call itself does. The lane makes the few hot calls of the services that speak
JSON; what it answers, and raises, is what the client would, and all that is out of the ordinary goes the client's way.
It never retries: worker/retry.py does."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from botocore import xform_name
from botocore.exceptions import ParamValidationError
from botocore.httpsession import ProxyConfiguration
from botocore.utils import get_environ_proxies
from botocore.validate import ParamValidator, type_check

from worker.aws.answers import Answers, Said, refuses, verify
from worker.aws.connections import Answer, Transport
from worker.aws.shapes import NotOfTheShape, writer
from worker.aws.signing import Form, Signer

HOT = {
    "sqs": ("ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch", "SendMessageBatch"),
    "dynamodb": (
        "TransactWriteItems",
        "BatchGetItem",
        "BatchWriteItem",
        "Query",
        "GetItem",
        "PutItem",
        "UpdateItem",
    ),
    "dynamodbstreams": ("GetRecords",),
    "events": ("PutEvents",),
}
# A global endpoint of EventBridge has an address and a signature of its own.
ELSEWHERE = "EndpointId"
PORTS = {"http": 80, "https": 443}


def may_take(client: Any) -> bool:
    """Whether the lane does all that this client is configured to do. It knows no proxies, no certificates of the
    caller's, no other signature, and no endpoints that depend on the account or have a path."""
    meta, config = client.meta, client.meta.config
    url = meta.endpoint_url
    proxies = get_environ_proxies(url) if config.proxies is None else config.proxies
    return (
        meta.service_model.service_name in HOT
        and meta.service_model.resolved_protocol == "json"
        and config.signature_version == "v4"
        and config.client_cert is None
        and config.account_id_endpoint_mode != "required"
        and ProxyConfiguration(proxies=proxies).proxy_url_for(url) is None
        and urlsplit(url).path in ("", "/")
    )


class Lane:
    """A client of aiobotocore with a shorter way for its hot operations. credentials: botocore's, asked anew for each
    call, for they may be refreshed. now: seconds since the epoch.

    Who counts calls registers with client.meta.events, before or after this: of a hot operation the lane emits
    `before-parameter-build`, `after-call` and `after-call-error` as the client does, which costs 5 µs a call whether
    anybody listens or not. It emits no others."""

    def __init__(
        self,
        client: Any,
        credentials: Any,
        transport: Transport,
        *,
        validate: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        model = client.meta.service_model
        signer = Signer(client.meta.region_name, model.signing_name, now)
        for name in HOT[model.service_name]:
            operation = _Operation(client, name, validate, credentials, signer, transport)
            setattr(self, xform_name(name), operation.call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class _Operation:
    def __init__(
        self, client: Any, name: str, validate: bool, credentials: Any, signer: Signer, transport: Transport
    ) -> None:
        self._client = client
        self._name = name
        self._validate = validate
        self._credentials = credentials
        self._signer = signer
        self._transport = transport
        self._model = client.meta.service_model.operation_model(name)
        self._write = writer(self._model.input_shape)
        self._answers = Answers(self._model)
        self._path = f"{self._model.service_model.service_id.hyphenize()}.{name}"
        self._in_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
        headers = _headers(client, self._model)
        self._form = Form(headers)
        self._head = "POST / HTTP/1.1\r\n" + _lines({**headers, "user-agent": client.meta.config.user_agent})

    async def call(self, **params: Any) -> Said:
        """The operation, called and answered as the client's method."""
        context: Said = {}
        # A handler of botocore's gives a transaction its token.
        await self._emit("before-parameter-build", params=params, context=context)
        if self._validate:
            self._check(params)
        try:
            request = await self._request(params)
        except NotOfTheShape:
            by_the_client: Said = await getattr(self._client, xform_name(self._name))(**params)
            return by_the_client
        try:
            answer = await self._transport.post(request)
            verify(answer)
        except Exception as exc:
            await self._emit("after-call-error", exception=exc, context=context)
            raise
        return await self._answered(answer, context)

    async def _request(self, params: Said) -> bytes:
        if ELSEWHERE in params:
            raise NotOfTheShape
        body = self._write(params)
        added = self._signer.sign(self._form, body, await self._credentials.get_frozen_credentials())
        if self._in_lambda:
            added |= _traced()
        return f"{self._head}{_lines(added)}content-length: {len(body)}\r\n\r\n".encode() + body

    async def _answered(self, answer: Answer, context: Said) -> Said:
        parsed = self._answers.read(answer)
        await self._emit("after-call", http_response=answer, parsed=parsed, context=context)
        if refuses(answer):
            # A handler of botocore's has just said if the error is known by an older name (SQS).
            code = context.get("error_code_override") or parsed.get("Error", {}).get("Code")
            raise self._client.exceptions.from_code(code)(parsed, self._name)
        return parsed

    def _emit(self, event: str, **said: Any) -> Awaitable[Any]:
        emitted: Awaitable[Any] = self._client.meta.events.emit(f"{event}.{self._path}", model=self._model, **said)
        return emitted

    def _check(self, params: Said) -> None:
        report = _Validator().validate(params, self._model.input_shape)
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())


class _Validator(ParamValidator):  # type: ignore[misc]
    """botocore's, but that text is no binary: the client would encode it, the lane sends it as it is."""

    @type_check(valid_types=(bytes, bytearray))  # type: ignore[untyped-decorator]
    def _validate_blob(self, *_: object) -> None:
        """Nothing else is asked of it."""


def _headers(client: Any, model: Any) -> dict[str, str]:
    """The headers that never change, and are signed."""
    metadata = model.service_model.metadata
    headers = {
        "host": _host(client.meta.endpoint_url),
        "content-type": f"application/x-amz-json-{metadata['jsonVersion']}",
        "x-amz-target": f"{metadata['targetPrefix']}.{model.name}",
    }
    if "awsQueryCompatible" in metadata:
        headers["x-amzn-query-mode"] = "true"  # errors then carry the names they had in the older protocol
    return headers


def _host(url: str) -> str:
    """The host header: without a port that goes without saying."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
    return host if parts.port in (None, PORTS[parts.scheme]) else f"{host}:{parts.port}"


def _lines(headers: Mapping[str, str]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


def _traced() -> dict[str, str]:
    """Inside a Lambda function AWS wants to see where a call comes from, to stop what calls itself for ever."""
    trace = os.environ.get("_X_AMZN_TRACE_ID")
    return {"x-amzn-trace-id": quote(trace, safe="-=;:+&[]{}\"'")} if trace else {}
