"""Who answers which request?

A service is named by X-Amz-Target, or by the path where it has none. An error is answered in the service's own form;
a fault of the stand-in itself is a 500 and stands on standard error."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.standin import control, dynamodb, others, query_protocol, reading, sqs
from bench.standin.http11 import Answer, Connection, Request
from bench.standin.refusal import Refused, unknown
from bench.standin.world import World

Operation = Callable[[World, dict[str, Any]], Any]
Said = Answer | asyncio.Future[Answer]

OPERATIONS: dict[str, Operation] = {
    "AmazonSQS.CreateQueue": sqs.create_queue,
    "AmazonSQS.GetQueueUrl": sqs.get_queue_url,
    "AmazonSQS.GetQueueAttributes": sqs.get_queue_attributes,
    "AmazonSQS.SendMessage": sqs.send_message,
    "AmazonSQS.SendMessageBatch": sqs.send_message_batch,
    "AmazonSQS.ReceiveMessage": sqs.receive_message,
    "AmazonSQS.DeleteMessage": sqs.delete_message,
    "AmazonSQS.DeleteMessageBatch": sqs.delete_message_batch,
    "AmazonSQS.ChangeMessageVisibilityBatch": sqs.change_message_visibility_batch,
    "DynamoDB_20120810.CreateTable": dynamodb.create_table,
    "DynamoDB_20120810.DescribeTable": dynamodb.describe_table,
    "DynamoDB_20120810.GetItem": dynamodb.get_item,
    "DynamoDB_20120810.PutItem": dynamodb.put_item,
    "DynamoDB_20120810.DeleteItem": dynamodb.delete_item,
    "DynamoDB_20120810.UpdateItem": dynamodb.update_item,
    "DynamoDB_20120810.TransactWriteItems": dynamodb.transact_write_items,
    "DynamoDB_20120810.BatchGetItem": dynamodb.batch_get_item,
    "DynamoDB_20120810.BatchWriteItem": dynamodb.batch_write_item,
    "DynamoDB_20120810.Query": reading.query,
    "DynamoDB_20120810.Scan": reading.scan,
    "AWSEvents.PutEvents": others.put_events,
    "AWSEvents.DescribeEventBus": others.describe_event_bus,
    "AWSEvents.CreateEventBus": others.accepted,
    "AWSEvents.PutRule": others.accepted,
    "AWSEvents.PutTargets": others.accepted,
}
METRICS = "GraniteServiceVersion20100801"


def answer(world: World, request: Request) -> Said:
    """The answer of whichever service it is for."""
    try:
        return _answer(world, request)
    except Refused as refused:
        return Answer(json.dumps({"__type": refused.code, **refused.members}).encode(), 400)
    except Exception:  # noqa: BLE001 - one request fails, the stand-in stays
        sys.stderr.write(f"{request.method} {request.path} {request.target}\n{traceback.format_exc()}")
        return Answer(b'{"__type": "InternalServerError", "message": "a fault of the stand-in"}', 500)


def _answer(world: World, request: Request) -> Said:
    if request.target.startswith(METRICS) or METRICS in request.path:
        others.put_metric_data(world)
        return Answer(b"{}")
    if request.target:
        operation = OPERATIONS.get(request.target)
        if operation is None:
            raise unknown(request.target)
        said = operation(world, json.loads(request.body))
        return said if isinstance(said, (Answer, asyncio.Future)) else Answer(json.dumps(said).encode())
    if request.path.startswith(control.PREFIX):
        return control.answered(world, request)
    if request.path.startswith("/endpoints/") and request.path.endswith("/invocations"):
        return others.invoke_endpoint(world, request.body)
    if request.method == "GET" and "?" in request.path:
        return query_protocol.answered(world, request.path.partition("?")[2])
    if request.method == "PUT" and request.path.count("/") == 1:
        return Answer(b"", kind="application/xml")  # a bucket, which nothing is put into
    raise unknown(f"{request.method} {request.path}")


async def serve(world: World, port: int) -> asyncio.Server:
    """Answers on a port of the loopback; 0 takes a free one. world is told where it is reached."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(partial(answer, world)), "127.0.0.1", port)
    world.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    return server
