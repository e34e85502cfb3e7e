"""How does a product's state become durable, once, whoever else is writing?

A commit is one conditional write: the header only over the version it was made from. A header alone is a write of its
own, which costs half of what a transaction does and depends on no other product. With segments, an order or outbox
entries it is a transaction, which several products share; when one of them has lost, the others are tried again
together. After a timeout the header itself is asked whether it carries this commit's token: a timeout is neither a
success nor a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from random import getrandbits
from typing import Any

from botocore.exceptions import ClientError

from domain.product import product_label
from handlers.errors import Misconfigured, Overloaded, TransientFailure
from handlers.ports import Change, Committed
from worker.aws import state_codec as codec
from worker.aws.clients import error_code, translated
from worker.aws.dynamodb import Item, batch_get, gather_bounded, number, text
from worker.retry import retrying

ACTIONS_MAX = 100
TRANSACTION_BYTES_MAX = 700_000  # of 4 MB; a request over 1 MB would hold up the event loop while it is written
TRANSACTIONS_IN_FLIGHT = 4
PUTS_IN_FLIGHT = 32
ABSENT = "attribute_not_exists(pk)"


class _Cancelled(Exception):
    """The write did not take effect. lost: positions of products whose condition failed."""

    def __init__(self, lost: set[int]) -> None:
        super().__init__("cancelled")
        self.lost = lost


class Commits:
    """The commits of one table. deadline_s is the longest time for one call."""

    def __init__(self, client: Any, table: str, deadline_s: float) -> None:
        self._client = client
        self._table = table
        self._deadline_s = deadline_s

    async def __call__(self, changes: Sequence[Change]) -> list[Committed]:
        """Commits each change if and only if its product is still at the version it was made from."""
        batch = _Batch(self._client, self._table, self._deadline_s, changes)
        await batch.commit()
        return [Committed.YES if done else Committed.NO for done in batch.done]


class _Batch:
    """Changes on their way, and which of them are durable."""

    def __init__(self, client: Any, table: str, deadline_s: float, changes: Sequence[Change]) -> None:
        self._client = client
        self._table = table
        self._deadline_s = deadline_s
        self._changes = changes
        self._token = f"{getrandbits(128):032x}"
        self._unknown: list[int] = []
        self.done = [False] * len(changes)

    async def commit(self) -> None:
        alone = [row for row, change in enumerate(self._changes) if _is_alone(change)]
        together = _groups(self._changes, [row for row, change in enumerate(self._changes) if not _is_alone(change)])
        ways: list[Callable[[], Awaitable[object]]] = [
            partial(gather_bounded, self._put, alone, PUTS_IN_FLIGHT),
            partial(gather_bounded, self._transact, together, TRANSACTIONS_IN_FLIGHT),
        ]
        try:
            await gather_bounded(lambda way: way(), ways)
        finally:
            await self._find_out()

    async def _put(self, row: int) -> None:
        """A header alone."""
        header = self._header(self._changes[row])

        async def once() -> None:
            try:
                with translated("PutItem"):
                    async with asyncio.timeout(self._deadline_s):
                        await self._client.put_item(**header)
            except Exception as exc:
                if _code_of(exc) == "ConditionalCheckFailedException":
                    raise _Cancelled({0}) from exc
                raise

        try:
            await retrying_refused(once)
            self.done[row] = True
        except _Cancelled:
            pass
        except TransientFailure:
            self._unknown.append(row)

    async def _transact(self, rows: Sequence[int]) -> None:
        """Headers and what goes with them, all or none; without those that have lost, once more."""
        owners: list[int] = []
        actions: list[Item] = []
        for position, row in enumerate(rows):
            made = self._actions(self._changes[row])
            actions += made
            owners += [position] * len(made)

        async def once() -> None:
            try:
                with translated("TransactWriteItems"):
                    async with asyncio.timeout(self._deadline_s):
                        await self._client.transact_write_items(TransactItems=actions)
            except Exception as exc:
                if isinstance(exc.__cause__, ClientError) and _code_of(exc) == "TransactionCanceledException":
                    raise _cancelled(exc.__cause__, owners) from exc
                raise

        try:
            # A conflict or a throttle has no effect: it may be tried again under the same conditions.
            await retrying_refused(once)
            for row in rows:
                self.done[row] = True
        except _Cancelled as cancelled:
            left = [row for position, row in enumerate(rows) if position not in cancelled.lost]
            if left:
                await self._transact(left)
        except TransientFailure:
            self._unknown += rows

    async def _find_out(self) -> None:
        """Asks the headers of those whose fate is not known."""
        if not self._unknown:
            return
        rows = {f"P#{product_label(self._changes[row].state.key)}": row for row in self._unknown}
        keys = [codec.header_key(self._changes[row].state.key) for row in self._unknown]
        for item in await batch_get(self._client, self._table, keys, consistent=True):
            self.done[rows[item["pk"]["S"]]] = item["token"]["S"] == self._token

    def _header(self, change: Change) -> Item:
        """The header's conditional put."""
        state = change.state
        put: Item = {"TableName": self._table, "Item": codec.encode_header(state, self._token)}
        if state.version == 1:
            return {**put, "ConditionExpression": ABSENT}
        was = {":was": number(state.version - 1)}
        return {**put, "ConditionExpression": "version = :was", "ExpressionAttributeValues": was}

    def _actions(self, change: Change) -> list[Item]:
        state, table = change.state, self._table
        puts = [codec.encode_segment(state.key, segment) for segment in change.written]
        if change.order is not None:
            puts.append(codec.encode_order(change.order, state.cycle, change.record))
        actions: list[Item] = [{"Put": self._header(change)}]
        actions += [{"Put": {"TableName": table, "Item": i, "ConditionExpression": ABSENT}} for i in puts]
        actions += [{"Put": {"TableName": table, "Item": codec.encode_outbox(entry)}} for entry in change.outbox]
        pk = text(f"P#{product_label(state.key)}")
        actions += [
            {"Delete": {"TableName": table, "Key": {"pk": pk, "sk": text(codec.segment_sk(dropped))}}}
            for dropped in change.dropped
        ]
        return actions


def _is_alone(change: Change) -> bool:
    return not (change.written or change.dropped or change.order or change.outbox)


def _groups(changes: Sequence[Change], rows: Sequence[int]) -> list[list[int]]:
    """Rows that share a transaction, within the limits of actions and bytes."""
    groups: list[list[int]] = []
    actions = size = 0
    for row in rows:
        change = changes[row]
        weight = _weight(change)
        count = 1 + len(change.written) + len(change.dropped) + bool(change.order) + len(change.outbox)
        if not groups or actions + count > ACTIONS_MAX or size + weight > TRANSACTION_BYTES_MAX:
            groups.append([])
            actions = size = 0
        groups[-1].append(row)
        actions += count
        size += weight
    return groups


def _code_of(exc: BaseException) -> str:
    """The service's name for what a translated error came from, empty if it came from anything else."""
    return error_code(exc.__cause__) if isinstance(exc.__cause__, ClientError) else ""


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
