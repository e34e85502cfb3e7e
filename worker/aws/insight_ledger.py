"""What have all workers together asked the model of words in an hour?

In restock-state: pk `B#insights`, sk the hour of the epoch, how many calls and the tokens they count for. It is written
under the condition that it is as it was read, so that no two workers take the last call; whoever loses reads again."""

from __future__ import annotations

from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from worker.aws.clients import error_code, translated
from worker.aws.dynamodb import Item, batch_get, number, text

KEPT_HOURS = 48
HOUR_S = 3_600
ATTEMPTS = 10  # some workers at once; whoever loses so often asks later


class _Spent(NamedTuple):
    calls_made: int
    tokens_spent: int


NOTHING = _Spent(0, 0)
"""Of an hour in which nobody has asked."""


class DynamoInsightLedger:
    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    async def take(self, hour: int, tokens: int, calls_max: int, tokens_max: int) -> bool:
        for _ in range(ATTEMPTS):
            known = await self._read(hour)
            if known.calls_made >= calls_max or known.tokens_spent + tokens > tokens_max:
                return False
            if await self._write(hour, known, known.calls_made + 1, known.tokens_spent + tokens):
                return True
        return False

    async def correct(self, hour: int, tokens: int) -> None:
        for _ in range(ATTEMPTS):
            known = await self._read(hour)
            if await self._write(hour, known, known.calls_made, known.tokens_spent + tokens):
                return

    async def _read(self, hour: int) -> _Spent:
        items = await batch_get(self._client, self._table, [_key(hour)], consistent=True)
        return _Spent(*(int(items[0][name]["N"]) for name in _Spent._fields)) if items else NOTHING

    async def _write(self, hour: int, known: _Spent, calls: int, tokens: int) -> bool:
        """Whether it was still as it was known."""
        item = {
            **_key(hour),
            "calls_made": number(calls),
            "tokens_spent": number(tokens),
            "expires_at": number((hour + KEPT_HOURS) * HOUR_S),
        }
        with translated("PutItem"):
            try:
                await self._client.put_item(TableName=self._table, Item=item, **_as_known(known))
            except ClientError as exc:
                if error_code(exc) == "ConditionalCheckFailedException":
                    return False
                raise
        return True


def _as_known(known: _Spent) -> dict[str, Any]:
    if known is NOTHING:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {
        "ConditionExpression": "calls_made = :calls AND tokens_spent = :tokens",
        "ExpressionAttributeValues": {":calls": number(known.calls_made), ":tokens": number(known.tokens_spent)},
    }


def _key(hour: int) -> Item:
    return {"pk": text("B#insights"), "sk": text(f"{hour:010d}")}
