"""What if the ids of a product's day are one item, rewritten as it grows?

A day has 2**bits pages, an id in the page its hash names; the header names the days that have more than one. An id is
looked for only under the date its sale carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.event_ids.design import DEADLINE_S, SEED, Design, Sales
from bench.event_ids.items_store import (
    Ids,
    ItemsStore,
    WithItems,
    applied_entries,
    bare_header,
    entries_of,
    expiry,
    with_items,
)
from bench.event_ids.metering import TABLE
from domain.buckets import HORIZON_DAYS
from domain.events import ProductKey
from domain.folding import Folded
from domain.ledger import ENTRY_BYTES, Ledger
from domain.product import ProductState, product_label
from handlers.ports import Change
from worker.aws.dynamodb import Item, text

PAGE_BYTES_MAX = 4_096


class Place(NamedTuple):
    """Where a page lies."""

    key: ProductKey
    day: int
    page: int

    def item_key(self) -> Item:
        return {"pk": text(f"P#{product_label(self.key)}"), "sk": text(f"D#{self.day:06d}#{self.page:03d}")}


class Pages(Design):
    name = "pages"
    store: ItemsStore

    def __init__(self, client: Any, table: str = TABLE, warm: Pages | None = None) -> None:
        super().__init__(client, table, warm)
        self.pages: dict[Place, bytes] = dict(warm.pages) if warm is not None else {}
        self.bits: dict[ProductKey, dict[int, int]] = dict(warm.bits) if warm is not None else {}

    async def fetch(self, wanted: Mapping[ProductKey, Sales]) -> None:
        missing = [key for key in wanted if key not in self.states]
        if missing:
            for key, (state, bits) in (await self.store.load_with_bits(missing)).items():
                self.states[key], self.bits[key] = state, bits
        asked = {place: place.item_key() for key, sales in wanted.items() for place in self._unread(key, sales)}
        if asked:
            found = await self.store.read(list(asked.values()))
            entries = {(item["pk"]["S"], item["sk"]["S"]): item["entries"]["B"] for item in found}
            for place, at in asked.items():
                self.pages[place] = entries.get((at["pk"]["S"], at["sk"]["S"]), b"")

    def _unread(self, key: ProductKey, sales: Sales) -> list[Place]:
        # A day without a bucket has no page yet, and nothing is read for it.
        days = {sale.day for sale in sales} & self.states[key].buckets.keys()
        places = (Place(key, day, page) for day in days for page in range(1 << self.bits[key].get(day, 0)))
        return [place for place in places if place not in self.pages]

    def _open(self, client: Any, table: str) -> ItemsStore:
        return ItemsStore(client, table, DEADLINE_S)

    def _header(self, change: Change) -> Item:
        return bare_header(change, SEED)

    def _before(self, key: ProductKey, sales: Sales) -> ProductState:
        days = {sale.day: self.bits[key].get(sale.day, 0) for sale in sales}

        def payload_of(digest: bytes) -> bytes | None:
            for day, bits in days.items():
                page = self.pages.get(Place(key, day, _page_of(digest, bits)))
                found = Ledger(page).payload_of(digest) if page else None
                if found is not None:
                    return found
            return None

        return self.states[key]._replace(ledger=Ids.of(payload_of))

    def _change(self, folded: Folded, sales: Sales) -> WithItems:
        key = folded.state.key
        oldest = (folded.state.newest_day or 0) - HORIZON_DAYS
        bits = {day: count for day, count in self.bits[key].items() if day >= oldest}
        fresh: dict[int, list[bytes]] = {}
        for sale, entry in applied_entries(folded, sales):
            fresh.setdefault(sale.day, []).append(entry)
        grown: dict[Place, bytes] = {}
        for day, entries in fresh.items():
            bits[day], pages = self._grow(key, day, bits.get(day, 0), entries)
            grown |= {Place(key, day, page): run for page, run in pages.items()}
        items = tuple(
            {**place.item_key(), "entries": {"B": run}, "expires": expiry(place.day)} for place, run in grown.items()
        )
        return WithItems(folded.state, items=items, bits={day: count for day, count in bits.items() if count})

    def _grow(self, key: ProductKey, day: int, bits: int, entries: Sequence[bytes]) -> tuple[int, dict[int, bytes]]:
        """The pages of a day that change by these entries; when one gets too large, all, in twice as many."""
        changed: dict[int, bytes] = {}
        for entry in entries:
            page = _page_of(entry, bits)
            changed[page] = (changed[page] if page in changed else self.pages.get(Place(key, day, page), b"")) + entry
        if max(map(len, changed.values())) <= PAGE_BYTES_MAX:
            return bits, changed
        pages = range(1 << bits)
        return _split(bits, b"".join(changed.get(p, self.pages.get(Place(key, day, p), b"")) for p in pages))

    def _keep(self, change: Change) -> None:
        super()._keep(change)
        ours = with_items(change)
        key = ours.state.key
        self.bits[key] = dict(ours.bits)
        for item in ours.items:
            _, day, page = item["sk"]["S"].split("#")
            self.pages[Place(key, int(day), int(page))] = item["entries"]["B"]

    async def _lose(self, key: ProductKey, sales: Sales) -> None:
        await super()._lose(key, sales)
        for place in [place for place in self.pages if place.key == key]:
            del self.pages[place]


def _page_of(digest: bytes, bits: int) -> int:
    return digest[0] & ((1 << bits) - 1)


def _split(bits: int, whole: bytes) -> tuple[int, dict[int, bytes]]:
    """The entries of a day in as many pages as none is too large in, more than 2**bits."""
    pages: dict[int, list[bytes]] = {}
    while not pages or max(map(len, pages.values())) * ENTRY_BYTES > PAGE_BYTES_MAX:
        bits, pages = bits + 1, {}
        for entry in entries_of(whole):
            pages.setdefault(_page_of(entry, bits), []).append(entry)
    return bits, {page: b"".join(run) for page, run in pages.items()}
