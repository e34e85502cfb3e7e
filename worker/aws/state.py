"""How does a product's state become durable, once, whoever else is writing?

A commit is one conditional write: the header only over the version it was made from, its segments, order and outbox
entries in the same transaction. Many products share a call; when it is cancelled each is tried alone. After a timeout
the header itself is asked whether it carries this commit's token: a timeout is neither a success nor a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum
from functools import partial
from random import getrandbits
from typing import Any

import structlog
from botocore.exceptions import ClientError

from domain.events import ProductKey
from domain.ledger import Segment
from domain.product import ProductState, product_label, product_of
from handlers.errors import Misconfigured, Overloaded, TransientFailure
from handlers.ports import Change, Committed, OutboxEntry
from worker.aws import state_codec as codec
from worker.aws.clients import error_code, translated
from worker.aws.dynamodb import Item, batch_get, batch_write, gather_bounded, number, query, text
from worker.retry import retrying

log = structlog.get_logger()

ACTIONS_MAX = 100
TRANSACTION_BYTES_MAX = 700_000  # of 4 MB; a request over 1 MB would hold up the event loop while it is written
DIRTY_INDEX = "dirty-index"
TRANSACTIONS_IN_FLIGHT = 4
LOADS_MAX = 3


class _Unread(Enum):
    """Why a product has no state for now: a newer worker wrote it, or it changed between the two reads of it."""

    REFUSED = "refused"
    MOVED = "moved"


class _Cancelled(Exception):
    """The transaction did not take effect. lost: positions of products whose condition failed."""

    def __init__(self, lost: set[int]) -> None:
        super().__init__("transaction cancelled")
        self.lost = lost


class DynamoState:
    def __init__(self, client: Any, table: str, deadline_s: float) -> None:
        self._client = client
        self._table = table
        self._deadline_s = deadline_s

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
        products = [product_of(item["pk"]["S"].removeprefix("P#")) for item in items]
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
        token = f"{getrandbits(128):032x}"
        results = [Committed.NO] * len(changes)

        async def together(rows: list[int]) -> None:
            await self._commit_rows(changes, rows, token, results)

        await gather_bounded(together, self._groups(changes), TRANSACTIONS_IN_FLIGHT)
        return results

    async def _commit_rows(
        self, changes: Sequence[Change], rows: list[int], token: str, results: list[Committed]
    ) -> None:
        try:
            done = await self._transact([changes[row] for row in rows], token)
            for row in rows if done is None else [rows[i] for i in done]:
                results[row] = Committed.YES
        except _Cancelled as cancelled:
            again = [row for position, row in enumerate(rows) if position not in cancelled.lost]
            if len(rows) > 1:
                for row in again:
                    await self._commit_rows(changes, [row], token, results)

    def _groups(self, changes: Sequence[Change]) -> list[list[int]]:
        """Rows that share a transaction, within the limits of actions and bytes."""
        groups: list[list[int]] = []
        actions = size = 0
        for row, change in enumerate(changes):
            weight = _weight(change)
            count = 1 + len(change.written) + len(change.dropped) + bool(change.order) + len(change.outbox)
            if not groups or actions + count > ACTIONS_MAX or size + weight > TRANSACTION_BYTES_MAX:
                groups.append([])
                actions = size = 0
            groups[-1].append(row)
            actions += count
            size += weight
        return groups

    async def _transact(self, changes: Sequence[Change], token: str) -> list[int] | None:
        """None when all took effect; after a failure of unknown effect the positions that did."""
        owners: list[int] = []
        actions: list[Item] = []
        for position, change in enumerate(changes):
            made = self._actions(change, token)
            actions += made
            owners += [position] * len(made)

        async def once() -> None:
            try:
                with translated("TransactWriteItems"):
                    async with asyncio.timeout(self._deadline_s):
                        await self._client.transact_write_items(TransactItems=actions)
            except Exception as exc:
                cause = exc.__cause__
                if isinstance(cause, ClientError) and error_code(cause) == "TransactionCanceledException":
                    raise _cancelled(cause, owners) from exc
                raise

        try:
            # A conflict or a throttle has no effect: it may be tried again under the same conditions.
            await retrying_refused(once)
        except TransientFailure:
            return await self._took_effect(changes, token)
        return None

    async def _took_effect(self, changes: Sequence[Change], token: str) -> list[int]:
        items = await batch_get(
            self._client, self._table, [codec.header_key(c.state.key) for c in changes], consistent=True
        )
        ours = {item["pk"]["S"] for item in items if item["token"]["S"] == token}
        return [i for i, change in enumerate(changes) if f"P#{product_label(change.state.key)}" in ours]

    def _actions(self, change: Change, token: str) -> list[Item]:
        state, table = change.state, self._table
        header: Item = {"TableName": table, "Item": codec.encode_header(state, token)}
        if state.version == 1:
            header["ConditionExpression"] = "attribute_not_exists(pk)"
        else:
            header["ConditionExpression"] = "version = :was"
            header["ExpressionAttributeValues"] = {":was": number(state.version - 1)}
        puts = [codec.encode_segment(state.key, segment) for segment in change.written]
        if change.order is not None:
            puts.append(codec.encode_order(change.order, state.cycle))
        absent = "attribute_not_exists(pk)"
        actions: list[Item] = [{"Put": header}]
        actions += [{"Put": {"TableName": table, "Item": i, "ConditionExpression": absent}} for i in puts]
        actions += [{"Put": {"TableName": table, "Item": codec.encode_outbox(entry)}} for entry in change.outbox]
        pk = text(f"P#{product_label(state.key)}")
        actions += [
            {"Delete": {"TableName": table, "Key": {"pk": pk, "sk": text(codec.segment_sk(dropped))}}}
            for dropped in change.dropped
        ]
        return actions

    async def dirty(self, before: int, limit: int) -> list[ProductKey]:
        found = await gather_bounded(partial(self._dirty_shard, before, limit), range(codec.SHARDS))
        return [product_of(item["pk"]["S"].removeprefix("P#")) for part in found for item in part][:limit]

    async def _dirty_shard(self, before: int, limit: int, shard: int) -> list[Item]:
        return await query(
            self._client,
            TableName=self._table,
            IndexName=DIRTY_INDEX,
            KeyConditionExpression="dirty_shard = :shard AND dirty_since < :before",
            ExpressionAttributeValues={":shard": text(str(shard)), ":before": number(before)},
            Limit=limit,
        )

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


def _weight(change: Change) -> int:
    """About how many bytes a change brings into a transaction."""
    segments = sum(len(segment.entries) + 200 for segment in change.written)
    return 5_000 + segments + sum(len(e.detail) * 4 for e in change.outbox)


def _cancelled(exc: ClientError, owners: Sequence[int]) -> Exception:
    reasons = [reason.get("Code", "None") for reason in exc.response.get("CancellationReasons", [])]
    lost = {owner for owner, reason in zip(owners, reasons, strict=False) if reason == "ConditionalCheckFailed"}
    if lost:
        return _Cancelled(lost)
    if "ValidationError" in reasons:
        said = [reason["Message"] for reason in exc.response["CancellationReasons"] if reason.get("Message")]
        return Misconfigured(f"TransactWriteItems can never succeed: {'; '.join(said)}")
    return Overloaded(f"TransactWriteItems was cancelled: {', '.join(sorted(set(reasons)))}")


async def retrying_refused(call: Any) -> None:
    """Retries what was refused without effect; anything of unknown effect is raised at once."""

    async def once() -> None:
        try:
            await call()
        except Overloaded:
            raise
        except TransientFailure as exc:
            raise _Unknown from exc

    try:
        await retrying(once)
    except _Unknown as exc:
        raise TransientFailure("the effect of a transaction is not known") from exc


class _Unknown(Exception):
    """Neither done nor undone, for all we know."""
