"""Which ways of keeping event ids are compared?

The last is the one Restock has: its class adds nothing to the production code but the cache all of them have, in which
its products stay open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.event_ids.design import DEADLINE_S, SEED, Design, Sales
from bench.event_ids.markers import Markers
from bench.event_ids.metering import TABLE
from bench.event_ids.pages import Pages
from domain.events import ProductKey
from domain.folding import Folded, OpenProduct
from handlers.ports import Change
from worker.aws.dynamodb import Item
from worker.aws.state import DynamoState
from worker.aws.state_codec import encode_header


class Segments(Design):
    name = "segments"

    def __init__(self, client: Any, table: str = TABLE, warm: Segments | None = None) -> None:
        super().__init__(client, table, warm)
        self._products = {key: OpenProduct(state) for key, state in self.states.items()}

    async def fetch(self, wanted: Mapping[ProductKey, Sales]) -> None:
        missing = [key for key in wanted if key not in self.states]
        if missing:
            self.states |= await self.store.load(missing)

    def _open(self, client: Any, table: str) -> DynamoState:
        return DynamoState(client, table, DEADLINE_S)

    def _fold(self, key: ProductKey, sales: Sales, now: int) -> Folded:
        """As RecordSales does: a product that sold stays open, and with it an index of its ids."""
        product = self._products.pop(key, None)
        if product is None or not (product.state is self.states[key] or product.decided(self.states[key])):
            product = OpenProduct(self.states[key])
        self._products[key] = product
        outcomes = product.take(sales)
        return (product.closed(now) if product.fresh else Folded(product.state, ()))._replace(outcomes=outcomes)

    async def _lose(self, key: ProductKey, sales: Sales) -> None:
        await super()._lose(key, sales)
        del self._products[key]

    def _header(self, change: Change) -> Item:
        return encode_header(change.state, SEED)

    def _change(self, folded: Folded, _sales: Sales) -> Change:
        return Change(folded.state, folded.written, folded.dropped)


DESIGNS: tuple[type[Design], ...] = (Markers, Pages, Segments)
