"""Which state of a product do we work on, and who may change it here?

A cache of committed states in front of the store, bounded in products and in bytes. Inside one worker a product is
changed by one task at a time (hold); between workers only the version condition of the commit decides, so a stale
entry costs a retry and never a wrong count. What is not known to be committed is not kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from domain.events import ProductKey
from domain.product import ProductState
from handlers.ports import Change, Committed, StateStore


class Products:
    def __init__(self, store: StateStore, cached_products_max: int, cached_bytes_max: int) -> None:
        self._store = store
        self._limit = cached_products_max
        self._bytes_max = cached_bytes_max
        self._bytes = 0
        self._states: OrderedDict[ProductKey, ProductState] = OrderedDict()
        self._locks: dict[ProductKey, _Lock] = {}

    @asynccontextmanager
    async def hold(self, keys: Iterable[ProductKey]) -> AsyncIterator[None]:
        """Keeps other tasks of this worker from changing these products. Always taken in one order: no deadlock."""
        wanted = sorted(set(keys), key=_order)
        held: list[_Lock] = []
        locks = [self._locks.setdefault(key, _Lock()) for key in wanted]
        for lock in locks:
            lock.users += 1
        try:
            for lock in locks:
                await lock.acquire()
                held.append(lock)
            yield
        finally:
            for lock in held:
                lock.release()
            for key, lock in zip(wanted, locks, strict=True):
                lock.users -= 1
                if not lock.users:
                    del self._locks[key]

    async def get(self, keys: Sequence[ProductKey]) -> dict[ProductKey, ProductState]:
        """The states of these products, read from the store where they are not cached. Refused ones are absent."""
        # Taken before awaiting: another task may commit, and so forget, a state meanwhile.
        found = {key: self._states[key] for key in keys if key in self._states}
        missing = [key for key in keys if key not in found]
        if missing:
            found |= await self._store.load(missing)
        for key, state in found.items():
            self._keep(key, state)
        return {key: found[key] for key in keys if key in found}

    async def commit(self, changes: Sequence[Change]) -> list[Committed]:
        """Commits and keeps what is now durable; everything else is forgotten and read again when needed."""
        for change in changes:
            self._drop(change.state.key)
        results = await self._store.commit(changes)
        for change, result in zip(changes, results, strict=True):
            if result is Committed.YES:
                self._keep(change.state.key, change.state)
        return results

    def _keep(self, key: ProductKey, state: ProductState) -> None:
        known = self._states.get(key)
        if known is None or known.version <= state.version:
            self._drop(key)
            self._states[key] = state
            self._bytes += bytes_of(state)
        self._states.move_to_end(key)
        while len(self._states) > self._limit or (self._bytes > self._bytes_max and len(self._states) > 1):
            self._drop(next(iter(self._states)))

    def _drop(self, key: ProductKey) -> None:
        state = self._states.pop(key, None)
        if state is not None:
            self._bytes -= bytes_of(state)


def bytes_of(state: ProductState) -> int:
    """About how many bytes of memory a state takes (measured: bench/soak/costs.py)."""
    ledger = state.ledger
    ids = len(ledger.tail) + sum(len(segment.entries) + 250 for segment in ledger.segments)
    if ledger.found_in:
        ids += 130 * sum(map(len, ledger.found_in))
    days = 1_700 if state.buckets.rare is None else 4_000
    return 1_500 + days + 150 * len(state.intervals) + 250 * len(state.open_orders) + ids


class _Lock(asyncio.Lock):
    """A lock that knows how many tasks want it, so that it can go when none does."""

    def __init__(self) -> None:
        super().__init__()
        self.users = 0


def _order(key: ProductKey) -> tuple[str, bool, str]:
    return key.product_id, key.location_id is not None, key.location_id or ""
