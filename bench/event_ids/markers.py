"""What if each counted event is an item, put only if absent?

The table refuses the second put of an id, so a duplicate is recognised whatever a worker remembers. The ids a worker
wrote are kept in memory only so that a re-sent sale seldom cancels a transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from bench.event_ids.design import DEADLINE_S, SEED, Design, Sales
from bench.event_ids.items_store import Ids, ItemsStore, WithItems, applied_entries, bare_header, expiry, fresh_entries
from bench.event_ids.metering import TABLE
from domain.events import ProductKey, SaleRecorded
from domain.folding import Folded
from domain.ledger import ID_BYTES, id_digest
from domain.product import ProductState, product_label
from handlers.ports import Change
from worker.aws.commits import ACTIONS_MAX
from worker.aws.dynamodb import Item, text


class Markers(Design):
    name = "markers"
    sales_per_commit_max = ACTIONS_MAX - 1
    store: ItemsStore

    def __init__(self, client: Any, table: str = TABLE, warm: Markers | None = None) -> None:
        super().__init__(client, table, warm)
        self.known: dict[ProductKey, dict[bytes, bytes]] = defaultdict(dict)
        if warm is not None:
            self.known.update({key: dict(ids) for key, ids in warm.known.items()})

    async def fetch(self, wanted: Mapping[ProductKey, Sales]) -> None:
        missing = [key for key in wanted if key not in self.states]
        if missing:
            self.states |= {key: state for key, (state, _) in (await self.store.load_with_bits(missing)).items()}

    def _open(self, client: Any, table: str) -> ItemsStore:
        return ItemsStore(client, table, DEADLINE_S)

    def _header(self, change: Change) -> Item:
        return bare_header(change, SEED)

    def _before(self, key: ProductKey, _sales: Sales) -> ProductState:
        return self.states[key]._replace(ledger=Ids.of(self.known[key].get))

    def _change(self, folded: Folded, sales: Sales) -> WithItems:
        items = tuple(
            {**_key(sale), "payload": {"B": entry[ID_BYTES:]}, "expires": expiry(sale.day)}
            for sale, entry in applied_entries(folded, sales)
        )
        return WithItems(folded.state, items=items, absent=True)

    def _keep(self, change: Change) -> None:
        super()._keep(change)
        for entry in fresh_entries(change.state):
            self.known[change.state.key][entry[:ID_BYTES]] = entry[ID_BYTES:]

    async def _lose(self, key: ProductKey, sales: Sales) -> None:
        """Some of these sales may be counted, or another worker may have won: the markers say."""
        await super()._lose(key, sales)
        keys = {sale.event_id: _key(sale) for sale in sales}
        for item in await self.store.read(list(keys.values())):
            self.known[key][id_digest(item["sk"]["S"][2:])] = item["payload"]["B"]


def _key(sale: SaleRecorded) -> Item:
    return {"pk": text(f"P#{product_label(sale.product)}"), "sk": text(f"E#{sale.event_id}")}
