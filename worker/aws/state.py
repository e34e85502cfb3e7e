"""Where does a product's state live, and what waits to be published?

A header and its segments are read so that they agree. How a state becomes durable is told in commits.py, and which
products are still to be decided in agenda.py."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import partial
from typing import Any

import structlog

from domain.events import ProductKey
from domain.ledger import Segment
from domain.product import ProductState, product_label
from handlers.errors import TransientFailure
from handlers.ports import Change, Committed, OutboxEntry
from worker.aws import state_codec as codec
from worker.aws.commits import Commits
from worker.aws.dynamodb import Item, batch_get, batch_write, gather_bounded, number, query, text

log = structlog.get_logger()

LOADS_MAX = 3


class _Unread(Enum):
    """Why a product has no state for now: a newer worker wrote it, or it changed between the two reads of it."""

    REFUSED = "refused"
    MOVED = "moved"


class DynamoState:
    def __init__(self, client: Any, table: str, deadline_s: float) -> None:
        self._client = client
        self._table = table
        self._commits = Commits(client, table, deadline_s)

    async def load(self, keys: Sequence[ProductKey]) -> dict[ProductKey, ProductState]:
        states = {key: ProductState(key) for key in keys}
        moved = list(states)
        for _ in range(LOADS_MAX):
            moved = await self._load(moved, states)
            if not moved:
                return states
        raise TransientFailure(f"segments of {product_label(moved[0])} changed again and again while they were read")

    async def _load(self, keys: Sequence[ProductKey], states: dict[ProductKey, ProductState]) -> list[ProductKey]:
        """Puts what is durable into states; returns the products whose header moved on while they were read."""
        wanted = [codec.header_key(key) for key in keys]
        items = await batch_get(self._client, self._table, wanted, consistent=True)
        products = [codec.product_in(item) for item in items]
        loaded = await gather_bounded(self._with_segments, list(zip(products, items, strict=True)), 16)
        moved = []
        for product, state in zip(products, loaded, strict=True):
            if state is _Unread.REFUSED:
                del states[product]
            elif state is _Unread.MOVED:
                moved.append(product)
            else:
                states[product] = state
        return moved

    async def _with_segments(self, row: tuple[ProductKey, Item]) -> ProductState | _Unread:
        product, item = row
        try:
            state = codec.decode_header(product, item)
        except codec.NewerSchema as exc:
            # This product waits for the newer version; the others go on.
            log.error("state.refused", reason=str(exc))
            return _Unread.REFUSED
        ledger = state.ledger
        if ledger.first == ledger.next_number:
            return state
        found = await query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": item["pk"],
                ":first": text(codec.segment_sk(ledger.first)),
                ":last": text(codec.segment_sk(ledger.next_number - 1)),
            },
            ConsistentRead=True,
        )
        segments: tuple[Segment, ...] = tuple(codec.decode_segment(each) for each in found)
        if len(segments) != ledger.next_number - ledger.first:
            # The header moved on between the two reads; the next read of it will say how.
            return _Unread.MOVED
        return codec.decode_header(product, item, segments)

    async def commit(self, changes: Sequence[Change]) -> list[Committed]:
        return await self._commits(changes)

    async def outbox(self, before: int, limit: int) -> list[OutboxEntry]:
        found = await gather_bounded(partial(self._outbox_shard, before, limit), range(codec.SHARDS))
        return [codec.decode_outbox(item) for part in found for item in part][:limit]

    async def _outbox_shard(self, before: int, limit: int, shard: int) -> list[Item]:
        return await query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            FilterExpression="created_at < :before",
            ExpressionAttributeValues={":pk": text(f"X#{shard}"), ":before": number(before)},
            Limit=limit,
            ConsistentRead=True,
        )

    async def forget(self, entry_ids: Sequence[str]) -> None:
        await batch_write(
            self._client, self._table, [{"DeleteRequest": {"Key": codec.outbox_key(i)}} for i in entry_ids]
        )
