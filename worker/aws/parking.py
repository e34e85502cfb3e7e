"""Where do lines go that are not counted, so that nothing is lost?

Quarantined lines under pk `Q#<shard>`, for some days; late sales and corrections under `L#<product>`, until a rebuild
counts them; both in the state table. A body too large for an item goes to S3 and the item refers to it. Writing a
record again replaces it by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from domain.events import SaleCorrected
from domain.ledger import id_digest
from domain.product import product_label
from handlers.ports import LateSale, Parking, Quarantined
from worker.aws.clients import translated
from worker.aws.dynamodb import Item, batch_write, number, text
from worker.aws.state_codec import shard_of
from worker.retry import retrying

BODY_BYTES_MAX = 200_000
CORRECTED = "sale_corrected"
REASON_CHARS_MAX = 1_000  # a reason may quote what a sender wrote


class DynamoParking:
    def __init__(self, dynamodb: Any, s3: Any, table: str, bucket: str, quarantine_days: int) -> None:
        self._dynamodb = dynamodb
        self._s3 = s3
        self._table = table
        self._bucket = bucket
        self._quarantined_for_s = quarantine_days * 86_400

    async def quarantine(self, records: Sequence[Quarantined]) -> None:
        unique = {record.record_id: record for record in records}
        items = [await self._quarantined(record) for record in unique.values()]
        await batch_write(self._dynamodb, self._table, [{"PutRequest": {"Item": item}} for item in items])

    async def _quarantined(self, record: Quarantined) -> Item:
        item = {
            "pk": text(f"Q#{shard_of(record.record_id)}"),
            "sk": text(record.record_id),
            "reason": text(record.reason[:REASON_CHARS_MAX]),
            "received_at": number(record.received_at),
            "expires_at": number(record.received_at // 1000 + self._quarantined_for_s),
        }
        body = record.body.encode("utf-8", "surrogatepass")
        if len(body) <= BODY_BYTES_MAX:
            item["body"] = text(record.body) if _is_text(record.body) else {"B": body}
        else:
            key = f"quarantine/{sha256(record.record_id.encode()).hexdigest()}"
            await self._store(key, body)
            item["body_in_s3"] = text(f"s3://{self._bucket}/{key}")
        return item

    async def _store(self, key: str, body: bytes) -> None:
        async def once() -> None:
            with translated("PutObject"):
                await self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)

        await retrying(once)

    async def late(self, sales: Sequence[LateSale]) -> None:
        items = {(late.sale.product, late.sale.event_id): _late(late) for late in sales}
        await batch_write(self._dynamodb, self._table, [{"PutRequest": {"Item": item}} for item in items.values()])


class LateStays:
    """A parking that leaves late sales where they were read: in a table that is read again and again, say."""

    def __init__(self, parking: Parking) -> None:
        self._parking = parking

    async def quarantine(self, records: Sequence[Quarantined]) -> None:
        await self._parking.quarantine(records)

    async def late(self, sales: Sequence[LateSale]) -> None:
        return


def _late(late: LateSale) -> Item:
    """sale holds the fields of the event in their order; without a kind they are those of a sale."""
    sale = late.sale
    item = {
        "pk": text(f"L#{product_label(sale.product)}"),
        "sk": text(id_digest(sale.event_id).hex()),
        "sale": text(json.dumps(sale, ensure_ascii=False)),
        "received_at": number(late.received_at),
    }
    return item | {"kind": text(CORRECTED)} if isinstance(sale, SaleCorrected) else item


def _is_text(body: str) -> bool:
    try:
        body.encode()
    except UnicodeEncodeError:
        return False
    return True
