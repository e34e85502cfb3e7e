"""Where do the promises of a week lie until it is over, and its scores afterwards?

In restock-state. pk `V#<week>`: the parts of all workers, packed like a product's header. pk `V#closed`, the newest
week first: its scores and the verdict, written once, together with what is to be announced. pk `V#backtest`: what the
serving model is measured against. TTL on expires_at removes what nobody asks for any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from random import getrandbits
from typing import Any
from zlib import compress, decompress

from botocore.exceptions import ClientError
from pydantic_core import from_json, to_json

from domain.accuracy import Promise, Score
from domain.drift import DAYS_A_WEEK, Standing
from domain.product import product_label, product_of
from handlers.errors import Misconfigured
from handlers.ports import OutboxEntry, ScoredWeek
from worker.aws import state_codec as codec
from worker.aws.clients import error_code, translated
from worker.aws.dynamodb import Item, batch_write, number, query, text
from worker.retry import retrying

PROMISES_A_PART = 100  # ids of the longest kind included, far within an item's 400 KB
PROMISES_KEPT_DAYS = 90
WEEKS_KEPT_DAYS = 800
SECONDS_PER_DAY = 86_400
CLOSED = "V#closed"
NEWEST_FIRST = 99_999_999  # less the week: a query reads keys in rising order
BACKTEST: Item = {"pk": text("V#backtest"), "sk": text("V")}
REFUSED = "TransactionCanceledException"


class DynamoAccuracyBook:
    def __init__(self, client: Any, table: str, deadline_s: float) -> None:
        self._client = client
        self._table = table
        self._deadline_s = deadline_s
        self._me = f"{getrandbits(64):016x}"
        self._numbered = count()

    async def promise(self, week: int, promises: Sequence[Promise]) -> None:
        # Named before they are written: a write that is tried again leaves no second item.
        items = [
            {
                "pk": text(f"V#{week}"),
                "sk": text(f"{self._me}#{next(self._numbered)}"),
                "body": _packed([[product_label(each.product), *each[1:]] for each in part]),
                "expires_at": number((week * DAYS_A_WEEK + PROMISES_KEPT_DAYS) * SECONDS_PER_DAY),
            }
            for part in _parts(promises)
        ]
        await batch_write(self._client, self._table, [{"PutRequest": {"Item": item}} for item in items])

    async def promised(self, week: int) -> list[Promise]:
        items = await self._of(f"V#{week}")
        return [Promise(product_of(label), *said) for item in items for label, *said in _unpacked(item)]

    async def close(self, scored: ScoredWeek, outbox: Sequence[OutboxEntry]) -> bool:
        token = f"{getrandbits(128):032x}"
        closed = {**_closed_item(scored), "token": text(token)}
        condition = {"ConditionExpression": "attribute_not_exists(pk)"}
        actions: list[Item] = [{"Put": {"TableName": self._table, "Item": closed, **condition}}]
        actions += [{"Put": {"TableName": self._table, "Item": codec.encode_outbox(entry)}} for entry in outbox]

        async def once() -> None:
            with translated("TransactWriteItems"):
                async with asyncio.timeout(self._deadline_s):
                    await self._client.transact_write_items(TransactItems=actions)

        try:
            await retrying(once)
        except Misconfigured as exc:
            if not _condition_failed(exc.__cause__):
                raise
            # Tried again after its answer was lost, a write meets itself.
            return any(item.get("token") == text(token) for item in await self._of(CLOSED))
        return True

    async def closed(self, limit: int) -> list[ScoredWeek]:
        items = await self._of(CLOSED, Limit=limit)
        return [_scored_week(item) for item in reversed(items)]

    async def backtest(self) -> Mapping[str, float]:
        items = await self._of(BACKTEST["pk"]["S"])
        return {name: float(wape) for name, wape in _unpacked(items[0]).items()} if items else {}

    async def set_backtest(self, wape: Mapping[str, float]) -> None:
        item = {**BACKTEST, "body": _packed(dict(wape))}
        await batch_write(self._client, self._table, [{"PutRequest": {"Item": item}}])

    async def _of(self, pk: str, **how: Any) -> list[Item]:
        return await query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": text(pk)},
            ConsistentRead=True,
            **how,
        )


def _parts(promises: Sequence[Promise]) -> Iterator[Sequence[Promise]]:
    for at in range(0, len(promises), PROMISES_A_PART):
        yield promises[at : at + PROMISES_A_PART]


def _packed(said: object) -> Item:
    return {"B": compress(to_json(said), 1)}


def _unpacked(item: Item) -> Any:
    return from_json(decompress(item["body"]["B"]))


def _closed_item(scored: ScoredWeek) -> Item:
    standing = scored.standing
    body = {
        "board": scored.board,
        "on_baseline": sorted(standing.on_baseline),
        "raised": [[*key, week] for key, week in standing.raised.items()],
    }
    return {
        "pk": text(CLOSED),
        "sk": text(f"{NEWEST_FIRST - scored.week:08d}"),
        "body": _packed(body),
        "expires_at": number((scored.week * DAYS_A_WEEK + WEEKS_KEPT_DAYS) * SECONDS_PER_DAY),
    }


def _scored_week(item: Item) -> ScoredWeek:
    body, week = _unpacked(item), NEWEST_FIRST - int(item["sk"]["S"])
    raised = {(rule, category): at for rule, category, at in body["raised"]}
    board = {name: Score(*score) for name, score in body["board"].items()}
    return ScoredWeek(week, board, Standing(week, frozenset(body["on_baseline"]), raised))


def _condition_failed(exc: BaseException | None) -> bool:
    if not isinstance(exc, ClientError) or error_code(exc) != REFUSED:
        return False
    reasons = exc.response.get("CancellationReasons", [])
    return any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons)
