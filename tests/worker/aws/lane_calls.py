"""What do the hot operations say and hear?

One request of each, and answers with all in them that there may be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from zlib import crc32

QUEUE = "https://sqs.eu-central-1.amazonaws.com/000000000000/sales"
ITEM = {
    "pk": {"S": 'P#ä "1"\n\u2028'},
    "n": {"N": "-1.50"},
    "b": {"B": b"\x00\xfb\xff\xfe"},
    "bs": {"BS": [b"\xfb\xff", b""]},
    "ns": {"NS": ["1", "2"]},
    "ss": {"SS": ["B", '"B":"']},
    "m": {"M": {"B": {"B": b"\xff\xef"}, "l": {"L": [{"NULL": True}, {"BOOL": False}, {"M": {}}, {"B": b"~~~"}]}}},
}
KEY = {"pk": {"S": "1"}, "sk": {"B": b"\xff"}}
PUT = {
    "Put": {
        "TableName": "t",
        "Item": ITEM,
        "ConditionExpression": "#v = :v",
        "ExpressionAttributeNames": {"#v": "version"},
        "ExpressionAttributeValues": {":v": {"N": "7"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
}
ENTRIES = [{"Id": "0", "ReceiptHandle": "r/+=="}, {"Id": "1", "ReceiptHandle": "s"}]
REQUESTS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "ReceiveMessage": (
        "sqs",
        {"QueueUrl": QUEUE, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20, "MessageSystemAttributeNames": ["All"]},
    ),
    "DeleteMessageBatch": ("sqs", {"QueueUrl": QUEUE, "Entries": ENTRIES}),
    "ChangeMessageVisibilityBatch": (
        "sqs",
        {"QueueUrl": QUEUE, "Entries": [{**entry, "VisibilityTimeout": 0} for entry in ENTRIES]},
    ),
    "SendMessageBatch": (
        "sqs",
        {
            "QueueUrl": QUEUE,
            "Entries": [
                {
                    "Id": "0",
                    "MessageBody": "ä",
                    "MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": b"\xfb\xff"}},
                }
            ],
        },
    ),
    "TransactWriteItems": (
        "dynamodb",
        {"TransactItems": [PUT, {"Delete": {"TableName": "t", "Key": KEY}}], "ClientRequestToken": "token"},
    ),
    "BatchGetItem": ("dynamodb", {"RequestItems": {"t": {"Keys": [KEY], "ConsistentRead": True}}}),
    "BatchWriteItem": (
        "dynamodb",
        {"RequestItems": {"B": [{"PutRequest": {"Item": ITEM}}, {"DeleteRequest": {"Key": KEY}}]}},
    ),
    "Query": (
        "dynamodb",
        {
            "TableName": "t",
            "KeyConditionExpression": "pk = :b",
            "ExpressionAttributeValues": {":b": {"B": b"\xff"}},
            "Limit": 5,
            "ScanIndexForward": False,
            "ExclusiveStartKey": KEY,
        },
    ),
    "GetItem": ("dynamodb", {"TableName": "t", "Key": KEY, "ConsistentRead": True}),
    "PutItem": ("dynamodb", {"TableName": "t", "Item": ITEM}),
    "UpdateItem": (
        "dynamodb",
        {
            "TableName": "t",
            "Key": KEY,
            "UpdateExpression": "SET b = :b",
            "ExpressionAttributeValues": {":b": {"B": b"\xfb"}},
        },
    ),
    "GetRecords": ("dynamodbstreams", {"ShardIterator": "arn|1|AAA", "Limit": 1_000}),
    "PutEvents": (
        "events",
        {"Entries": [{"Source": "s", "DetailType": "t", "Detail": '{"a":"ä"}', "EventBusName": "b", "Resources": []}]},
    ),
}

WIRE_ITEM = {
    "pk": {"S": 'P#ä "1"\n'},
    "n": {"N": "-1.50"},
    "b": {"B": "APv//g=="},
    "bs": {"BS": ["+/8=", ""]},
    "m": {"M": {"B": {"B": "/+8="}, "l": {"L": [{"NULL": True}, {"BOOL": False}, {"M": {}}, {"B": "fn5+"}]}}},
}
CAPACITY = {"TableName": "t", "CapacityUnits": 1, "WriteCapacityUnits": 1.5}
MESSAGE = {
    "MessageId": "m",
    "ReceiptHandle": "r",
    "MD5OfBody": "5",
    "Body": '{"a":null}',
    "Attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1700000000000"},
    "MessageAttributes": {"a": {"BinaryValue": "+/8=", "DataType": "Binary"}},
    "MD5OfMessageAttributes": "6",
}
FAILED = {"Id": "1", "SenderFault": True, "Code": "ReceiptHandleIsInvalid", "Message": "gone"}
RECORD = {
    "eventID": "1",
    "eventName": "MODIFY",
    "eventVersion": "1.1",
    "eventSource": "aws:dynamodb",
    "awsRegion": "eu-central-1",
    "userIdentity": {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"},
    "dynamodb": {
        "ApproximateCreationDateTime": 1_700_000_000,
        "Keys": {"pk": {"B": "/w=="}},
        "NewImage": WIRE_ITEM,
        "OldImage": {"pk": {"S": "1"}},
        "SequenceNumber": "111",
        "SizeBytes": 26,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    },
}
LATER = {**RECORD, "dynamodb": {**RECORD["dynamodb"], "ApproximateCreationDateTime": 1_700_000_000.25}}


class Heard(NamedTuple):
    """An answer as it comes."""

    operation: str
    status: int
    body: bytes
    headers: dict[str, str]


def heard(operation: str, said: object, status: int = 200, **headers: str) -> Heard:
    """With the headers that AWS sends, and those named here."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    usual = {"content-length": str(len(body)), "x-amzn-requestid": "REQUEST", "connection": "keep-alive"}
    if REQUESTS[operation][0] in ("dynamodb", "dynamodbstreams"):
        usual["x-amz-crc32"] = str(crc32(body))
    return Heard(operation, status, body, usual | {name.replace("_", "-"): text for name, text in headers.items()})


