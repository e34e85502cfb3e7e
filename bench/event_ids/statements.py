"""Could a header that changes alone be written without a transaction?

BatchExecuteStatement takes several updates a call. It would do only if each statement's own condition is honoured, and
a refused one leaves its neighbour alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any

from bench.event_ids.design import Design
from worker.aws.dynamodb import Item, batch_get, batch_write, chunks, gather_bounded, number, text
from worker.aws.state import ACTIONS_MAX, TRANSACTIONS_IN_FLIGHT

HEADERS = 1_000
STATEMENTS_MAX = 25


async def statements(client: Any, warm: Design, runs: int, table: str) -> dict[str, Any]:
    """Whether conditions are honoured, and the client's CPU µs a header, beside those of TransactWriteItems."""
    headers = warm.headers(list(warm.states)[:HEADERS])
    await batch_write(client, table, [{"PutRequest": {"Item": header}} for header in headers])
    honoured = await _honoured(client, table, *headers[:2])
    puts = [_put(table, header) for header in headers]
    updates = [_statement(table, header, header["version"]) for header in headers]
    spent: dict[str, list[float]] = {"transaction": [], "statements": []}
    for _ in range(runs):
        write = partial(_call, client.transact_write_items, "TransactItems")
        spent["transaction"].append(await _cpu_us(write, chunks(puts, ACTIONS_MAX)) / len(headers))
        write = partial(_call, client.batch_execute_statement, "Statements")
        spent["statements"].append(await _cpu_us(write, chunks(updates, STATEMENTS_MAX)) / len(headers))
    return {"honoured": honoured, **{f"{n}_us_per_header": statistics.median(each) for n, each in spent.items()}}


async def _honoured(client: Any, table: str, one: Item, two: Item) -> bool:
    """Sends an update of `two` that must be refused together with one of `one` that must be applied."""
    stale = _statement(table, {**two, "token": text("stale")}, number(-1))
    fresh = _statement(table, {**one, "token": text("fresh")}, one["version"])
    answers = (await client.batch_execute_statement(Statements=[stale, fresh]))["Responses"]
    keys = [{"pk": each["pk"], "sk": each["sk"]} for each in (one, two)]
    stored = await batch_get(client, table, keys, consistent=True)
    tokens = {item["pk"]["S"]: item["token"]["S"] for item in stored}
    return (
        [answer.get("Error", {}).get("Code") for answer in answers] == ["ConditionalCheckFailed", None]
        and tokens[one["pk"]["S"]] == "fresh"
        and tokens[two["pk"]["S"]] != "stale"
    )


def _statement(table: str, item: Item, was: Item) -> Item:
    names = sorted(item.keys() - {"pk", "sk"})
    changes = " ".join(f'SET "{name}"=?' for name in names)
    condition = 'WHERE "pk"=? AND "sk"=? AND "version"=?'
    parameters = [*(item[name] for name in names), item["pk"], item["sk"], was]
    return {"Statement": f'UPDATE "{table}" {changes} {condition}', "Parameters": parameters}


def _put(table: str, header: Item) -> Item:
    return {
        "Put": {
            "TableName": table,
            "Item": header,
            "ConditionExpression": "version = :was",
            "ExpressionAttributeValues": {":was": header["version"]},
        }
    }


async def _cpu_us(write: Callable[[Sequence[Item]], Awaitable[Any]], parts: Iterable[Sequence[Item]]) -> float:
    parts = list(parts)
    before = time.process_time()
    await gather_bounded(write, parts, TRANSACTIONS_IN_FLIGHT)
    return (time.process_time() - before) * 1e6


async def _call(operation: Any, parameter: str, part: Sequence[Item]) -> Any:
    return await operation(**{parameter: list(part)})
