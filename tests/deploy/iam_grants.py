"""Which calls does a policy allow, and which grants does a call need?

A grant is one action of one statement. A call may need several: a transaction needs what each of its actions would."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from deploy.checks.rights import listed

REGION, ACCOUNT = "us-east-1", "000000000000"
BATCHES = {
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "SendMessageBatch": "SendMessage",
}
IN_A_TRANSACTION = {
    "Put": "PutItem",
    "Delete": "DeleteItem",
    "Update": "UpdateItem",
    "ConditionCheck": "ConditionCheckItem",
}


class Grant(NamedTuple):
    sid: str
    action: str


class Need(NamedTuple):
    """An action on a resource, by its ARN."""

    action: str
    arn: str


def grants_of(document: Mapping[str, Any]) -> list[Grant]:
    return [Grant(each["Sid"], action) for each in document["Statement"] for action in listed(each["Action"])]


def without(document: Mapping[str, Any], grant: Grant) -> dict[str, Any]:
    """The policy with one action less."""
    less: dict[str, Any] = copy.deepcopy(dict(document))
    for statement in less["Statement"]:
        if statement["Sid"] == grant.sid:
            statement["Action"] = [action for action in listed(statement["Action"]) if action != grant.action]
    less["Statement"] = [statement for statement in less["Statement"] if statement["Action"]]
    return less


def allowing(document: Mapping[str, Any], need: Need) -> list[Grant]:
    """The grants that would let it through."""
    return [
        Grant(each["Sid"], need.action)
        for each in document["Statement"]
        if need.action in listed(each["Action"]) and any(fnmatchcase(need.arn, arn) for arn in listed(each["Resource"]))
    ]


def needs_of(service: str, operation: str, request: Mapping[str, Any]) -> set[Need]:
    """What IAM asks for of a call: Service Authorization Reference. A call that is not known here is an error."""
    return set(_NEEDS[service](operation, request))


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def _sqs(operation: str, request: Mapping[str, Any]) -> Iterator[Need]:
    name = request.get("QueueName") or request["QueueUrl"].rpartition("/")[2]
    yield Need(f"sqs:{BATCHES.get(operation, operation)}", _arn("sqs", name))


def _dynamodb(operation: str, request: Mapping[str, Any]) -> Iterator[Need]:
    if operation == "TransactWriteItems":
        for action in request["TransactItems"]:
            ((kind, said),) = action.items()
            yield Need(f"dynamodb:{IN_A_TRANSACTION[kind]}", _arn("dynamodb", f"table/{said['TableName']}"))
        return
    for table in request.get("RequestItems") or [request["TableName"]]:
        yield Need(f"dynamodb:{operation}", _arn("dynamodb", f"table/{table}"))


def _streams(operation: str, request: Mapping[str, Any]) -> Iterator[Need]:
    # An iterator does not say of which stream it is; there is one.
    stream = request.get("StreamArn") or _arn(
        "dynamodb", f"table/{request.get('TableName', 'retail-sales-history')}/stream/x"
    )
    yield Need(f"dynamodb:{operation}", stream)


def _s3(operation: str, request: Mapping[str, Any]) -> Iterator[Need]:
    yield Need(f"s3:{operation}", f"arn:aws:s3:::{request['Bucket']}/{request['Key']}")


def _events(operation: str, request: Mapping[str, Any]) -> Iterator[Need]:
    buses = [request["Name"]] if "Name" in request else [entry["EventBusName"] for entry in request["Entries"]]
    for bus in buses:
        yield Need(f"events:{operation}", _arn("events", f"event-bus/{bus}"))


def _cloudwatch(operation: str, _: Mapping[str, Any]) -> Iterator[Need]:
    yield Need(f"cloudwatch:{operation}", "*")


def _sagemaker(operation: str, request: Mapping[str, Any]) -> Iterator[Need]:
    yield Need(f"sagemaker:{operation}", _arn("sagemaker", f"endpoint/{request['EndpointName']}"))


def _bedrock(operation: str, request: Mapping[str, Any]) -> Iterator[Need]:
    assert operation == "Converse", operation  # which IAM knows as InvokeModel
    yield Need("bedrock:InvokeModel", f"arn:aws:bedrock:{REGION}::foundation-model/{request['modelId']}")
    if guard := request.get("guardrailConfig"):
        yield Need("bedrock:ApplyGuardrail", _arn("bedrock", f"guardrail/{guard['guardrailIdentifier']}"))


_NEEDS = {
    "sqs": _sqs,
    "dynamodb": _dynamodb,
    "dynamodbstreams": _streams,
    "s3": _s3,
    "events": _events,
    "cloudwatch": _cloudwatch,
    "sagemaker-runtime": _sagemaker,
    "bedrock-runtime": _bedrock,
}
