"""What does the client pay for a header that changes alone, by each way to write one?

Restock puts each under its condition; a transaction takes a hundred. BatchExecuteStatement takes several updates a
call: it would do only if each statement's own condition is honoured, and a refused one leaves its neighbour alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any

from bench.event_ids.design import Design
from worker.aws.commits import ACTIONS_MAX, PUTS_IN_FLIGHT, TRANSACTIONS_IN_FLIGHT
from worker.aws.dynamodb import Item, batch_get, batch_write, chunks, gather_bounded, number, text

HEADERS = 1_000
STATEMENTS_MAX = 25


async def statements(client: Any, warm: Design, runs: int, table: str) -> dict[str, Any]:
    """Whether statements' conditions are honoured, and the client's CPU µs a header by each way."""
    headers = warm.headers(list(warm.states)[:HEADERS])
    await batch_write(client, table, [{"PutRequest": {"Item": header}} for header in headers])
    honoured = await _honoured(client, table, *headers[:2])
    puts = [_put(table, header) for header in headers]
    actions = [{"Put": put} for put in puts]
    updates = [_statement(table, header, header["version"]) for header in headers]
    transacted = partial(_call, client.transact_write_items, "TransactItems")
    stated = partial(_call, client.batch_execute_statement, "Statements")
    spent: dict[str, list[float]] = {"put": [], "transaction": [], "statements": []}
    for _ in range(runs):
        spent["put"].append(await _cpu_us(lambda put: client.put_item(**put), puts, PUTS_IN_FLIGHT))
        parts = chunks(actions, ACTIONS_MAX)
        spent["transaction"].append(await _cpu_us(transacted, parts, TRANSACTIONS_IN_FLIGHT))
        parts = chunks(updates, STATEMENTS_MAX)
        spent["statements"].append(await _cpu_us(stated, parts, TRANSACTIONS_IN_FLIGHT))
    medians = {name: statistics.median(each) / len(headers) for name, each in spent.items()}
    return {"honoured": honoured, **{f"{name}_us_per_header": each for name, each in medians.items()}}


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
        "TableName": table,
        "Item": header,
        "ConditionExpression": "version = :was",
        "ExpressionAttributeValues": {":was": header["version"]},
    }


async def _cpu_us(write: Callable[[Any], Awaitable[Any]], parts: Iterable[Any], in_flight: int) -> float:
    parts = list(parts)
    before = time.process_time()
    await gather_bounded(write, parts, in_flight)
    return (time.process_time() - before) * 1e6


async def _call(operation: Any, parameter: str, part: Sequence[Item]) -> Any:
    return await operation(**{parameter: list(part)})
