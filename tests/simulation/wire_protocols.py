"""How do the services read a request, and what do their answers look like on the wire?

Each by the protocol its botocore client speaks today. Shapes come from the service's own model, the envelope (status,
headers, error documents) is what the service sends: all of it is then read by the real parser."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape
from zlib import crc32

from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser

from simulation.network import Said, ServiceError
from simulation.wire_requests import Reply, Request

SERVICES = (
    "sqs",
    "dynamodb",
    "dynamodbstreams",
    "events",
    "cloudwatch",
    "s3",
    "sagemaker-runtime",
    "bedrock-runtime",
)
REQUEST_ID = "00000000-0000-4000-8000-000000000000"
# Before the name of an error, where the service puts something there.
NAMESPACES = {
    "dynamodb": "com.amazonaws.dynamodb.v20120810#",
    "dynamodbstreams": "com.amazonaws.dynamodb.v20120810#",
    "sqs": "com.amazonaws.sqs#",
}
_ROUTES = {
    "s3": (
        ("GET", r"/(?P<Bucket>[^/]+)/(?P<Key>.+)", "GetObject"),
        ("PUT", r"/(?P<Bucket>[^/]+)/(?P<Key>.+)", "PutObject"),
    ),
    "sagemaker-runtime": (("POST", r"/endpoints/(?P<EndpointName>[^/]+)/invocations", "InvokeEndpoint"),),
    "bedrock-runtime": (("POST", r"/model/(?P<modelId>[^/]+)/converse", "Converse"),),
}
_SIGNED_FOR = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request, .*Signature=[0-9a-f]{64}"
)


@cache
def loader() -> Loader:
    """botocore's models, read from its package once a process, however many workers live in it."""
    return Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)


class Service:
    """One service at the other end of the wire."""

    def __init__(self, name: str, model: ServiceModel) -> None:
        self.name = name
        self.model = model

    def understood(self, request: Request) -> tuple[str, Said]:
        """The operation, named as the client's method, and what is said with it."""
        raise NotImplementedError

    def answered(self, operation: str, answer: Said) -> Reply:
        """The answer to an operation that succeeded."""
        raise NotImplementedError

    def refused(self, error: ServiceError) -> Reply:
        """The answer of an operation that did not."""
        raise NotImplementedError

    def operation(self, name: str) -> OperationModel:
        """An operation by the name of the client's method."""
        return self.model.operation_model(_operation_names(self.model)[name])

    def _reply(self, status: int, content_type: str, body: bytes, **headers: str) -> Reply:
        usual = {"content-type": content_type, "content-length": str(len(body)), "x-amzn-requestid": REQUEST_ID}
        return Reply(status, usual | {name.replace("_", "-"): value for name, value in headers.items()}, body)

    def _error(self, error: ServiceError) -> tuple[str, Said]:
        """The error's name on the wire and its members, the message under the name that the model gives it."""
        # The names of the query protocol had a prefix, and one was another.
        name = error.code.rpartition(".")[2].replace("NonExistentQueue", "QueueDoesNotExist")
        shape = self.model.shape_for_error_code(name)
        if shape is None:
            return name, {"message": error.message, **error.members}
        message = "Message" if "Message" in shape.members else "message"
        return shape.name, {message: error.message, **error.members}


class Rpc(Service):
    """JSON 1.0 and 1.1: the operation stands in a header."""

    def understood(self, request: Request) -> tuple[str, Said]:
        prefix, _, name = request.headers["x-amz-target"].partition(".")
        assert prefix == self.model.metadata["targetPrefix"]
        return xform_name(name), self._read(request, name)

    def _read(self, request: Request, operation: str) -> Said:
        response = {"body": request.body, "headers": {}, "status_code": 200, "context": {}}
        said: Said = _parser(self.model.resolved_protocol).parse(
            response, self.model.operation_model(operation).input_shape
        )
        del said["ResponseMetadata"]
        return said

    def answered(self, operation: str, answer: Said) -> Reply:
        return self._json(200, answer)

    def refused(self, error: ServiceError) -> Reply:
        name, members = self._error(error)
        answer = {"__type": NAMESPACES.get(self.name, "") + name, **members}
        return self._json(error.status, answer, **self._as_query(error))

    def _as_query(self, error: ServiceError) -> dict[str, str]:
        """What the error was called when the service still spoke the query protocol."""
        if "awsQueryCompatible" not in self.model.metadata:
            return {}
        return {"x_amzn_query_error": f"{error.code};{'Sender' if error.status < 500 else 'Receiver'}"}

    def _json(self, status: int, answer: Said, **headers: str) -> Reply:
        body = json.dumps(answer, default=_in_json).encode()
        if self.name == "dynamodb":
            headers["x_amz_crc32"] = str(crc32(body))
        return self._reply(status, f"application/x-amz-json-{self.model.metadata['jsonVersion']}", body, **headers)


