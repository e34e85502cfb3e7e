"""How are ids written and asked for that lie in items of their own?

A header without ids and the items of its ids are one transaction. Fold sees such ids as a ledger that knows them all
and remembers only what the fold just added."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.event_ids.design import DEADLINE_S
from domain.buckets import HORIZON_DAYS
from domain.events import ProductKey, SaleRecorded
from domain.folding import Folded
from domain.ledger import ENTRY_BYTES, Ledger, Segment
from domain.product import Outcome, ProductState, product_label
from handlers.ports import Change, Committed
from worker.aws import state_codec as codec
from worker.aws.commits import ABSENT, ACTIONS_MAX, TRANSACTIONS_IN_FLIGHT, _Batch
from worker.aws.dynamodb import Item, batch_get, gather_bounded, number, text
from worker.aws.state import DynamoState

LEDGER_FIELDS = ("first_segment", "next_segment", "tail_newest_day")
S_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class WithItems(Change):
    """A commit whose ids are items of their own. absent: only if none of them is there yet. bits: of a day with more
    than one page."""

    items: tuple[Item, ...] = ()
    absent: bool = False
    bits: Mapping[int, int] = field(default_factory=dict)


class ItemsStore(DynamoState):
    """DynamoState for markers and pages. Every change it is given is a WithItems."""

    async def load_with_bits(self, keys: Sequence[ProductKey]) -> dict[ProductKey, tuple[ProductState, dict[int, int]]]:
        """The header of each product and, for pages, the days of which it has more than one."""
        by_pk = {item["pk"]["S"]: item for item in await self.read(list(map(codec.header_key, keys)))}
        return {key: _decoded(key, by_pk.get(f"P#{product_label(key)}")) for key in keys}

    async def read(self, keys: Sequence[Item]) -> list[Item]:
        return await batch_get(self._client, self._table, keys, consistent=True)

    async def commit(self, changes: Sequence[Change]) -> list[Committed]:
        batch = _WithItems(self._client, self._table, DEADLINE_S, changes)
        await batch.commit()
        return [Committed.YES if done else Committed.NO for done in batch.done]


class _WithItems(_Batch):
    """The worker's way to commit transactions, in which the ids' items go with the header. None of these changes is a
    header alone."""

    async def commit(self) -> None:
        try:
            await gather_bounded(self._transact, _sharing(self._changes), TRANSACTIONS_IN_FLIGHT)
        finally:
            await self._find_out()

    def _header(self, change: Change) -> Item:
        return {**super()._header(change), "Item": bare_header(change, self._token)}

    def _actions(self, change: Change) -> list[Item]:
        ours = with_items(change)
        condition = {"ConditionExpression": ABSENT} if ours.absent else {}
        puts = ({"Put": {"TableName": self._table, "Item": item, **condition}} for item in ours.items)
        return [{"Put": self._header(ours)}, *puts]


def bare_header(change: Change, token: str) -> Item:
    """The header without ids; of a day with more than one page it says so."""
    ours = with_items(change)
    header = codec.encode_header(ours.state._replace(ledger=Ledger()), token)
    for name in LEDGER_FIELDS:
        del header[name]
    return {**header, "bits": text(json.dumps(ours.bits))} if ours.bits else header


def _sharing(changes: Sequence[Change]) -> list[list[int]]:
    """Rows that share a transaction."""
    groups: list[list[int]] = []
    actions = 0
    for row, change in enumerate(changes):
        count = 1 + len(with_items(change).items)
        if not groups or actions + count > ACTIONS_MAX:
            groups.append([])
            actions = 0
        groups[-1].append(row)
        actions += count
    return groups


def _decoded(key: ProductKey, item: Item | None) -> tuple[ProductState, dict[int, int]]:
    if item is None:
        return ProductState(key), {}
    bits = json.loads(item["bits"]["S"]) if "bits" in item else {}
    state = codec.decode_header(key, {**dict.fromkeys(LEDGER_FIELDS, number(0)), **item})
    return state, {int(day): count for day, count in bits.items()}


def with_items(change: Change) -> WithItems:
    if not isinstance(change, WithItems):
        raise TypeError("a commit of markers or pages says which items hold its ids")
    return change


class _Known(set[bytes]):
    """What a fold has accepted, and behind it what another design knows."""

    def __init__(self, known: Callable[[bytes], bytes | None]) -> None:
        super().__init__()
        self._counted_with = known

    def __contains__(self, digest: object) -> bool:
        return super().__contains__(digest) or (isinstance(digest, bytes) and self._counted_with(digest) is not None)


class Ids(Ledger):
    """What fold asks of a ledger, answered by another design. known: the payload an id was counted with; fresh: the
    entries of the fold just made."""

    known: Callable[[bytes], bytes | None]
    fresh: bytes

    @classmethod
    def of(cls, known: Callable[[bytes], bytes | None], fresh: bytes = b"") -> Ids:
        # A fold looks only where there is something to look through.
        ids = cls(segments=(Segment(0, b"", 0, 0),))
        ids.known, ids.fresh = known, fresh
        return ids

    def payload_of(self, digest: bytes) -> bytes | None:
        return self.known(digest)

    def digests(self) -> set[bytes]:
        return _Known(self.known)

    def append(self, entries: bytes, newest_day: int, today: int) -> tuple[Ids, tuple[Segment, ...]]:
        return Ids.of(self.known, entries), ()

    def forget(self, late_before: int, written_before: int) -> tuple[Ids, tuple[int, ...]]:
        return self, ()


def fresh_entries(state: ProductState) -> Iterator[bytes]:
    """The entries that the fold which made this state has added."""
    if not isinstance(state.ledger, Ids):
        raise TypeError("the state was folded with another design's ledger")
    return entries_of(state.ledger.fresh)


def applied_entries(folded: Folded, sales: Sequence[SaleRecorded]) -> Iterator[tuple[SaleRecorded, bytes]]:
    """The sales that a fold accepted, each with its entry."""
    applied = (sale for sale, outcome in zip(sales, folded.outcomes, strict=True) if outcome is Outcome.APPLIED)
    return zip(applied, fresh_entries(folded.state), strict=True)


def entries_of(run: bytes) -> Iterator[bytes]:
    return (run[at : at + ENTRY_BYTES] for at in range(0, len(run), ENTRY_BYTES))


def expiry(day: int) -> Item:
    """When TTL may delete the ids of a day: long after every event of it would be late."""
    return number((day + 2 * HORIZON_DAYS) * S_PER_DAY)
