"""What does DynamoDB answer?

Conditions are judged on the item as it is, a transaction takes effect as a whole or not at all, and says position by
position why not. Nothing is left unprocessed, no page is cut by its bytes, and one transaction never meets another."""

from __future__ import annotations

from typing import Any

from bench.standin.expressions import Scope, meets
from bench.standin.refusal import Refused, unknown
from bench.standin.tables import Keys, Table
from bench.standin.updates import updated
from bench.standin.world import World

Json = dict[str, Any]

ACTIONS_MAX = 100
GET_KEYS_MAX = 100
WRITES_MAX = 25
FAILED = "ConditionalCheckFailed"
SAID = "The conditional request failed"


def table_of(world: World, name: str) -> Table:
    if name not in world.tables:
        raise Refused("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")
    return world.tables[name]


def create_table(world: World, asked: Json) -> Json:
    name = asked["TableName"]
    if name in world.tables:
        raise Refused("ResourceInUseException", f"Table already exists: {name}")
    if asked.keys() & {"GlobalSecondaryIndexes", "LocalSecondaryIndexes", "StreamSpecification"}:
        raise unknown("a table with indexes or a stream")
    world.tables[name] = Table(name, Keys.read(asked["KeySchema"]))
    return {"TableDescription": _description(world.tables[name])}


def describe_table(world: World, asked: Json) -> Json:
    return {"Table": _description(table_of(world, asked["TableName"]))}


def _description(table: Table) -> Json:
    kinds = ("HASH", "RANGE")
    schema = [{"AttributeName": name, "KeyType": kind} for name, kind in zip(table.keys.names, kinds, strict=False)]
    return {
        "TableName": table.name,
        "TableStatus": "ACTIVE",
        "KeySchema": schema,
        "TableArn": f"arn:aws:dynamodb:us-east-1:000000000000:table/{table.name}",
    }


def get_item(world: World, asked: Json) -> Json:
    item = table_of(world, asked["TableName"]).get(asked["Key"])
    return {} if item is None else {"Item": item}


def put_item(world: World, asked: Json) -> Json:
    _conditional(world, {"Put": asked})
    return {}


def delete_item(world: World, asked: Json) -> Json:
    _conditional(world, {"Delete": asked})
    return {}


def update_item(world: World, asked: Json) -> Json:
    _conditional(world, {"Update": asked})
    if not asked.get("ReturnValues", "NONE").endswith("_NEW"):
        return {}
    return {"Attributes": table_of(world, asked["TableName"]).get(asked["Key"])}


def _conditional(world: World, action: Json) -> None:
    if not _allowed(world, action):
        raise Refused("ConditionalCheckFailedException", SAID)
    _perform(world, action)


def transact_write_items(world: World, asked: Json) -> Json:
    actions = asked["TransactItems"]
    if not 1 <= len(actions) <= ACTIONS_MAX:
        raise Refused("ValidationException", f"Member must have length between 1 and {ACTIONS_MAX}")
    places = [(said["TableName"], _place(world, said)) for action in actions for said in action.values()]
    if len(set(places)) < len(places):
        raise Refused("ValidationException", "Transaction request cannot include multiple operations on one item")
    allowed = [_allowed(world, action) for action in actions]
    if not all(allowed):
        reasons = [{"Code": "None"} if fine else {"Code": FAILED, "Message": SAID} for fine in allowed]
        codes = ", ".join(reason["Code"] for reason in reasons)
        said = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
        raise Refused("TransactionCanceledException", said, Message=said, CancellationReasons=reasons)
    for action in actions:
        _perform(world, action)
    return {}


def _place(world: World, said: Json) -> Any:
    return table_of(world, said["TableName"]).keys.of(said.get("Item") or said["Key"])


def _allowed(world: World, action: Json) -> bool:
    (said,) = action.values()
    condition = said.get("ConditionExpression")
    if condition is None:
        return True
    return meets(condition, _scope(said, table_of(world, said["TableName"]).get(said.get("Item") or said["Key"])))


def _scope(said: Json, item: Json | None) -> Scope:
    return Scope(item or {}, said.get("ExpressionAttributeNames", {}), said.get("ExpressionAttributeValues", {}))


def _perform(world: World, action: Json) -> None:
    ((kind, said),) = action.items()
    table = table_of(world, said["TableName"])
    if kind == "Put":
        table.put(said["Item"])
    elif kind == "Delete":
        table.delete(said["Key"])
    elif kind == "Update":
        before = table.get(said["Key"])
        table.put(updated(said["UpdateExpression"], _scope(said, before or said["Key"])))
    elif kind != "ConditionCheck":
        raise unknown(f"the action {kind}")


def batch_get_item(world: World, asked: Json) -> Json:
    wanted = asked["RequestItems"]
    if sum(len(each["Keys"]) for each in wanted.values()) > GET_KEYS_MAX:
        raise Refused("ValidationException", f"Too many items requested: at most {GET_KEYS_MAX}")
    found = {}
    for name, each in wanted.items():
        table = table_of(world, name)
        if len({table.keys.of(key) for key in each["Keys"]}) < len(each["Keys"]):
            raise Refused("ValidationException", "Provided list of item keys contains duplicates")
        found[name] = [item for key in each["Keys"] if (item := table.get(key)) is not None]
    return {"Responses": found, "UnprocessedKeys": {}}


def batch_write_item(world: World, asked: Json) -> Json:
    requests = asked["RequestItems"]
    if sum(map(len, requests.values())) > WRITES_MAX:
        raise Refused("ValidationException", f"Too many items requested: at most {WRITES_MAX}")
    for name, each in requests.items():
        table = table_of(world, name)
        for request in each:
            if "PutRequest" in request:
                table.put(request["PutRequest"]["Item"])
            else:
                table.delete(request["DeleteRequest"]["Key"])
    return {"UnprocessedItems": {}}
