"""How are many items read or written in few calls, with nothing left behind?

BatchGetItem and BatchWriteItem may answer for a part only; the rest is asked for again until nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from handlers.errors import Overloaded
from worker.aws.clients import translated
from worker.retry import retrying

GET_KEYS_MAX = 100
WRITE_ITEMS_MAX = 25
CALLS_IN_FLIGHT = 4

Item = dict[str, Any]
T = TypeVar("T")
A = TypeVar("A")


def text(value: str) -> Item:
    return {"S": value}


def number(value: int) -> Item:
    return {"N": str(value)}


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in runs of at most size."""
    for at in range(0, len(items), size):
        yield items[at : at + size]


async def gather_bounded(
    call: Callable[[A], Awaitable[T]], arguments: Iterable[A], in_flight: int = CALLS_IN_FLIGHT
) -> list[T]:
    """Awaits call(argument) for all, at most in_flight at a time; the first failure is raised after all have ended."""
    waiting = list(arguments)
    numbered = iter(enumerate(waiting))
    results: dict[int, T] = {}
    failures: dict[int, Exception] = {}

    async def work() -> None:
        for number_, argument in numbered:
            try:
                results[number_] = await call(argument)
            except Exception as exc:  # noqa: BLE001 - raised again below, when the others have ended
                failures[number_] = exc

    # A task for each slot, not for each argument.
    await asyncio.gather(*(work() for _ in range(min(in_flight, len(waiting)))))
    if failures:
        raise failures[min(failures)]
    return [results[number_] for number_ in range(len(waiting))]


async def batch_get(client: Any, table: str, keys: Sequence[Item], *, consistent: bool) -> list[Item]:
    """Every existing item of these keys, in no particular order."""
    found = await gather_bounded(partial(_get, client, table, consistent), chunks(keys, GET_KEYS_MAX))
    return [item for part in found for item in part]


async def _get(client: Any, table: str, consistent: bool, keys: Sequence[Item]) -> list[Item]:
    wanted: dict[str, Any] = {table: {"Keys": list(keys), "ConsistentRead": consistent}}
    items: list[Item] = []

    async def once() -> None:
        nonlocal wanted
        with translated("BatchGetItem"):
            answer = await client.batch_get_item(RequestItems=wanted)
        items.extend(answer.get("Responses", {}).get(table, []))
        wanted = answer.get("UnprocessedKeys") or {}
        if wanted:
            raise Overloaded("BatchGetItem left keys unprocessed")

    await retrying(once)
    return items


async def batch_write(client: Any, table: str, requests: Sequence[Item]) -> None:
    """Performs every PutRequest and DeleteRequest; each must be safe to repeat."""
    await gather_bounded(partial(_write, client, table), chunks(requests, WRITE_ITEMS_MAX))


async def _write(client: Any, table: str, requests: Sequence[Item]) -> None:
    wanted: dict[str, Any] = {table: list(requests)}

    async def once() -> None:
        nonlocal wanted
        with translated("BatchWriteItem"):
            answer = await client.batch_write_item(RequestItems=wanted)
        wanted = answer.get("UnprocessedItems") or {}
        if wanted:
            raise Overloaded("BatchWriteItem left items unprocessed")

    await retrying(once)


async def query(client: Any, **request: Any) -> list[Item]:
    """Every item of a Query, page by page, up to request's own Limit if it has one."""
    limit = request.get("Limit")
    items: list[Item] = []
    while True:

        async def page() -> Any:
            with translated("Query"):
                return await client.query(**request)

        answer = await retrying(page)
        items.extend(answer.get("Items", []))
        last = answer.get("LastEvaluatedKey")
        if last is None or (limit is not None and len(items) >= limit):
            return items
        request["ExclusiveStartKey"] = last
