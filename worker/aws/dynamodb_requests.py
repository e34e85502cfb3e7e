"""What did a request to DynamoDB write and read?

Each operation's request and answer, told to Capacity item by item. A statement or an update expression is read as far
as our own go: attributes that are set to parameters; what it does not name is taken for as large as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from worker.aws.capacity import TRANSACTIONAL, Capacity

Fields = Mapping[str, Any]

REFUSED = frozenset({"ConditionalCheckFailedException", "ConditionalCheckFailed", "TransactionCanceledException"})
"""Errors of requests that are billed all the same."""

_TABLE = re.compile(r"^\s*(?:UPDATE|DELETE\s+FROM|INSERT\s+INTO)\s+\"?([\w.-]+)\"?", re.IGNORECASE)
_NAMED = re.compile(r"[\"']?([\w.-]+)[\"']?\s*[=:]\s*\?")
_SET = re.compile(r"([#\w.-]+)\s*=\s*(:\w+)")


def transacted(capacity: Capacity, request: Fields, answer: Fields) -> None:
    applied = "Error" not in answer
    for action in request["TransactItems"]:
        verb, said = next(iter(action.items()))
        table = said["TableName"]
        if verb == "Put":
            capacity.put(table, said["Item"], TRANSACTIONAL, applied=applied)
        elif verb == "Delete":
            capacity.delete(table, said["Key"], TRANSACTIONAL, applied=applied)
        elif verb == "Update":
            capacity.put(table, read_update(said), TRANSACTIONAL, applied=applied, whole=False)
        else:
            capacity.check(table, said["Key"])


def put(capacity: Capacity, request: Fields, answer: Fields) -> None:
    capacity.put(request["TableName"], request["Item"], applied="Error" not in answer)


def updated(capacity: Capacity, request: Fields, answer: Fields) -> None:
    capacity.put(request["TableName"], read_update(request), applied="Error" not in answer, whole=False)


def deleted(capacity: Capacity, request: Fields, answer: Fields) -> None:
    capacity.delete(request["TableName"], request["Key"], applied="Error" not in answer)


def batch_written(capacity: Capacity, request: Fields, answer: Fields) -> None:
    left = answer.get("UnprocessedItems") or {}
    for table, writes in request["RequestItems"].items():
        for write in writes:
            if write in left.get(table, ()):
                continue  # not done, and not billed
            if "PutRequest" in write:
                capacity.put(table, write["PutRequest"]["Item"])
            else:
                capacity.delete(table, write["DeleteRequest"]["Key"])


def executed(capacity: Capacity, request: Fields, answer: Fields) -> None:
    said = answer.get("Responses") or [{}] * len(request["Statements"])
    for statement, outcome in zip(request["Statements"], said, strict=False):
        code = outcome.get("Error", {}).get("Code")
        if code is None or code in REFUSED:
            _statement(capacity, statement, applied=code is None)


def executed_one(capacity: Capacity, request: Fields, answer: Fields) -> None:
    _statement(capacity, request, applied="Error" not in answer)


def _statement(capacity: Capacity, statement: Fields, *, applied: bool) -> None:
    verb, table, names = _read_statement(statement["Statement"])
    item: dict[str, Any] = {}
    for name, value in zip(names, statement.get("Parameters", ()), strict=False):
        # What is set stands before the condition, whose values are not written.
        item.setdefault(name, value)
    if verb == "DELETE":
        capacity.delete(table, item, applied=applied)
    elif verb != "SELECT":
        capacity.put(table, item, applied=applied, whole=verb == "INSERT")


@lru_cache(maxsize=256)
def _read_statement(text: str) -> tuple[str, str, tuple[str, ...]]:
    """The verb, the table and the names that stand before each parameter, in order."""
    verb, found = text.split(None, 1)[0].upper(), _TABLE.match(text)
    return verb, found.group(1) if found else "", tuple(_NAMED.findall(text))


def read_update(said: Fields) -> dict[str, Any]:
    """The key and what an update expression sets, as an item."""
    values, names = said.get("ExpressionAttributeValues", {}), said.get("ExpressionAttributeNames", {})
    item = dict(said["Key"])
    for name, value in _SET.findall(said.get("UpdateExpression", "")):
        item[names.get(name, name)] = values.get(value, {"NULL": True})
    return item


def got(capacity: Capacity, request: Fields, answer: Fields) -> None:
    found = [answer["Item"]] if "Item" in answer else []
    capacity.got(request["TableName"], found, 1 - len(found), consistent=bool(request.get("ConsistentRead")))


def batch_got(capacity: Capacity, request: Fields, answer: Fields) -> None:
    left, found = answer.get("UnprocessedKeys") or {}, answer.get("Responses") or {}
    for table, asked in request["RequestItems"].items():
        items = found.get(table, ())
        missing = len(asked["Keys"]) - len(items) - len(left.get(table, {}).get("Keys", ()))
        capacity.got(table, items, missing, consistent=bool(asked.get("ConsistentRead")))


def queried(capacity: Capacity, request: Fields, answer: Fields) -> None:
    items = answer.get("Items", ())
    capacity.queried(
        request["TableName"],
        items,
        answer.get("ScannedCount", len(items)),
        consistent=bool(request.get("ConsistentRead")),
        index=request.get("IndexName"),
    )


METERS: Mapping[str, Callable[[Capacity, Fields, Fields], None]] = {
    "TransactWriteItems": transacted,
    "PutItem": put,
    "UpdateItem": updated,
    "DeleteItem": deleted,
    "BatchWriteItem": batch_written,
    "BatchExecuteStatement": executed,
    "ExecuteStatement": executed_one,
    "GetItem": got,
    "BatchGetItem": batch_got,
    "Query": queried,
    "Scan": queried,
}
