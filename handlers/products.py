"""Which state of a product do we work on, and who may change it here?

A cache of committed states in front of the store, bounded in products and in bytes. Inside one worker a product is
changed by one task at a time (hold); between workers only the version condition of the commit decides, so a stale
entry costs a retry and never a wrong count. What is not known to be committed is not kept. The products that sold last
are also kept open, ready for the next sale: with a row of the table, and with their ids in its filter."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from domain.day_table import DayTable
from domain.events import ProductKey
from domain.folding import OpenProduct
from domain.product import ProductState
from handlers.ports import Change, Committed, StateStore

OPEN_MAX = 20_000
IN_FLIGHT_MAX = 20_000  # rows for products that are being changed; more of them are slower, not wrong
OPEN_IDS_MAX = 2_000_000  # of all open products; an id takes up to 110 bytes, where a product has an index of them


class Products:
    def __init__(self, store: StateStore, cached_products_max: int, cached_bytes_max: int) -> None:
        self._store = store
        self._limit = cached_products_max
        self._bytes_max = cached_bytes_max
        self._bytes = 0
        self._states: OrderedDict[ProductKey, ProductState] = OrderedDict()
        self._open: OrderedDict[ProductKey, OpenProduct] = OrderedDict()
        self._open_ids = 0
        self._open_max = min(OPEN_MAX, cached_products_max)
        self.table = DayTable.empty(self._open_max + min(IN_FLIGHT_MAX, cached_products_max))
        self._held: set[ProductKey] = set()
        self._asking: list[tuple[frozenset[ProductKey], asyncio.Future[None]]] = []

    @asynccontextmanager
    async def hold(self, keys: Iterable[ProductKey]) -> AsyncIterator[None]:
        """Keeps other tasks of this worker from changing these products: all are had at once, and whoever asked for one
        of them first has it first. So nobody waits for ever, for others or for itself."""
        wanted = frozenset(keys)
        ahead = [asked for asked, _ in self._asking]
        if not wanted.isdisjoint(self._held) or not all(map(wanted.isdisjoint, ahead)):
            await self._ask(wanted)
        else:
            self._held |= wanted
        try:
            yield
        finally:
            self._held -= wanted
            self._serve()

    async def _ask(self, wanted: frozenset[ProductKey]) -> None:
        served: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking.append((wanted, served))
        try:
            await served
        except asyncio.CancelledError:
            if served.cancelled():
                self._asking.remove((wanted, served))
            else:  # served in the very moment of the cancellation
                self._held -= wanted
            self._serve()
            raise

    def _serve(self) -> None:
        """Gives their products to those who ask, as far as they are free and nobody asked for them before."""
        ahead: set[ProductKey] = set()
        left = []
        for wanted, served in self._asking:
            if not served.cancelled() and wanted.isdisjoint(self._held) and wanted.isdisjoint(ahead):
                self._held |= wanted
                served.set_result(None)
            else:
                ahead |= wanted
                left.append((wanted, served))
        self._asking = left

    def forget(self, keys: Iterable[ProductKey]) -> None:
        """Somebody else may have changed these: they are read again when they are needed."""
        for key in keys:
            self._drop(key)
            self._close(key)

    async def get(self, keys: Sequence[ProductKey]) -> dict[ProductKey, ProductState]:
        """The states of these products, read from the store where they are not cached. Refused ones are absent."""
        # Taken before awaiting: another task may commit, and so forget, a state meanwhile.
        cached = self._states
        found = {key: cached[key] for key in keys if key in cached}
        for key in found:
            cached.move_to_end(key)
        if len(found) == len(keys):
            return found
        loaded = await self._store.load([key for key in keys if key not in found])
        for key, state in loaded.items():
            self._keep(key, state)
        found |= loaded
        return {key: found[key] for key in keys if key in found}

    async def opened(self, keys: Sequence[ProductKey]) -> dict[ProductKey, OpenProduct]:
        """The products as get() has their states, open and the caller's alone. Those whose changes became durable, and
        those that did not change, should be given back by stay_open()."""
        taken = {}
        for key, state in (await self.get(keys)).items():
            product = self._close(key)
            taken[key] = product if product is not None and product.state is state else OpenProduct(state, self.table)
        return taken

    def as_open(self, states: Sequence[ProductState]) -> Sequence[ProductState | OpenProduct]:
        """The same products, open where they are: many that are open are read faster."""
        found = [self._open.get(state.key) for state in states]
        return [
            product if product is not None and product.state is state else state
            for product, state in zip(found, states, strict=True)
        ]

    def stay_open(self, product: OpenProduct) -> None:
        """Keeps a product open for the next sale, as long as there is room."""
        self._close(product.state.key)
        self._open[product.state.key] = product
        self._open_ids += product.ids
        while len(self._open) > self._open_max or (self._open_ids > OPEN_IDS_MAX and len(self._open) > 1):
            self._close(next(iter(self._open)))

    def _close(self, key: ProductKey) -> OpenProduct | None:
        product = self._open.pop(key, None)
        if product is not None:
            self._open_ids -= product.ids
        return product

    async def commit(self, changes: Sequence[Change]) -> list[Committed]:
        """Commits and keeps what is now durable; everything else is forgotten and read again when needed."""
        open_still = {change.state.key: self._close(change.state.key) for change in changes}
        for change in changes:
            self._drop(change.state.key)
        results = await self._store.commit(changes)
        for change, result in zip(changes, results, strict=True):
            if result is Committed.YES:
                self._keep(change.state.key, change.state)
                product = open_still[change.state.key]
                if product is not None and product.decided(change.state):
                    self.stay_open(product)
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
    days = 900 if state.buckets.rare is None else 2_100
    return 1_250 + days + 150 * len(state.intervals) + 250 * len(state.open_orders + state.closed_orders) + ids
