"""Are the tables there, as the worker needs them, and may it write them?

Writing is tried with conditions that never hold: whoever may not write is refused for another reason than the
condition, and nothing is ever written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from worker.aws.dynamodb import text
from worker.doctor.checkup import Checkup
from worker.sources.shards.discovery import VIEW

NEVER = "attribute_exists(#k) AND attribute_not_exists(#k)"
PROBE = "restock-doctor"
CONDITION, CANCELLED = ("ConditionalCheckFailedException",), ("TransactionCanceledException",)
STATE_CALLS = ("PutItem", "DeleteItem", "BatchGetItem")
FORECASTS_CALLS = ()  # it is written by BatchWriteItem alone, which knows no condition: it cannot be tried
LEASES_CALLS = ("PutItem",)


async def check_tables(checkup: Checkup) -> None:
    settings = checkup.settings
    if await _table(checkup, settings.state_table, [("pk", "sk")]):
        await _state(checkup, settings.state_table)
    inventory = await _table(checkup, settings.inventory_table, [("product_id",), ("product_id", "location_id")])
    if inventory:
        await _readable(checkup, settings.inventory_table, _keys(inventory))
    if await _table(checkup, settings.forecasts_table, [("product_id", "forecast_date")]):
        await _writable(checkup, settings.forecasts_table, ("product_id", "forecast_date"), FORECASTS_CALLS)
        await _expires(checkup, settings.forecasts_table)
    has_leases = settings.stream_table or settings.queue_partitions > 1
    if has_leases and await _table(checkup, settings.leases_table, [("pk", "sk")]):
        await _writable(checkup, settings.leases_table, ("pk", "sk"), LEASES_CALLS)
        await _expires(checkup, settings.leases_table)
    if settings.stream_table:
        await _stream(checkup, settings.stream_table)


async def _table(checkup: Checkup, table: str, keys: Sequence[tuple[str, ...]]) -> Mapping[str, Any] | None:
    what = f"table {table}"
    call = checkup.clients.dynamodb.describe_table(TableName=table)
    answer = await checkup.ask(what, "dynamodb:DescribeTable", f"create it with the key {' and '.join(keys[-1])}", call)
    if answer is None:
        return None
    said: Mapping[str, Any] = answer["Table"]
    if said["TableStatus"] not in ("ACTIVE", "UPDATING"):
        checkup.wrong(what, f"is {said['TableStatus']}", "wait until it is ACTIVE")
    if tuple(_keys(said)) not in keys:
        wanted = " or ".join(", ".join(key) for key in keys)
        checkup.wrong(what, f"has the key {', '.join(_keys(said))}, not {wanted}", "create it anew with that key")
        return None
    checkup.well(what, f"is there, key {', '.join(_keys(said))}")
    return said


def _keys(said: Mapping[str, Any]) -> list[str]:
    ordered = sorted(said["KeySchema"], key=lambda key: str(key["KeyType"]))  # HASH before RANGE
    return [key["AttributeName"] for key in ordered]


async def _state(checkup: Checkup, table: str) -> None:
    dynamodb = checkup.clients.dynamodb
    await _writable(checkup, table, ("pk", "sk"))
    await _expires(checkup, table)
    action = {"TableName": table, "Item": _probe("pk", "sk"), **_never("pk")}
    what = f"table {table}"
    await checkup.allowed(
        what, "dynamodb:PutItem", CANCELLED, dynamodb.transact_write_items(TransactItems=[{"Put": action}])
    )
    one = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": text(PROBE)}}
    await checkup.allowed(what, "dynamodb:Query", (), dynamodb.query(TableName=table, **one))
    if table == checkup.settings.stream_table:
        checkup.wrong(what, "is the table whose stream is read", "set RESTOCK_STREAM_TABLE to the shop's own table")
    backups = await checkup.ask(
        f"backups of {table}",
        "dynamodb:DescribeContinuousBackups",
        "allow it, or look yourself",
        dynamodb.describe_continuous_backups(TableName=table),
        needed=False,
    )
    if backups is not None:
        recovery = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
            checkup.doubtful(f"backups of {table}", "point-in-time recovery is off", "turn it on: dollars a month")


async def _writable(checkup: Checkup, table: str, keys: tuple[str, str], calls: Collection[str] = STATE_CALLS) -> None:
    """calls: those of the three tried here that the worker makes itself; without the others it works."""
    dynamodb, what = checkup.clients.dynamodb, f"table {table}"
    put = dynamodb.put_item(TableName=table, Item=_probe(*keys), **_never(keys[0]))
    delete = dynamodb.delete_item(TableName=table, Key=_probe(*keys), **_never(keys[0]))
    may_put = await checkup.allowed(what, "dynamodb:PutItem", CONDITION, put, ours="PutItem" in calls)
    ours = "DeleteItem" in calls
    may_delete = await checkup.allowed(what, "dynamodb:DeleteItem", CONDITION, delete, ours=ours)
    await _readable(checkup, table, keys, ours="BatchGetItem" in calls)
    if may_put and may_delete:
        checkup.well(what, "may be read and written (tried with a condition that never holds)")


async def _readable(checkup: Checkup, table: str, keys: Sequence[str], *, ours: bool = True) -> None:
    wanted = {table: {"Keys": [_probe(*keys)]}}
    call = checkup.clients.dynamodb.batch_get_item(RequestItems=wanted)
    await checkup.allowed(f"table {table}", "dynamodb:BatchGetItem", (), call, ours=ours)


async def _expires(checkup: Checkup, table: str) -> None:
    what = f"table {table}"
    call = checkup.clients.dynamodb.describe_time_to_live(TableName=table)
    fix = "turn TTL on for the attribute expires_at"
    answer = await checkup.ask(what, "dynamodb:DescribeTimeToLive", fix, call, needed=False)
    if answer is None:
        return
    said = answer["TimeToLiveDescription"]
    if said.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING") or said.get("AttributeName") != "expires_at":
        checkup.doubtful(what, "nothing in it expires: it grows without end", fix)


async def _stream(checkup: Checkup, table: str) -> None:
    what = f"stream of {table}"
    call = checkup.clients.dynamodb.describe_table(TableName=table)
    answer = await checkup.ask(what, "dynamodb:DescribeTable", "name the table of sales in RESTOCK_STREAM_TABLE", call)
    if answer is None:
        return
    said = answer["Table"]
    view = said.get("StreamSpecification", {}).get("StreamViewType")
    if view != VIEW:
        checkup.wrong(what, f"shows {view or 'nothing: there is none'}", f"enable the stream with {VIEW}")
        return
    described = checkup.clients.streams.describe_stream(StreamArn=said["LatestStreamArn"])
    if await checkup.ask(what, "dynamodb:DescribeStream", "look at the table's stream", described) is not None:
        checkup.well(what, f"shows {VIEW}")


def _probe(*keys: str) -> dict[str, Any]:
    return {key: text(PROBE) for key in keys}


def _never(key: str) -> dict[str, Any]:
    return {"ConditionExpression": NEVER, "ExpressionAttributeNames": {"#k": key}}