ANSWERS = {
    "messages": heard("ReceiveMessage", {"Messages": [MESSAGE, {**MESSAGE, "MessageAttributes": {}}]}),
    "no messages": heard("ReceiveMessage", {}),
    "null for no messages": heard("ReceiveMessage", {"Messages": None}),
    "a member that the model does not know": heard("ReceiveMessage", {"Messages": [{**MESSAGE, "New": 1}], "N": []}),
    "deleted in part": heard("DeleteMessageBatch", {"Successful": [{"Id": "0"}], "Failed": [FAILED]}),
    "nulls among members": heard("DeleteMessageBatch", {"Successful": [{"Id": None}], "Failed": None}),
    "changed": heard("ChangeMessageVisibilityBatch", {"Successful": [{"Id": "0"}, {"Id": "1"}], "Failed": []}),
    "sent": heard("SendMessageBatch", {"Successful": [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "5"}]}),
    "written": heard("TransactWriteItems", {}),
    "written, with what it took": heard("TransactWriteItems", {"ConsumedCapacity": [CAPACITY]}),
    "got": heard("BatchGetItem", {"Responses": {"t": [WIRE_ITEM, {}]}, "UnprocessedKeys": {}}),
    "got in part": heard(
        "BatchGetItem", {"Responses": {"t": []}, "UnprocessedKeys": {"t": {"Keys": [{"pk": {"B": "/w=="}}]}}}
    ),
    "left unwritten": heard(
        "BatchWriteItem", {"UnprocessedItems": {"B": [{"PutRequest": {"Item": WIRE_ITEM}}]}, "ConsumedCapacity": None}
    ),
    "a page": heard(
        "Query", {"Items": [WIRE_ITEM], "Count": 1, "ScannedCount": 2, "LastEvaluatedKey": {"B": WIRE_ITEM["b"]}}
    ),
    "another type than the model promises": heard("Query", {"Items": [], "Count": "1", "ScannedCount": 2.0}),
    "a null in an item": heard("Query", {"Items": [{"a": {"S": "x", "N": None}}, None], "Count": 1}),
    "an item": heard("GetItem", {"Item": WIRE_ITEM, "ConsumedCapacity": {"CapacityUnits": 0.5}}),
    "no item": heard("GetItem", {}),
    "base64 with a line end": heard("GetItem", {"Item": {"b": {"B": "APv/\n/g=="}}}),
    "half of a surrogate pair": heard("GetItem", b'{"Item":{"s":{"S":"\\ud800"}}}'),
    "put": heard("PutItem", {"Attributes": WIRE_ITEM}),
    "updated": heard("UpdateItem", {"Attributes": WIRE_ITEM}),
    "records": heard("GetRecords", {"Records": [RECORD, LATER], "NextShardIterator": "next"}),
    "the end of a shard": heard("GetRecords", {"Records": []}),
    "null for a time": heard("GetRecords", {"Records": [{"dynamodb": {"ApproximateCreationDateTime": None}}]}),
    "a time in words": heard(
        "GetRecords", {"Records": [{"dynamodb": {"ApproximateCreationDateTime": "2024-10-04T12:30:00Z"}}]}
    ),
    "accepted in part": heard(
        "PutEvents",
        {"FailedEntryCount": 1, "Entries": [{"EventId": "e"}, {"ErrorCode": "InternalFailure", "ErrorMessage": "no"}]},
    ),
    "nothing at all": heard("DeleteMessageBatch", b""),
    "a page of somebody else's": heard("ReceiveMessage", b"<html>log in</html>"),
    "a list": heard("TransactWriteItems", {}, x_amzn_requestid="another", x_more="1"),
}

