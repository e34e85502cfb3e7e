"""What does SQS answer to a client that still speaks its older protocol, of query strings and XML?

The operations that consuming needs, on the same queues. Elements have no namespace: a client that asks for one
would be refused, one that cannot read one is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from bench.standin import sqs
from bench.standin.http11 import Answer
from bench.standin.queues import Message, Taken
from bench.standin.refusal import unknown
from bench.standin.world import World

XML = "text/xml"

Json = dict[str, Any]


def answered(world: World, query: str) -> Answer | asyncio.Future[Answer]:
    asked: Json = dict(parse_qsl(query, keep_blank_values=True))
    operation = OPERATIONS.get(asked.get("Action", ""))
    if operation is None:
        raise unknown(f"the action {asked.get('Action')}")
    return operation(world, asked)


def _get_queue_url(world: World, asked: Json) -> Answer:
    sqs.get_queue_url(world, asked)
    return _xml("GetQueueUrl", f"<QueueUrl>{escape(sqs.url_of(world, asked['QueueName']))}</QueueUrl>")


def _receive_message(world: World, asked: Json) -> Answer | asyncio.Future[Answer]:
    taken = sqs.queue_of(world, asked).receive(
        int(asked.get("MaxNumberOfMessages", 1)),
        float(asked.get("VisibilityTimeout", sqs.VISIBILITY_S)),
        float(asked.get("WaitTimeSeconds", 0)),
    )
    return sqs.once_taken(taken, _received)


def _received(messages: Taken) -> Answer:
    return _xml("ReceiveMessage", "".join(map(_message, messages)))


def _message(message: Message) -> str:
    parts = {
        "MessageId": message.message_id,
        "ReceiptHandle": message.handle,
        "MD5OfBody": message.md5,
        "Body": escape(json.loads(message.body)),
    }
    return f"<Message>{''.join(f'<{name}>{text}</{name}>' for name, text in parts.items())}</Message>"


def _delete_message(world: World, asked: Json) -> Answer:
    sqs.delete_message(world, asked)
    return _xml("DeleteMessage", "")


def _xml(action: str, result: str) -> Answer:
    text = (
        f"<{action}Response><{action}Result>{result}</{action}Result>"
        f"<ResponseMetadata><RequestId>stand-in</RequestId></ResponseMetadata></{action}Response>"
    )
    return Answer(text.encode(), kind=XML)


OPERATIONS: dict[str, Callable[[World, Json], Answer | asyncio.Future[Answer]]] = {
    "GetQueueUrl": _get_queue_url,
    "ReceiveMessage": _receive_message,
    "DeleteMessage": _delete_message,
}
