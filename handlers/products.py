"""Which state of a product do we work on, and who may change it here?

A bounded cache of committed states in front of the store. Inside one worker a product is changed by one task at a
time (hold); between workers only the version condition of the commit decides, so a stale entry costs a retry and
never a wrong count. What is not known to be committed is not kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from domain.events import ProductKey
from domain.product import ProductState
from handlers.ports import Change, Committed, StateStore


class Products:
    def __init__(self, store: StateStore, cached_products_max: int) -> None:
        self._store = store
        self._limit = cached_products_max
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
            self._states.pop(change.state.key, None)
        results = await self._store.commit(changes)
        for change, result in zip(changes, results, strict=True):
            if result is Committed.YES:
                self._keep(change.state.key, change.state)
        return results

    def _keep(self, key: ProductKey, state: ProductState) -> None:
        known = self._states.get(key)
        if known is None or known.version <= state.version:
            self._states[key] = state
        self._states.move_to_end(key)
        while len(self._states) > self._limit:
            self._states.popitem(last=False)


class _Lock(asyncio.Lock):
    """A lock that knows how many tasks want it, so that it can go when none does."""

    def __init__(self) -> None:
        super().__init__()
        self.users = 0


def _order(key: ProductKey) -> tuple[str, bool, str]:
    return key.product_id, key.location_id is not None, key.location_id or ""
