"""A state store in memory: conditional on versions, each product's change all or nothing.

It holds what DynamoState holds, in the same three places: headers, segments and orders, outbox."""

from __future__ import annotations

from collections.abc import Sequence

from domain.events import ProductKey, ReorderRequired
from domain.ledger import Segment
from domain.product import ProductState
from fakes.faults import Fault, Faults
from handlers.ports import Change, Committed, OutboxEntry


class InMemoryState:
    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.headers: dict[ProductKey, ProductState] = {}
        self.segments: dict[tuple[ProductKey, int], Segment] = {}
        self.orders: dict[str, ReorderRequired] = {}
        self.entries: dict[str, OutboxEntry] = {}
        self.commits: list[Change] = []
        self.refused: set[ProductKey] = set()

    def at(self, key: ProductKey) -> ProductState:
        """The committed state, as a test looks at it."""
        header = self.headers.get(key)
        if header is None:
            return ProductState(key)
        ledger = header.ledger
        alive = tuple(self.segments[key, number] for number in range(ledger.first, ledger.next_number))
        return header._replace(ledger=ledger._replace(segments=alive))

    async def load(self, keys: Sequence[ProductKey]) -> dict[ProductKey, ProductState]:
        async with self.faults.around("load"):
            return {key: self.at(key) for key in keys if key not in self.refused}

    async def commit(self, changes: Sequence[Change]) -> list[Committed]:
        async with self.faults.around("commit") as fault:
            if fault is Fault.LOSE:
                return [Committed.NO] * len(changes)
            results = [self._apply(change) for change in changes]
            if fault is Fault.FORGET:
                results = [Committed.NO] * len(changes)
        return results

    def _apply(self, change: Change) -> Committed:
        state = change.state
        known = self.headers.get(state.key)
        if (known.version if known is not None else 0) != state.version - 1:
            return Committed.NO
        if any((state.key, segment.number) in self.segments for segment in change.written):
            return Committed.NO
        if change.order is not None and change.order.reorder_id in self.orders:
            return Committed.NO
        # When nothing is undecided the store keeps no time for it.
        self.headers[state.key] = state if state.dirty else state._replace(dirty_since=0)
        self.segments.update({(state.key, segment.number): segment for segment in change.written})
        for number in change.dropped:
            self.segments.pop((state.key, number), None)
        if change.order is not None:
            self.orders[change.order.reorder_id] = change.order
        self.entries.update({entry.entry_id: entry for entry in change.outbox})
        self.commits.append(change)
        return Committed.YES

    async def outbox(self, before: int, limit: int) -> list[OutboxEntry]:
        async with self.faults.around("outbox"):
            found = [entry for entry in self.entries.values() if entry.created_at < before]
        return found[:limit]

    async def forget(self, entry_ids: Sequence[str]) -> None:
        async with self.faults.around("forget"):
            for entry_id in entry_ids:
                self.entries.pop(entry_id, None)