class Cbor(Rpc):
    """Smithy RPC v2: the operation stands in the path. Only what CloudWatch has to say to the worker: nothing, or an
    error."""

    def understood(self, request: Request) -> tuple[str, Said]:
        assert request.headers["smithy-protocol"] == "rpc-v2-cbor"
        service, _, name = urlsplit(request.url).path.removeprefix("/service/").partition("/operation/")
        assert service == self.model.metadata["targetPrefix"]
        return xform_name(name), self._read(request, name)

    def answered(self, operation: str, answer: Said) -> Reply:
        assert not answer
        return self._cbor(200, {})

    def refused(self, error: ServiceError) -> Reply:
        name, members = self._error(error)
        return self._cbor(error.status, {"__type": name, **members}, **self._as_query(error))

    def _cbor(self, status: int, texts: dict[str, str], **headers: str) -> Reply:
        items = b"".join(_cbor_head(3, len(raw)) + raw for pair in texts.items() for raw in map(str.encode, pair))
        body = _cbor_head(5, len(texts)) + items
        return self._reply(status, "application/cbor", body, smithy_protocol="rpc-v2-cbor", **headers)


class Rest(Service):
    """The operation is a method and a path; members stand in path, headers and body as the model says."""

    def understood(self, request: Request) -> tuple[str, Said]:
        path = urlsplit(request.url).path
        for method, pattern, name in _ROUTES[self.name]:
            match = re.fullmatch(pattern, path) if method == request.method else None
            if match is not None:
                said = {member: unquote(value) for member, value in match.groupdict().items()}
                return xform_name(name), said | self._members(request, self.model.operation_model(name).input_shape)
        raise NotImplementedError(f"the simulated {self.name} does not know: {request.method} {path}")

    def _members(self, request: Request, shape: Any) -> Said:
        headers = _in_headers(shape)
        said: Said = {member: request.headers[name] for member, name in headers.items() if name in request.headers}
        if "payload" in shape.serialization:
            said[shape.serialization["payload"]] = request.body
        elif request.body:
            said.update(json.loads(request.body))
        return said

    def answered(self, operation: str, answer: Said) -> Reply:
        shape = self.operation(operation).output_shape
        named = _in_headers(shape)
        headers = {named[member]: str(value) for member, value in answer.items() if member in named}
        if "payload" in shape.serialization:
            body = answer.get(shape.serialization["payload"], b"")
        else:
            body = json.dumps({name: value for name, value in answer.items() if name not in named}).encode()
        reply = self._reply(200, "application/json", body)
        return reply._replace(headers={**reply.headers, **headers})

    def refused(self, error: ServiceError) -> Reply:
        name, members = self._error(error)
        return self._reply(error.status, "application/json", json.dumps(members).encode(), x_amzn_errortype=name)


class S3(Rest):
    """Objects carry the checksum that they were uploaded with; errors are XML."""

    def answered(self, operation: str, answer: Said) -> Reply:
        reply = super().answered(operation, answer if operation == "get_object" else {})
        if operation == "put_object":
            return self._reply(200, "application/xml", b"")
        checksum = base64.b64encode(crc32(reply.body).to_bytes(4, "big")).decode()
        return reply._replace(headers={**reply.headers, "x-amz-checksum-crc32": checksum})

    def refused(self, error: ServiceError) -> Reply:
        elements = {"Code": error.code, "Message": error.message, "RequestId": REQUEST_ID, "HostId": "simulated"}
        inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in elements.items())
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inside}</Error>'.encode()
        return self._reply(error.status, "application/xml", body)


@cache
def _by_host() -> dict[str, Service]:
    kinds = {"json": Rpc, "smithy-rpc-v2-cbor": Cbor, "rest-json": Rest, "rest-xml": S3}
    services = {}
    for name in SERVICES:
        model = ServiceModel(loader().load_service_model(name, "service-2"), name)
        services[model.endpoint_prefix] = kinds[model.resolved_protocol](name, model)
    return services


def service_of(request: Request) -> Service:
    """The service that the request is signed for and goes to."""
    signed = _SIGNED_FOR.match(request.headers.get("authorization", ""))
    assert signed is not None, "a request without a signature"
    host = re.fullmatch(r"([a-z\d.-]+)\.[a-z]+-[a-z]+-\d\.amazonaws\.com", str(urlsplit(request.url).hostname))
    assert host is not None, f"a request to {request.url}"
    service = _by_host()[host[1]]
    assert service.model.signing_name == signed[1], f"a request to {request.url} that is signed for {signed[1]}"
    return service


@cache
def _parser(protocol: str) -> Any:
    return create_parser(protocol)


@cache
def _operation_names(model: ServiceModel) -> dict[str, str]:
    return {xform_name(name): name for name in model.operation_names}


def _in_headers(shape: Any) -> dict[str, str]:
    """Members that stand in headers, each with its header's name in lower case."""
    found = {}
    for name, member in shape.members.items():
        if member.serialization.get("location") == "header":
            found[name] = member.serialization.get("name", name).lower()
    return found


def _in_json(value: object) -> str | float:
    """Bytes in base64, times as seconds since the epoch."""
    if isinstance(value, datetime):
        return value.timestamp()
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()


def _cbor_head(major: int, size: int) -> bytes:
    """The head of a data item: its major type and its size, in as few bytes as there are."""
    if size < 24:
        return bytes([major << 5 | size])
    length = 1 if size < 1 << 8 else 2 if size < 1 << 16 else 4
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26}[length]]) + size.to_bytes(length, "big")
