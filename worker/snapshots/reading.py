"""What do the state table, the shop's and the forecasts' say, page by page?

One page of the state table is in memory at a time, with what the two others say of its products: what a snapshot needs
does not grow with the number of products. Reads are eventually consistent where that costs half and a second's delay
does not matter; only the shop's stock is read as the worker reads it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog

from domain.events import MS_PER_DAY, ProductKey
from domain.product import ProductState, product_label, product_of
from handlers.announcements import iso_day
from handlers.ports import Clock
from worker.aws import state_codec as codec
from worker.aws.dynamodb import Item, batch_get, number, text
from worker.aws.inventory import DynamoInventory
from worker.settings import Settings
from worker.snapshots.seen import Judged, Seen
from worker.table_scan import scan_pages

log = structlog.get_logger()


class Ordered(NamedTuple):
    """An order's item, and the state of its product; None if that is gone, or newer than we know."""

    product: ProductKey
    item: Item
    state: ProductState | None


class Page(NamedTuple):
    products: list[Seen]
    orders: list[Ordered]


@dataclass(slots=True)
class Reading:
    """refused: products that a newer version wrote, which are left out."""

    settings: Settings
    dynamodb: Any
    clock: Clock
    refused: int = field(default=0, init=False)

    async def pages(self, today: int, since: int) -> AsyncIterator[Page]:
        """Every product, and every order decided from the day `since` on."""
        inventory = DynamoInventory(self.dynamodb, self.settings.inventory_table, self.settings.terms, self.clock)
        async for items in self._scanned(since):
            states = self._states(item for item in items if item["sk"]["S"] == codec.HEADER)
            seen = await self._seen(inventory, list(states.values()), today)
            orders = [(codec.product_in(item), item) for item in items if item["sk"]["S"] != codec.HEADER]
            # An order and its product's header are seldom on two pages; then the header is fetched.
            states |= await self._fetched({product for product, _ in orders} - set(states))
            yield Page(seen, [Ordered(product, item, states.get(product)) for product, item in orders])

    def _scanned(self, since: int) -> AsyncIterator[list[Item]]:
        return scan_pages(
            self.dynamodb,
            TableName=self.settings.state_table,
            # Ids of outbox entries and of quarantined lines are sort keys too, and may begin with anything.
            FilterExpression="begins_with(pk, :product) AND "
            "(sk = :header OR (begins_with(sk, :order) AND decided_at >= :since))",
            ExpressionAttributeValues={
                ":product": text("P#"),
                ":header": text(codec.HEADER),
                ":order": text("O#"),
                ":since": number(since * MS_PER_DAY),
            },
        )

    def _states(self, headers: Any) -> dict[ProductKey, ProductState]:
        states = {}
        for item in headers:
            product = codec.product_in(item)
            try:
                states[product] = codec.decode_header(product, item)
            except codec.NewerSchema as exc:
                self.refused += 1
                log.warning("snapshot.refused", reason=str(exc))
        return states

    async def _fetched(self, products: set[ProductKey]) -> dict[ProductKey, ProductState]:
        keys = [codec.header_key(product) for product in sorted(products, key=product_label)]
        return self._states(await batch_get(self.dynamodb, self.settings.state_table, keys, consistent=False))

    async def _seen(self, inventory: DynamoInventory, states: Sequence[ProductState], today: int) -> list[Seen]:
        records = await inventory.read([state.key for state in states])
        judged = await self._judged(states)
        terms = self.settings.terms
        return [Seen(state, records.get(state.key), judged.get(state.key), terms, today) for state in states]

    async def _judged(self, states: Sequence[ProductState]) -> dict[ProductKey, Judged]:
        """The forecast that each was judged by, by the day that its state names."""
        keys = [
            {"product_id": text(product_label(state.key)), "forecast_date": text(str(iso_day(state.forecast.as_of)))}
            for state in states
            if state.forecast is not None
        ]
        items = await batch_get(self.dynamodb, self.settings.forecasts_table, keys, consistent=False)
        return {product_of(item["product_id"]["S"]): Judged.of(item) for item in items}