DYNAMODB = "com.amazonaws.dynamodb.v20120810#"
REASONS = [
    {"Code": "None"},
    {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed", "Item": WIRE_ITEM},
]
CANCELLED = {"__type": f"{DYNAMODB}TransactionCanceledException", "Message": "no", "CancellationReasons": REASONS}
NOT_THERE = {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "not there"}
REFUSALS = {
    "a cancelled transaction": heard("TransactWriteItems", CANCELLED, 400),
    "a condition": heard("PutItem", {"__type": f"{DYNAMODB}ConditionalCheckFailedException", "message": "no"}, 400),
    "a condition with the item": heard(
        "PutItem", {"__type": f"{DYNAMODB}ConditionalCheckFailedException", "message": "no", "Item": WIRE_ITEM}, 400
    ),
    "a throttle": heard("Query", {"__type": f"{DYNAMODB}ProvisionedThroughputExceededException", "message": "m"}, 400),
    "one without a namespace": heard("PutEvents", {"__type": "ThrottlingException", "Message": "slow"}, 400),
    "one with a link": heard("PutEvents", {"__type": "ValidationException:http://x/#y", "message": "m"}, 400),
    "one that no model knows": heard("GetItem", {"__type": "com.amazon.coral.validate#Odd", "message": "m"}, 400),
    "an older name": heard(
        "ReceiveMessage", NOT_THERE, 400, x_amzn_query_error="AWS.SimpleQueueService.NonExistentQueue;Sender"
    ),
    "no older name": heard("ReceiveMessage", NOT_THERE, 400),
    "an older name without a side": heard("ReceiveMessage", NOT_THERE, 400, x_amzn_query_error="Odd"),
    "an older name of a throttle": heard(
        "SendMessageBatch",
        {"__type": "com.amazonaws.sqs#RequestThrottled"},
        403,
        x_amzn_query_error="RequestThrottled;Sender",
    ),
    "an expired iterator": heard("GetRecords", {"__type": f"{DYNAMODB}ExpiredIteratorException", "message": "m"}, 400),
    "a page of a balancer's": heard("GetItem", b"<html><body>503</body></html>", 503),
    "500 and nothing": heard("BatchGetItem", b"", 500),
    "500 and text": heard("BatchGetItem", b"upstream", 502),
    "413 and nothing": heard("PutEvents", b"", 413),
    "a redirect": heard("PutEvents", b"", 307, location="https://elsewhere"),
    "300": heard("PutEvents", {"Entries": []}, 300),
    "JSON without a type": heard("UpdateItem", {"message": "m"}, 400),
}
