"""Which items does a Query or a Scan bring, and where does the next page begin?

A key condition names one partition by equality; Limit counts what was read, before the filter. A page begins after
the place where the one before it ended, whether that item is still there or not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bench.standin.dynamodb import table_of
from bench.standin.expressions import Item, Scope, meets, value_of
from bench.standin.refusal import unknown
from bench.standin.tables import Value
from bench.standin.world import World

Json = dict[str, Any]

SCANNED_MAX = 1_000
EQUALS = re.compile(r"(#?\w+)\s*=\s*(:\w+)")


def query(world: World, asked: Json) -> Json:
    table, condition = table_of(world, asked["TableName"]), asked["KeyConditionExpression"]
    names, values = asked.get("ExpressionAttributeNames", {}), asked["ExpressionAttributeValues"]
    equal = {names.get(name, name): values[value] for name, value in EQUALS.findall(condition)}
    if table.keys.partition not in equal or "IndexName" in asked:
        raise unknown(f"a query of an index, or the key condition {condition!r}")
    rows = table.partition(value_of(equal[table.keys.partition]))
    rows = [item for item in rows if meets(condition, Scope(item, names, values))]
    backwards = not asked.get("ScanIndexForward", True)
    return _page(asked, rows[::-1] if backwards else rows, table.keys.names, len(rows), backwards=backwards)


def scan(world: World, asked: Json) -> Json:
    table = table_of(world, asked["TableName"])
    if asked.get("TotalSegments", 1) != 1 or "IndexName" in asked:
        raise unknown("a scan in segments or of an index")
    order = table.keys.names
    return _page(asked, sorted(table.items(), key=lambda item: _place(item, order)), order, SCANNED_MAX)


def _place(item: Mapping[str, Any], order: Sequence[str]) -> tuple[Value, ...]:
    return tuple(value_of(item[name]) for name in order)


def _page(asked: Json, rows: list[Item], order: Sequence[str], most: int, *, backwards: bool = False) -> Json:
    """The rows after ExclusiveStartKey, at most Limit or most of them, that meet the filter."""
    if "ExclusiveStartKey" in asked:
        after = _place(asked["ExclusiveStartKey"], order)
        rows = [item for item in rows if (_place(item, order) < after if backwards else _place(item, order) > after)]
    read = rows[: asked.get("Limit", most)]
    names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
    shown = [item for item in read if meets(asked.get("FilterExpression"), Scope(item, names, values))]
    answer: Json = {"Items": shown, "Count": len(shown), "ScannedCount": len(read)}
    if len(read) < len(rows) or (read and len(read) == asked.get("Limit")):
        answer["LastEvaluatedKey"] = {name: read[-1][name] for name in order}
    return answer
