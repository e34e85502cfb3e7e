"""What have all workers together asked the model of words in an hour?

In restock-state: pk `B#insights`, sk the hour of the epoch, how many calls and the tokens they count for. A call is
counted under the condition that the hour's limits hold with it, so that no two workers take the last one."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from worker.aws.clients import error_code, translated
from worker.aws.dynamodb import Item, number, text

KEPT_HOURS = 48
HOUR_S = 3_600


class DynamoInsightLedger:
    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    async def take(self, hour: int, tokens: int, calls_max: int, tokens_max: int) -> bool:
        if calls_max < 1 or tokens > tokens_max:
            return False
        within = {
            "ConditionExpression": "attribute_not_exists(pk) OR (calls_made < :calls AND tokens_spent <= :left)",
        }
        limits = {":calls": number(calls_max), ":left": number(tokens_max - tokens)}
        return await self._add(hour, 1, tokens, within, limits)

    async def correct(self, hour: int, tokens: int) -> None:
        await self._add(hour, 0, tokens, {}, {})

    async def _add(self, hour: int, calls: int, tokens: int, within: dict[str, str], limits: Item) -> bool:
        values = {
            ":one": number(calls),
            ":tokens": number(tokens),
            ":end": number((hour + KEPT_HOURS) * HOUR_S),
        }
        with translated("UpdateItem"):
            try:
                await self._client.update_item(
                    TableName=self._table,
                    Key={"pk": text("B#insights"), "sk": text(f"{hour:010d}")},
                    UpdateExpression="SET expires_at = :end ADD calls_made :one, tokens_spent :tokens",
                    ExpressionAttributeValues={**values, **limits},
                    **within,
                )
            except ClientError as exc:
                if error_code(exc) == "ConditionalCheckFailedException":
                    return False
                raise
        return True
