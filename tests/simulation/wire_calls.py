"""Which calls show whether the library says and hears what the direct clients do?

One of every operation that the worker uses, and calls in a row that make the services refuse, fail in part, or answer
in pages."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO

import numpy as np

from forecaster.formats import FEATURES, ForecastRequest, encode_request
from simulation.clients import direct_clients
from simulation.run import World
from simulation.scenario import small_stream

SETTINGS = small_stream().settings
STATE, INVENTORY, SALES, LEASES = (
    SETTINGS.state_table,
    SETTINGS.inventory_table,
    SETTINGS.stream_table,
    SETTINGS.leases_table,
)
QUEUE, EMPTY = f"https://sqs.test/{SETTINGS.queue_name}", f"https://sqs.test/dead-{SETTINGS.queue_name}"
FEATURE_ROW = encode_request(
    ForecastRequest(20_000, ("P1",), np.zeros((1, len(FEATURES))), np.array([[1, 8]]), np.zeros((1, 2)))
)
AT = datetime(2024, 10, 4, 12, 30, tzinfo=UTC)
ODD_KEY = "quarantine/ä b+c%20d&e=f'?g.json"


def item_of(sk, **attributes):
    return {"pk": {"S": "P#1"}, "sk": {"S": sk}, **attributes}


def _key(sk):
    return {"pk": {"S": "P#1"}, "sk": {"S": sk}}


def _put(sk, condition=None, values=None):
    action = {"TableName": STATE, "Item": item_of(sk, version={"N": "8"}, tail={"B": b"\x00\xff"})}
    conditional = {"ConditionExpression": condition, "ExpressionAttributeValues": values}
    return {"Put": action | {name: value for name, value in conditional.items() if value is not None}}


def _entries(receipts, **more):
    return [{"Id": str(i), "ReceiptHandle": receipt, **more} for i, receipt in enumerate(receipts)]


def _receive(url=QUEUE, wait_s=0):
    said = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait_s, "VisibilityTimeout": 30}
    return "sqs", "receive_message", said | {"MessageSystemAttributeNames": ["ApproximateReceiveCount"]}


def _sqs(operation, entries):
    return "sqs", operation, {"QueueUrl": QUEUE, "Entries": entries}


def _transact(*actions):
    return "dynamodb", "transact_write_items", {"TransactItems": list(actions)}


def _batch_write(*requests):
    return "dynamodb", "batch_write_item", {"RequestItems": {STATE: list(requests)}}


def _query(**said):
    return "dynamodb", "query", {"TableName": STATE, **said}


def _lease(version, condition, **values):
    item = {**_key("shard"), "owner": {"S": "w"}, "version": {"N": str(version)}, "checkpoint": {"S": "TRIM_HORIZON"}}
    said = {"TableName": LEASES, "Item": item, "ConditionExpression": condition}
    return "dynamodb", "put_item", said | ({"ExpressionAttributeValues": values} if values else {})


def _oldest():
    """Where the stream begins, in every run of the small scenario."""
    world = World(small_stream(), direct_clients)
    shard = world.streams.streams[0].shards[0]
    where = {"StreamArn": world.streams.streams[0].arn, "ShardId": shard.shard_id}
    said = {**where, "ShardIteratorType": "TRIM_HORIZON"}
    world.loop.close()
    return where, str(shard.first), world.streams.get_shard_iterator(said, "")["ShardIterator"]


WHERE, FIRST, OLDEST = _oldest()
LISTED_FIRST = "shardId-00000000000000000002-1ad5be0d"  # since the split before all of these calls
RECEIPTS = [f"{SETTINGS.queue_name}-{number}-1" for number in (1, 2, 3)]
GET = (
    "dynamodb",
    "batch_get_item",
    {"RequestItems": {STATE: {"Keys": [_key("H"), _key("-")], "ConsistentRead": True}}},
)
GET_ITEM = {"TableName": STATE, "Key": _key("H"), "ConsistentRead": True}
SEGMENTS = {
    "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
    "ExpressionAttributeValues": {":pk": {"S": "P#1"}, ":first": {"S": "E#0"}, ":last": {"S": "E#9"}},
    "ConsistentRead": True,
}
AGENDA = {
    "KeyConditionExpression": "pk = :pk AND sk < :before",
    "ExpressionAttributeValues": {":pk": {"S": "A#0"}, ":before": {"S": "99"}},
    "Limit": 1,
    "ConsistentRead": True,
}
PUBLISHED = [
    {"Source": "s", "DetailType": "t", "Detail": f'{{"n": {n}}}', "EventBusName": SETTINGS.event_bus} for n in range(6)
]
METRICS = [
    {
        "MetricName": f"M{n}",
        "Unit": "Count",
        "Value": n / 3,
        "Timestamp": AT,
        "Dimensions": [{"Name": "P", "Value": "é"}],
    }
    for n in range(400)  # more than the library sends uncompressed
]
TOTALS = {"MetricName": "M", "StatisticValues": {"SampleCount": 2, "Sum": 0.5, "Minimum": 0.0, "Maximum": 0.5}}
INVOKE = ("sagemaker", "invoke_endpoint", {"EndpointName": "e", "ContentType": "application/json"})
CONVERSE = {
    "modelId": "anthropic.claude-haiku-4-5-20251001-v1:0",
    "system": [{"text": "s"}],
    "messages": [{"role": "user", "content": [{"text": "{}"}]}],
    "inferenceConfig": {"maxTokens": 8, "temperature": 0.0},
}

ONE_OF_EACH = {
    "get_queue_url": ("sqs", "get_queue_url", {"QueueName": SETTINGS.queue_name}),
    "receive_message": _receive(),
    "delete_message_batch": _sqs("delete_message_batch", _entries(RECEIPTS)),
    "change_message_visibility_batch": _sqs("change_message_visibility_batch", _entries(RECEIPTS, VisibilityTimeout=7)),
    "send_message_batch": _sqs("send_message_batch", [{"Id": "0", "MessageBody": "ä\n", "MessageGroupId": "g"}]),
    "describe_table": ("dynamodb", "describe_table", {"TableName": INVENTORY}),
    "batch_get_item": GET,
    "query": _query(**SEGMENTS),
    "get_item": ("dynamodb", "get_item", GET_ITEM),
    "put_item": ("dynamodb", "put_item", {"TableName": STATE, "Item": item_of("new", tail={"B": b"\xfe"})}),
    "batch_write_item": _batch_write({"PutRequest": {"Item": item_of("E#7")}}, {"DeleteRequest": {"Key": _key("E#1")}}),
    "transact_write_items": _transact(
        _put("H", "version = :was", {":was": {"N": "7"}}), {"Delete": {"TableName": STATE, "Key": _key("E#1")}}
    ),
    "list_streams": ("streams", "list_streams", {"TableName": SALES}),
    "describe_stream": ("streams", "describe_stream", {"StreamArn": WHERE["StreamArn"]}),
    "get_shard_iterator": ("streams", "get_shard_iterator", WHERE | {"ShardIteratorType": "TRIM_HORIZON"}),
    "get_records": ("streams", "get_records", {"ShardIterator": OLDEST, "Limit": 1_000}),
    "describe_event_bus": ("events", "describe_event_bus", {"Name": SETTINGS.event_bus}),
    "put_events": ("events", "put_events", {"Entries": PUBLISHED}),
    "put_metric_data": ("cloudwatch", "put_metric_data", {"Namespace": "Restock", "MetricData": [*METRICS, TOTALS]}),
    "put_object": ("s3", "put_object", {"Bucket": "b", "Key": ODD_KEY, "Body": bytes(range(256)) * 5_000}),
    "get_object": ("s3", "get_object", {"Bucket": "b", "Key": ODD_KEY}),
    "invoke_endpoint": (*INVOKE[:2], INVOKE[2] | {"Accept": "application/json", "Body": FEATURE_ROW}),
    "converse": ("bedrock", "converse", CONVERSE),
}

# Calls in a row; those in a list are made at once. Weather as in simulation/network.py.
IN_A_ROW = {
    "a queue that is not there": ([("sqs", "get_queue_url", {"QueueName": "none"})], {}),
    "nothing received": ([_receive(EMPTY), _receive(EMPTY, 3)], {}),
    "received, kept, deleted, gone": (
        [
            _receive(),
            ONE_OF_EACH["change_message_visibility_batch"],
            *[ONE_OF_EACH["delete_message_batch"]] * 2,
            _receive(),
        ],
        {},
    ),
    "a part failed": (
        [_receive(), ONE_OF_EACH["delete_message_batch"], ONE_OF_EACH["delete_message_batch"]],
        {"partial": 0.5},
    ),
    "an id twice": ([_sqs("delete_message_batch", _entries(RECEIPTS) + _entries(RECEIPTS))], {}),
    "a table that is not there": ([("dynamodb", "describe_table", {"TableName": "none"})], {}),
    "keys left unprocessed": ([GET] * 4, {"partial": 1.0}),
    "writes left unprocessed": ([ONE_OF_EACH["batch_write_item"]] * 4, {"partial": 1.0}),
    "too many keys": (
        [("dynamodb", "batch_get_item", {"RequestItems": {STATE: {"Keys": [_key(str(n)) for n in range(101)]}}})],
        {},
    ),
    "a page and the next": (
        [_query(**SEGMENTS, Limit=1), _query(**SEGMENTS, Limit=1, ExclusiveStartKey=_key("E#1"))],
        {},
    ),
    "an agenda": ([_query(**AGENDA)], {}),
    "a filter that leaves nothing": ([_query(**SEGMENTS | {"FilterExpression": "sk < :first"})], {}),
    "a condition that fails among others": (
        [
            _transact(
                _put("new"), _put("H", "version = :was", {":was": {"N": "1"}}), _put("E#1", "attribute_not_exists(pk)")
            )
        ],
        {},
    ),
    "a transaction in the way": ([[_transact(_put("H")), _transact(_put("new"), _put("H"))]], {}),
    "written and read": ([ONE_OF_EACH["transact_write_items"], GET, ONE_OF_EACH["put_item"], _query(**SEGMENTS)], {}),
    "a table with a stream": ([("dynamodb", "describe_table", {"TableName": SALES})], {}),
    "an item that is not there": ([("dynamodb", "get_item", GET_ITEM | {"Key": _key("-")})], {}),
    "conditions on one item": (
        [
            _lease(0, "attribute_not_exists(version)"),
            _lease(0, "attribute_not_exists(version)"),
            _lease(1, "version = :version", **{":version": {"N": "0"}}),
            _lease(1, "version = :version", **{":version": {"N": "0"}}),
        ],
        {},
    ),
    "a stream that is not there": ([("streams", "describe_stream", {"StreamArn": WHERE["StreamArn"] + "0"})], {}),
    "a shard that is not there": (
        [("streams", "get_shard_iterator", WHERE | {"ShardId": "none", "ShardIteratorType": "TRIM_HORIZON"})],
        {},
    ),
    "behind a sequence number": (
        [
            (
                "streams",
                "get_shard_iterator",
                WHERE | {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": FIRST},
            )
        ],
        {},
    ),
    "records in parts": ([("streams", "get_records", {"ShardIterator": OLDEST, "Limit": 2})] * 4, {"partial": 0.5}),
    "records from before the oldest": ([("streams", "get_records", {"ShardIterator": OLDEST.replace(FIRST, "1")})], {}),
    "an iterator that has expired": ([("streams", "get_records", {"ShardIterator": OLDEST[:-13] + "0"})], {}),
    "too many records": ([("streams", "get_records", {"ShardIterator": OLDEST, "Limit": 1_001})], {}),
    "shards in pages": (
        [
            ("streams", "describe_stream", {"StreamArn": WHERE["StreamArn"], "Limit": 1}),
            ("streams", "describe_stream", {"StreamArn": WHERE["StreamArn"], "ExclusiveStartShardId": LISTED_FIRST}),
        ],
        {"partial": 1.0},
    ),
    "two actions on one item": ([_transact(_put("H"), _put("H"))], {}),
    "a bus that is not there": ([("events", "describe_event_bus", {"Name": "none"})], {}),
    "entries refused": ([ONE_OF_EACH["put_events"]], {"partial": 0.5}),
    "stored and fetched": ([ONE_OF_EACH["put_object"], ONE_OF_EACH["get_object"]], {}),
    "an empty object": (
        [
            ("s3", "put_object", {"Bucket": "b", "Key": "k", "Body": b""}),
            ("s3", "get_object", {"Bucket": "b", "Key": "k"}),
        ],
        {},
    ),
    "no such key": ([("s3", "get_object", {"Bucket": "b", "Key": "none"})], {}),
    "the model fails": ([ONE_OF_EACH["invoke_endpoint"]], {"model_failed": 1.0}),
    "a body that is a file": ([(*INVOKE[:2], INVOKE[2] | {"Body": BytesIO(FEATURE_ROW)})], {}),
}
