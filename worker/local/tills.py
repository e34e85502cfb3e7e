"""How does a sale leave the shop?

By the queue, in messages of many; or as an item of the shop's own table, whose stream tells of it. A table holds one
item a key and tells of a change as a change: what is no new sale of a new key goes by the queue all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import uuid4

from domain.events import ProductKey, SaleRecorded
from worker.aws.clients import Clients
from worker.aws.dynamodb import Item, batch_write, gather_bounded, text
from worker.local.items import item_of, sale_of
from worker.producer import PackedMessage, Row, batches, pack, pointer_body
from worker.settings import Settings

FIFO_GROUPS = 32
CALLS_IN_FLIGHT = 4
GROUP = "sale_group"


class Till(Protocol):
    async def send(self, rows: Sequence[Row], *, all_settled: bool = False) -> list[Row]:
        """Sends rows, bad ones too, and any other events. Returns those that were not sent because they must not be
        before all others are settled; all_settled says that they are."""
        ...


class QueueTill:
    """Keeps the order of a product's sales on a FIFO queue. Of a parted queue it is given the URL of each partition,
    and sends a product's sales to its own."""

    def __init__(self, clients: Clients, settings: Settings, *queue_urls: str) -> None:
        self._clients = clients
        self._queue_urls = queue_urls
        self._payload_bucket = settings.payload_bucket
        self._groups = FIFO_GROUPS if settings.queue_name.endswith(".fifo") else None

    async def send(self, rows: Sequence[Row], *, all_settled: bool = False) -> list[Row]:
        packed = pack(rows, fifo_groups=self._groups, partitions=len(self._queue_urls))
        by_partition: dict[int, list[PackedMessage]] = {}
        for message in packed:
            by_partition.setdefault(message.partition, []).append(await self._fitting(message))
        calls = [batch for messages in by_partition.values() for batch in batches(messages)]
        # One call after the other where a group's messages must be sent in their order.
        await gather_bounded(self._put, calls, CALLS_IN_FLIGHT if self._groups is None else 1)
        return []

    async def _fitting(self, message: PackedMessage) -> PackedMessage:
        if not message.oversized:
            return message
        key = f"sales/{uuid4().hex}"
        await self._clients.s3.put_object(Bucket=self._payload_bucket, Key=key, Body=message.body.encode())
        return message._replace(body=pointer_body(self._payload_bucket, key))

    async def _put(self, messages: Sequence[PackedMessage]) -> None:
        entries = [_entry(index, message) for index, message in enumerate(messages)]
        url = self._queue_urls[messages[0].partition]
        answer = await self._clients.sqs.send_message_batch(QueueUrl=url, Entries=entries)
        failed = {said["Id"] for said in answer.get("Failed", [])}
        if failed:
            await self._put([message for index, message in enumerate(messages) if str(index) in failed])


class TableTill:
    """written counts the items. grouped writes into each one the FIFO group that a pipe is to give its message."""

    def __init__(self, dynamodb: Any, table: str, queue: QueueTill, *, grouped: bool) -> None:
        self.written = 0
        self._dynamodb = dynamodb
        self._table = table
        self._queue = queue
        self._grouped = grouped
        self._groups: dict[ProductKey, str] = {}
        self._keys: set[tuple[str, str]] = set()
        self._told: dict[tuple[ProductKey, str], SaleRecorded] = {}

    async def send(self, rows: Sequence[Row], *, all_settled: bool = False) -> list[Row]:
        items: list[Item] = []
        queued: list[Row] = []
        held: list[Row] = []
        for row in rows:
            sale = sale_of(row)
            if not all_settled and sale is not None and self._contradicts(sale):
                # Two sales under one id: the first one counts. The queue is faster than the stream, and this one
                # would be the first.
                held.append(row)
            elif (item := self._new_item(row, sale)) is not None:
                items.append(item)
            else:
                queued.append(row)
        self.written += len(items)
        await batch_write(self._dynamodb, self._table, [{"PutRequest": {"Item": item}} for item in items])
        await self._queue.send(queued)
        return held

    def _contradicts(self, sale: SaleRecorded) -> bool:
        return self._told.setdefault((sale.product, sale.event_id), sale) != sale

    def _new_item(self, row: Row, sale: SaleRecorded | None) -> Item | None:
        """The item of a row, None if it has none or its key is taken: by the same sale, or by one elsewhere."""
        item = None if sale is None or isinstance(row, str) else item_of(row, sale)
        if item is None or sale is None:
            return None
        key = item["product_id"]["S"], item["sale_date"]["S"]
        if key in self._keys:
            return None
        self._keys.add(key)
        return {**item, GROUP: text(self._group(sale.product))} if self._grouped else item

    def _group(self, product: ProductKey) -> str:
        if product not in self._groups:
            (message,) = pack([product._asdict()], fifo_groups=FIFO_GROUPS)
            self._groups[product] = str(message.group_id)
        return self._groups[product]


def _entry(index: int, message: PackedMessage) -> dict[str, str]:
    entry = {"Id": str(index), "MessageBody": message.body}
    if message.group_id is not None:
        # Each message is one of its own, re-sent sales too: it is Restock that must recognise them.
        entry |= {"MessageGroupId": message.group_id, "MessageDeduplicationId": uuid4().hex}
    return entry
