"""How should Restock remember which events it has counted?

Three ways are tried on the same real sales, through the same fold, header codec and AWS client; they differ only in
where the ids lie:

* markers: an item for each event, put only if absent;
* pages: an item for each product and event day, rewritten as it grows, split by bits of the id's hash past 4 KB;
* segments: what Restock does: the newest ids in the header, older ones in numbered segments written once.

All write one transaction for a product's header and its ids. Client CPU is that of this process against the embedded
AWS. Items, bytes and capacity units are counted on a table in memory, by the sizes of the very same requests and
AWS's published rule; no clock of that table or of the emulator is ever reported."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import structlog
from botocore.exceptions import ClientError

from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.ledger import ENTRY_BYTES, ID_BYTES, Ledger, Segment, id_digest
from domain.product import HORIZON_DAYS, Folded, Outcome, ProductState, fold, product_label
from handlers.errors import InvalidEvent
from handlers.ports import Change, Committed
from worker.aws import state_codec as codec
from worker.aws.clients import Endpoints, open_clients
from worker.aws.dynamodb import Item, batch_get, batch_write, chunks, gather_bounded, number, text
from worker.aws.state import ACTIONS_MAX, TRANSACTIONS_IN_FLIGHT, DynamoState, _Cancelled
from worker.local.embedded_aws import CREDENTIALS, embedded_aws, emulator
from worker.local.sample import SAMPLE_PATH
from worker.schema import read_event
from worker.sources.files import open_sales

TABLE = "restock-state"
SIZES = (100, 1_000, 5_000)
PAGE_BYTES_MAX = 4_096
STATEMENTS_MAX = 25
WRU_DOLLARS_PER_MILLION = 0.625  # us-east-1, on demand
DEADLINE_S = 60.0
HOT_SALES, HOT_DAYS = 20_000, 40
SEED = 20_101_201

Batches = Iterable[Sequence[SaleRecorded]]


# --- what DynamoDB would bill ---


@dataclass(slots=True)
class Meter:
    """What was asked of a table, in the units it is billed by."""

    items: int = 0
    bytes: int = 0
    write_units: int = 0
    single_write_units: int = 0  # of products whose commit was this one item
    read_units: int = 0
    largest: int = 0
    transactions: int = 0
    cancelled: int = 0

    def wrote(self, before: Item | None, after: Item | None, single: bool) -> None:
        """Transactional: twice the larger of old and new, in whole KB."""
        new = item_bytes(after) if after is not None else 0
        units = 2 * max(1, -(-max(new, item_bytes(before) if before is not None else 0) // 1_024))
        self.items += 1
        self.bytes += new
        self.write_units += units
        self.single_write_units += units if single else 0
        self.largest = max(self.largest, new)

    def read(self, size: int) -> None:
        """Consistent: one unit for each begun 4 KB."""
        self.read_units += max(1, -(-size // 4_096))


def item_bytes(item: Item) -> int:
    """The size DynamoDB bills: names and values; a number takes a byte for two digits and one more."""
    total = 0
    for name, value in item.items():
        for kind, said in value.items():
            total += len(name) + ((len(said) + 1) // 2 + 1 if kind == "N" else _length(said))
    return total


def _length(said: str | bytes) -> int:
    return len(said) if isinstance(said, bytes) or said.isascii() else len(said.encode())


class MemoryTable:
    """The few DynamoDB calls that DynamoState makes, on a dict, metered. Its conditions are the three we use."""

    def __init__(self) -> None:
        self.partitions: dict[str, dict[str, Item]] = defaultdict(dict)
        self.meter = Meter()

    async def transact_write_items(self, *, TransactItems: Sequence[Item]) -> Item:  # noqa: N803
        actions = [next(iter(action.items())) for action in TransactItems]
        keys = [(said.get("Item") or said["Key"]) for _, said in actions]
        actions_of = Counter(key["pk"]["S"] for key in keys)
        before = [self.partitions[key["pk"]["S"]].get(key["sk"]["S"]) for key in keys]
        refused = [not self._holds(said, old) for (_, said), old in zip(actions, before, strict=True)]
        self.meter.transactions += 1
        for (_, said), key, old in zip(actions, keys, before, strict=True):
            self.meter.wrote(old, said.get("Item"), actions_of[key["pk"]["S"]] == 1)
        if any(refused):
            self.meter.cancelled += 1
            reasons = [{"Code": "ConditionalCheckFailed" if each else "None"} for each in refused]
            error = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(error, "TransactWriteItems")
        for (verb, said), key in zip(actions, keys, strict=True):
            if verb == "Put":
                self.partitions[key["pk"]["S"]][key["sk"]["S"]] = said["Item"]
            else:
                self.partitions[key["pk"]["S"]].pop(key["sk"]["S"], None)
        return {}

    def _holds(self, said: Item, old: Item | None) -> bool:
        condition = said.get("ConditionExpression")
        if condition == "version = :was":
            return old is not None and old["version"] == said["ExpressionAttributeValues"][":was"]
        return condition is None or old is None

    async def batch_get_item(self, *, RequestItems: Mapping[str, Item]) -> Item:  # noqa: N803
        keys = RequestItems[TABLE]["Keys"]
        found = [self.partitions[key["pk"]["S"]].get(key["sk"]["S"]) for key in keys]
        for item in found:
            self.meter.read(item_bytes(item) if item is not None else 0)
        return {"Responses": {TABLE: [item for item in found if item is not None]}}

    async def query(self, *, ExpressionAttributeValues: Mapping[str, Item], **_: object) -> Item:  # noqa: N803
        values = {name: value["S"] for name, value in ExpressionAttributeValues.items()}
        partition = self.partitions[values[":pk"]]
        items = [partition[sk] for sk in sorted(partition) if values[":first"] <= sk <= values[":last"]]
        self.meter.read(sum(map(item_bytes, items)))
        return {"Items": items}


# --- the designs ---


@dataclass(frozen=True, slots=True)
class WithItems(Change):
    """A commit whose ids are items of their own. absent: only if none of them is there yet."""

    items: tuple[Item, ...] = ()
    absent: bool = False
    bits: Mapping[int, int] = field(default_factory=dict)


class ItemsStore(DynamoState):
    """DynamoState for markers and pages: their headers have no ids, their ids are further puts."""

    def _groups(self, changes: Sequence[Change]) -> list[list[int]]:
        groups: list[list[int]] = []
        actions = 0
        for row, change in enumerate(changes):
            count = 1 + len(change.items)
            if not groups or actions + count > ACTIONS_MAX:
                groups.append([])
                actions = 0
            groups[-1].append(row)
            actions += count
        return groups

    async def _commit_rows(
        self, changes: Sequence[Change], rows: list[int], token: str, results: list[Committed]
    ) -> None:
        # One refused marker cancels its whole call: the others are tried again together, not each alone.
        while rows:
            try:
                done = await self._transact([changes[row] for row in rows], token)
            except _Cancelled as cancelled:
                rows = [row for position, row in enumerate(rows) if position not in cancelled.lost]
                continue
            for row in rows if done is None else [rows[i] for i in done]:
                results[row] = Committed.YES
            return

    def _actions(self, change: Change, token: str) -> list[Item]:
        bare = replace(change.state, ledger=Ledger())
        header, *_ = super()._actions(Change(bare), token)
        for name in ("first_segment", "next_segment", "tail_newest_day"):
            del header["Put"]["Item"][name]
        if change.bits:
            header["Put"]["Item"]["bits"] = text(json.dumps(change.bits))
        condition = {"ConditionExpression": "attribute_not_exists(pk)"} if change.absent else {}
        return [header, *({"Put": {"TableName": self._table, "Item": item, **condition}} for item in change.items)]

    async def load(self, keys: Sequence[ProductKey]) -> dict[ProductKey, tuple[ProductState, dict[int, int]]]:
        """The header of each product and, for pages, the days of which it has more than one."""
        items = await batch_get(self._client, self._table, list(map(codec.header_key, keys)), consistent=True)
        by_pk = {item["pk"]["S"]: item for item in items}
        none = {name: number(0) for name in ("first_segment", "next_segment", "tail_newest_day")}
        loaded = {}
        for key in keys:
            item = by_pk.get(f"P#{product_label(key)}")
            state = codec.decode_header(key, {**none, **item}) if item is not None else ProductState(key)
            bits = json.loads(item["bits"]["S"]) if item is not None and "bits" in item else {}
            loaded[key] = (state, {int(day): count for day, count in bits.items()})
        return loaded


@dataclass(frozen=True, slots=True)
class Ids:
    """What fold asks of a ledger, answered by another design. fresh: the entries of the fold just made."""

    payload_of: Callable[[bytes], bytes | None]
    fresh: bytes = b""

    def append(self, entries: bytes, _newest_day: int, _today: int) -> tuple[Ids, tuple[Segment, ...]]:
        return replace(self, fresh=entries), ()

    def forget(self, _late_before: int, _written_before: int) -> tuple[Ids, tuple[int, ...]]:
        return self, ()


class Design:
    """A worker with one way of keeping ids, and a cache of what it wrote: hot after settle, cold when new."""

    name: ClassVar[str]
    sales_per_commit_max: ClassVar[int] = 1_000_000_000

    def __init__(self, client: Any, table: str = TABLE, warm: Design | None = None) -> None:
        self.store: DynamoState = self._open(client, table)
        self.states: dict[ProductKey, ProductState] = dict(warm.states) if warm is not None else {}

    async def settle(self, batch: Sequence[SaleRecorded], now: int) -> Counter[Outcome]:
        """Counts what was not counted before; decides again after a lost commit, as RecordSales does."""
        outcomes: Counter[Outcome] = Counter()
        waiting: dict[ProductKey, list[SaleRecorded]] = {}
        for sale in batch:
            waiting.setdefault(sale.product, []).append(sale)
        while waiting:
            taken = {key: sales[: self.sales_per_commit_max] for key, sales in waiting.items()}
            await self._fetch(taken)
            folds = {key: fold(self._before(key, sales), sales, now) for key, sales in taken.items()}
            changed = [key for key, folded in folds.items() if folded.written or Outcome.APPLIED in folded.outcomes]
            changes = [self._change(folds[key], taken[key]) for key in changed]
            results = await self.store.commit(changes) if changes else []
            lost = {key for key, result in zip(changed, results, strict=True) if result is Committed.NO}
            for change in changes:
                if change.state.key not in lost:
                    self._keep(change)
            for key in taken:
                if key in lost:
                    await self._lose(key, taken[key])
                    continue
                outcomes.update(folds[key].outcomes)
                waiting[key] = waiting[key][len(taken[key]) :]
                if not waiting[key]:
                    del waiting[key]
        return outcomes

    def headers(self, keys: Iterable[ProductKey]) -> list[Item]:
        """The stored headers of these products as this worker knows them."""
        made = (self.store._actions(self._change(Folded(self._before(key, ()), ()), ()), "seed") for key in keys)
        return [actions[0]["Put"]["Item"] for actions in made]

    def _open(self, client: Any, table: str) -> DynamoState:
        return ItemsStore(client, table, DEADLINE_S)

    async def _fetch(self, wanted: Mapping[ProductKey, Sequence[SaleRecorded]]) -> None:
        """Reads what the fold of these sales needs and the cache lacks."""
        raise NotImplementedError

    def _before(self, key: ProductKey, _sales: Sequence[SaleRecorded]) -> ProductState:
        return self.states[key]

    def _change(self, folded: Folded, sales: Sequence[SaleRecorded]) -> Change:
        raise NotImplementedError

    def _keep(self, change: Change) -> None:
        self.states[change.state.key] = change.state

    async def _lose(self, key: ProductKey, _sales: Sequence[SaleRecorded]) -> None:
        self.states.pop(key, None)


class Segments(Design):
    name = "segments"

    def _open(self, client: Any, table: str) -> DynamoState:
        return DynamoState(client, table, DEADLINE_S)

    async def _fetch(self, wanted: Mapping[ProductKey, Sequence[SaleRecorded]]) -> None:
        missing = [key for key in wanted if key not in self.states]
        if missing:
            self.states |= await self.store.load(missing)

    def _change(self, folded: Folded, _sales: Sequence[SaleRecorded]) -> Change:
        return Change(folded.state, folded.written, folded.dropped)


class Markers(Design):
    """The ids this worker wrote are kept in memory, so that a re-sent sale seldom cancels a transaction."""

    name = "markers"
    sales_per_commit_max = ACTIONS_MAX - 1

    def __init__(self, client: Any, table: str = TABLE, warm: Markers | None = None) -> None:
        super().__init__(client, table, warm)
        self.known: dict[ProductKey, dict[bytes, bytes]] = defaultdict(dict)
        if warm is not None:
            self.known.update({key: dict(ids) for key, ids in warm.known.items()})

    async def _fetch(self, wanted: Mapping[ProductKey, Sequence[SaleRecorded]]) -> None:
        missing = [key for key in wanted if key not in self.states]
        if missing:
            self.states |= {key: state for key, (state, _) in (await self.store.load(missing)).items()}

    def _before(self, key: ProductKey, _sales: Sequence[SaleRecorded]) -> ProductState:
        return replace(self.states[key], ledger=Ids(self.known[key].get))

    def _change(self, folded: Folded, sales: Sequence[SaleRecorded]) -> Change:
        entries = chunks(folded.state.ledger.fresh, ENTRY_BYTES)
        applied = (sale for sale, outcome in zip(sales, folded.outcomes, strict=True) if outcome is Outcome.APPLIED)
        items = tuple(
            {
                **self._key(sale),
                "payload": {"B": entry[ID_BYTES:]},
                "expires": number((sale.day + 2 * HORIZON_DAYS) * 86_400),
            }
            for sale, entry in zip(applied, entries, strict=True)
        )
        return WithItems(folded.state, items=items, absent=True)

    def _key(self, sale: SaleRecorded) -> Item:
        return {"pk": text(f"P#{product_label(sale.product)}"), "sk": text(f"E#{sale.event_id}")}

    def _keep(self, change: Change) -> None:
        super()._keep(change)
        for entry in chunks(change.state.ledger.fresh, ENTRY_BYTES):
            self.known[change.state.key][entry[:ID_BYTES]] = entry[ID_BYTES:]

    async def _lose(self, key: ProductKey, sales: Sequence[SaleRecorded]) -> None:
        """Some of these sales may be counted, or another worker may have won: the markers say."""
        await super()._lose(key, sales)
        keys = {sale.event_id: self._key(sale) for sale in sales}
        for item in await batch_get(self.store._client, self.store._table, list(keys.values()), consistent=True):
            self.known[key][id_digest(item["sk"]["S"][2:])] = item["payload"]["B"]


class Pages(Design):
    """A day of a product has 2**bits pages; the header names the days that have more than one."""

    name = "pages"

    def __init__(self, client: Any, table: str = TABLE, warm: Pages | None = None) -> None:
        super().__init__(client, table, warm)
        self.pages: dict[tuple[ProductKey, int, int], bytes] = dict(warm.pages) if warm is not None else {}
        self.bits: dict[ProductKey, dict[int, int]] = dict(warm.bits) if warm is not None else {}

    async def _fetch(self, wanted: Mapping[ProductKey, Sequence[SaleRecorded]]) -> None:
        missing = [key for key in wanted if key not in self.states]
        if missing:
            for key, (state, bits) in (await self.store.load(missing)).items():
                self.states[key], self.bits[key] = state, bits
        # A day without a bucket has no page yet, and nothing is read for it.
        asked = {
            (key, day, page): self._key(key, day, page)
            for key, sales in wanted.items()
            for day in {sale.day for sale in sales} & self.states[key].buckets.keys()
            for page in range(1 << self.bits[key].get(day, 0))
            if (key, day, page) not in self.pages
        }
        if asked:
            found = await batch_get(self.store._client, self.store._table, list(asked.values()), consistent=True)
            entries = {(item["pk"]["S"], item["sk"]["S"]): item["entries"]["B"] for item in found}
            for place, key in asked.items():
                self.pages[place] = entries.get((key["pk"]["S"], key["sk"]["S"]), b"")

    def _key(self, key: ProductKey, day: int, page: int) -> Item:
        return {"pk": text(f"P#{product_label(key)}"), "sk": text(f"D#{day:06d}#{page:03d}")}

    def _before(self, key: ProductKey, sales: Sequence[SaleRecorded]) -> ProductState:
        days = {sale.day: self.bits[key].get(sale.day, 0) for sale in sales}

        def payload_of(digest: bytes) -> bytes | None:
            for day, bits in days.items():
                page = self.pages.get((key, day, digest[0] & ((1 << bits) - 1)))
                found = Ledger(page).payload_of(digest) if page else None
                if found is not None:
                    return found
            return None

        return replace(self.states[key], ledger=Ids(payload_of))

    def _change(self, folded: Folded, sales: Sequence[SaleRecorded]) -> Change:
        key, bits = folded.state.key, self.bits[folded.state.key]
        fresh: dict[int, list[bytes]] = {}
        applied = (sale for sale, outcome in zip(sales, folded.outcomes, strict=True) if outcome is Outcome.APPLIED)
        for sale, entry in zip(applied, chunks(folded.state.ledger.fresh, ENTRY_BYTES), strict=True):
            fresh.setdefault(sale.day, []).append(entry)
        grown: dict[tuple[int, int], bytes] = {}
        newest = folded.state.newest_day or 0
        bits = {day: count for day, count in bits.items() if day >= newest - HORIZON_DAYS}
        for day, entries in fresh.items():
            bits[day], pages = self._grow(key, day, bits.get(day, 0), entries)
            grown |= pages
        items = tuple(
            {
                **self._key(key, day, page),
                "entries": {"B": entries},
                "expires": number((day + 2 * HORIZON_DAYS) * 86_400),
            }
            for (day, page), entries in grown.items()
        )
        return WithItems(folded.state, items=items, bits={day: count for day, count in bits.items() if count})

    def _grow(
        self, key: ProductKey, day: int, bits: int, entries: Sequence[bytes]
    ) -> tuple[int, dict[tuple[int, int], bytes]]:
        """The pages of a day that change by these entries; when one gets too large, all, in twice as many."""
        changed: dict[int, bytes] = {}
        for entry in entries:
            page = entry[0] & ((1 << bits) - 1)
            changed[page] = (changed[page] if page in changed else self.pages.get((key, day, page), b"")) + entry
        if max(map(len, changed.values())) <= PAGE_BYTES_MAX:
            return bits, {(day, page): said for page, said in changed.items()}
        whole = b"".join(changed.get(page, self.pages.get((key, day, page), b"")) for page in range(1 << bits))
        pages: dict[int, list[bytes]] = {}
        while not pages or max(map(len, pages.values())) * ENTRY_BYTES > PAGE_BYTES_MAX:
            bits, pages = bits + 1, {}
            for entry in chunks(whole, ENTRY_BYTES):
                pages.setdefault(entry[0] & ((1 << bits) - 1), []).append(entry)
        return bits, {(day, page): b"".join(said) for page, said in pages.items()}

    def _keep(self, change: Change) -> None:
        super()._keep(change)
        key = change.state.key
        self.bits[key] = dict(change.bits)
        for item in change.items:
            _, day, page = item["sk"]["S"].split("#")
            self.pages[key, int(day), int(page)] = item["entries"]["B"]

    async def _lose(self, key: ProductKey, sales: Sequence[SaleRecorded]) -> None:
        await super()._lose(key, sales)
        for place in [place for place in self.pages if place[0] == key]:
            del self.pages[place]


DESIGNS: tuple[type[Design], ...] = (Markers, Pages, Segments)


# --- what is measured ---


def sales_of(path: Path, limit: int | None) -> list[SaleRecorded]:
    """The valid sales of a file, oldest first."""
    sales = []
    for row in islice(open_sales(path).rows, limit):
        try:
            event = read_event(row, None, "", int(time.time() * 1000))
        except InvalidEvent:
            continue
        if isinstance(event, SaleRecorded):
            sales.append(event)
    return sales


async def replay(worker: Design, batches: Batches) -> Counter[Outcome]:
    """Settles batches as if each arrived when its last sale happened, so that old ids are forgotten on time."""
    outcomes: Counter[Outcome] = Counter()
    for batch in batches:
        outcomes += await worker.settle(batch, batch[-1].occurred_at)
    return outcomes


async def counted(worker: Design, keys: Iterable[ProductKey]) -> tuple[int, int]:
    """Sales and units in the stored headers, read by a new worker."""
    wanted = list(dict.fromkeys(keys))
    await worker._fetch({key: () for key in wanted})
    return sum(worker.states[k].sales for k in wanted), sum(worker.states[k].units for k in wanted)


async def capacity(kind: type[Design], past: Sequence[SaleRecorded], future: Sequence[SaleRecorded], size: int) -> Any:
    """What the past costs to write in batches of this size, and a cold worker to read for what comes next."""
    table = MemoryTable()
    worker = kind(table)
    await replay(worker, chunks(past, size))
    written, table.meter = table.meter, Meter()
    coming = future[:1_000]
    await kind(table)._fetch(_by_product(coming))
    products = len({sale.product for sale in coming})
    single = written.single_write_units
    return worker, {
        "items_per_sale": written.items / len(past),
        "bytes_per_sale": written.bytes / len(past),
        "write_units_per_sale": written.write_units / len(past),
        "write_units_if_single_items_left_transactions": (written.write_units - single / 2) / len(past),
        "transactions": written.transactions,
        "largest_item": written.largest,
        "cold_read_units_per_product": table.meter.read_units / products,
    }


def _by_product(sales: Iterable[SaleRecorded]) -> dict[ProductKey, list[SaleRecorded]]:
    grouped: dict[ProductKey, list[SaleRecorded]] = defaultdict(list)
    for sale in sales:
        grouped[sale.product].append(sale)
    return grouped


class Tables:
    """Fresh tables of the embedded AWS, each gone after use."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._made = 0

    async def use(self, body: Callable[[str], Awaitable[Any]]) -> Any:
        self._made += 1
        name = f"bench-{self._made}"
        await self.client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        try:
            return await body(name)
        finally:
            await self.client.delete_table(TableName=name)


async def cpu_us_per_sale(client: Any, warm: Design, sales: Sequence[SaleRecorded], size: int, table: str) -> float:
    """CPU of this process for one replay by a worker that has the products' past in its cache."""
    keys = [key for key in dict.fromkeys(sale.product for sale in sales) if key in warm.states]
    await batch_write(client, table, [{"PutRequest": {"Item": header}} for header in warm.headers(keys)])
    worker = type(warm)(client, table, warm)
    batches = list(chunks(sales, size))
    gc.collect()
    before = time.process_time()
    outcomes = await replay(worker, batches)
    spent = time.process_time() - before
    if outcomes != {Outcome.APPLIED: len(sales)}:
        raise AssertionError(f"{warm.name}: {dict(outcomes)} of {len(sales)} new sales")
    return spent * 1e6 / len(sales)


def disturbed(sales: Sequence[SaleRecorded], size: int) -> Iterator[Sequence[SaleRecorded]]:
    """Batches with a tenth of the sales sent again later, and every fourth batch delivered again, shuffled."""
    chance = random.Random(SEED)
    timed = [(place, sale) for place, sale in enumerate(sales)]
    timed += [(place + chance.randint(0, 4 * size), sale) for place, sale in timed if chance.random() < 0.1]
    stream = [sale for _, sale in sorted(timed, key=lambda placed: placed[0])]
    for index, batch in enumerate(chunks(stream, size)):
        yield batch
        if index % 4 == 3:
            yield chance.sample(batch, len(batch))


async def exactness(kind: type[Design], client: Any, sales: Sequence[SaleRecorded], size: int, table: str) -> Any:
    """Duplicates, permuted redeliveries, a restart with a cold cache half-way; the old worker, its cache stale, takes
    every fifth batch after that. What is stored must be the set of events."""
    batches = list(disturbed(sales, size))
    half = len(batches) // 2
    old = kind(client, table)
    await replay(old, batches[:half])
    new = kind(client, table)
    # What the old worker had committed and not acknowledged comes first.
    for index, batch in enumerate(batches[half - 1 :]):
        await replay(old if index % 5 == 4 else new, [batch])
    stored = await counted(kind(client, table), (sale.product for sale in sales))
    distinct = {(sale.product, sale.event_id): sale.quantity for sale in sales}
    return {
        "delivered": sum(map(len, batches)),
        "distinct": len(distinct),
        "counted": stored[0],
        "exact": stored == (len(distinct), sum(distinct.values())),
    }


async def cross_day(kind: type[Design], client: Any, sale: SaleRecorded, table: str) -> bool:
    """Whether an id sent again with another date is recognised by a worker that has only the table."""
    await replay(kind(client, table), [[sale]])
    moved = sale._replace(occurred_at=sale.occurred_at + MS_PER_DAY)
    await replay(kind(client, table), [[moved]])
    return (await counted(kind(client, table), [sale.product]))[0] == 1


async def hot_product(kind: type[Design], sales_per_commit: int) -> Any:
    """One product sells 500 times a day for 40 days; ids older than the horizon go as time goes on."""
    key = ProductKey("hot")
    start = 14_944 * MS_PER_DAY
    step = HOT_DAYS * MS_PER_DAY // HOT_SALES
    sales = [SaleRecorded(key, f"order-{i}", start + i * step, 1 + i % 5, 499) for i in range(HOT_SALES)]
    table = MemoryTable()
    worker = kind(table)
    await replay(worker, chunks(sales, sales_per_commit))
    written, table.meter = table.meter, Meter()
    await kind(table)._fetch({key: sales[-1:]})
    items = table.partitions["P#hot"]
    kept = [item for sk, item in items.items() if sk != codec.HEADER]
    return worker, {
        "header_bytes": item_bytes(items[codec.HEADER]),
        "id_items_alive": len(kept),
        "id_bytes_alive": sum(map(item_bytes, kept)),
        "largest_item": written.largest,
        "write_units_per_sale": written.write_units / HOT_SALES,
        "cold_read_units": table.meter.read_units,
    }


def lookups(ledger: Ledger) -> dict[str, float]:
    """µs to learn that an id is new, the usual case, in a hot product's ledger; best of five."""
    joined = b"".join(segment.entries for segment in ledger.segments) + ledger.tail
    known = {entry[:ID_BYTES]: entry[ID_BYTES:] for entry in chunks(joined, ENTRY_BYTES)}
    asked = [id_digest(f"new-{i}") for i in range(500)]

    def best(look: Callable[[bytes], object]) -> float:
        spent = []
        for _ in range(5):
            before = time.process_time()
            for digest in asked:
                look(digest)
            spent.append(time.process_time() - before)
        return min(spent) * 1e6 / len(asked)

    built = time.process_time()
    dict.fromkeys(entry[:ID_BYTES] for entry in chunks(joined, ENTRY_BYTES))
    built = time.process_time() - built
    return {
        "ids": len(known),
        "segments": len(ledger.segments),
        "find_in_each_segment": best(ledger.payload_of),
        "find_in_one_run": best(joined.find),
        "dict": best(known.get),
        "dict_built_us_per_id": built * 1e6 / max(1, len(known)),
    }


# --- single items without a transaction ---


def _statement(table: str, item: Item, was: Item) -> Item:
    names = sorted(item.keys() - {"pk", "sk"})
    changes = " ".join(f'SET "{name}"=?' for name in names)
    condition = 'WHERE "pk"=? AND "sk"=? AND "version"=?'
    parameters = [*(item[name] for name in names), item["pk"], item["sk"], was]
    return {"Statement": f'UPDATE "{table}" {changes} {condition}', "Parameters": parameters}


async def statements(client: Any, warm: Design, runs: int, table: str) -> Any:
    """BatchExecuteStatement: is each statement's own condition honoured, and what does the client pay?"""
    headers = warm.headers(list(warm.states)[:1_000])
    await batch_write(client, table, [{"PutRequest": {"Item": header}} for header in headers])
    one, two = headers[:2]
    stale = _statement(table, {**two, "token": text("stale")}, number(-1))
    fresh = _statement(table, {**one, "token": text("fresh")}, one["version"])
    answers = (await client.batch_execute_statement(Statements=[stale, fresh]))["Responses"]
    keys = [{"pk": each["pk"], "sk": each["sk"]} for each in (one, two)]
    stored = await batch_get(client, table, keys, consistent=True)
    tokens = {item["pk"]["S"]: item["token"]["S"] for item in stored}
    honoured = (
        [answer.get("Error", {}).get("Code") for answer in answers] == ["ConditionalCheckFailed", None]
        and tokens[one["pk"]["S"]] == "fresh"
        and tokens[two["pk"]["S"]] != "stale"
    )
    puts = [
        {
            "Put": {
                "TableName": table,
                "Item": header,
                "ConditionExpression": "version = :was",
                "ExpressionAttributeValues": {":was": header["version"]},
            }
        }
        for header in headers
    ]
    updates = [_statement(table, header, header["version"]) for header in headers]

    async def timed(call: Callable[[Any], Awaitable[Any]], parts: Iterable[Any]) -> float:
        before = time.process_time()
        await gather_bounded(call, list(parts), TRANSACTIONS_IN_FLIGHT)
        return (time.process_time() - before) * 1e6 / len(headers)

    spent: dict[str, list[float]] = {"transaction": [], "statements": []}
    for _ in range(runs):
        write = partial(_call, client.transact_write_items, "TransactItems")
        spent["transaction"].append(await timed(write, chunks(puts, ACTIONS_MAX)))
        write = partial(_call, client.batch_execute_statement, "Statements")
        spent["statements"].append(await timed(write, chunks(updates, STATEMENTS_MAX)))
    return {"honoured": honoured, **{f"{n}_us_per_header": statistics.median(each) for n, each in spent.items()}}


async def _call(operation: Any, parameter: str, part: Sequence[Item]) -> Any:
    return await operation(**{parameter: list(part)})


# --- the run ---


@dataclass(frozen=True, slots=True)
class Options:
    lines: int | None
    timed_sales: int
    runs: int


async def measure(options: Options, folder: Path) -> dict[str, Any]:
    """Everything, as one JSON object."""
    sales = sales_of(SAMPLE_PATH, options.lines)
    timed = min(options.timed_sales, len(sales) // 2)
    past, future = sales[:-timed], sales[-timed:]
    said: dict[str, Any] = {"options": asdict(options), "past": len(past), "timed": len(future), "aws": emulator()}
    warm: dict[str, Design] = {}
    costs: dict[str, dict[str, Any]] = defaultdict(dict)
    for kind in DESIGNS:
        for size in SIZES:
            warm[kind.name], costs[kind.name][str(size)] = await capacity(kind, past, future, size)
    said["replay"] = costs
    said["hot"] = {}
    for kind in DESIGNS:
        for per_commit in (1, 100):
            worker, said["hot"][f"{kind.name} / {per_commit}"] = await hot_product(kind, per_commit)
            if kind is Segments:
                said.setdefault("lookup", {})[str(per_commit)] = lookups(worker.states[ProductKey("hot")].ledger)
    async with (
        embedded_aws(folder) as url,
        open_clients("us-east-1", Endpoints(everything=url)) as clients,
    ):
        await _on_emulator(Tables(clients.dynamodb), said, warm, future, options.runs)
    return said


async def _on_emulator(
    tables: Tables, said: dict[str, Any], warm: Mapping[str, Design], future: Sequence[SaleRecorded], runs: int
) -> None:
    client = tables.client
    spent: dict[tuple[str, int], list[float]] = defaultdict(list)
    for run in range(runs):
        for size in SIZES:
            # Interleaved, and in another order each time: whatever else the machine does hits all alike.
            for kind in (*DESIGNS[run % 3 :], *DESIGNS[: run % 3]):
                one = partial(cpu_us_per_sale, client, warm[kind.name], future, size)
                spent[kind.name, size].append(await tables.use(one))
    for (name, size), values in spent.items():
        said["replay"][name][str(size)]["cpu_us_per_sale"] = statistics.median(values)
        said["replay"][name][str(size)]["cpu_runs"] = [round(value, 1) for value in values]
    said["exact"] = {
        kind.name: {
            **await tables.use(partial(exactness, kind, client, future, 500)),
            "id_with_another_date_recognised": await tables.use(partial(cross_day, kind, client, future[0])),
        }
        for kind in DESIGNS
    }
    said["statements"] = await tables.use(partial(statements, client, warm[Segments.name], runs))


def show(said: Mapping[str, Any]) -> str:
    """The tables, for people."""
    lines = [
        f"{said['past']:,} sales replayed for the units, the next {said['timed']:,} for the CPU "
        f"(median of {said['options']['runs']} interleaved runs, {said['aws']})",
        "",
        "| batch | design | CPU µs/sale | ratio | items/sale | bytes/sale | WRU/sale | $/M sales | cold RRU/product"
        " | largest item |",
        "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for size in map(str, SIZES):
        ours = said["replay"][Segments.name][size]
        for name in (kind.name for kind in DESIGNS):
            row = said["replay"][name][size]
            units = row["write_units_per_sale"]
            lines.append(
                f"| {int(size):,} | {name} | {row['cpu_us_per_sale']:.0f} "
                f"| {row['cpu_us_per_sale'] / ours['cpu_us_per_sale']:.2f} | {row['items_per_sale']:.2f} "
                f"| {row['bytes_per_sale']:,.0f} | {units:.2f} | {units * WRU_DOLLARS_PER_MILLION:.2f} "
                f"| {row['cold_read_units_per_product']:.2f} | {row['largest_item']:,} |"
            )
    lines += ["", "| design | delivered | distinct | counted | exact | id with another date |", "|---|---|---|---|---|---|"]
    for name, row in said["exact"].items():
        again = "recognised" if row["id_with_another_date_recognised"] else "counted twice"
        lines.append(
            f"| {name} | {row['delivered']:,} | {row['distinct']:,} | {row['counted']:,} "
            f"| {'yes' if row['exact'] else 'NO'} | {again} |"
        )
    lines += [
        "",
        f"One product, {HOT_SALES:,} sales in {HOT_DAYS} days:",
        "",
        "| design / sales a commit | header bytes | id items | id bytes | largest item | WRU/sale | cold RRU |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in said["hot"].items():
        lines.append(
            f"| {name} | {row['header_bytes']:,} | {row['id_items_alive']:,} | {row['id_bytes_alive']:,} "
            f"| {row['largest_item']:,} | {row['write_units_per_sale']:.2f} | {row['cold_read_units']:,} |"
        )
    for per_commit, row in said["lookup"].items():
        lines += [
            "",
            f"A new id among the {row['ids']:,} of that product in {row['segments']:,} segments "
            f"({per_commit} sales a commit), µs: find in each segment {row['find_in_each_segment']:.1f}, "
            f"find in one run of bytes {row['find_in_one_run']:.1f}, dict {row['dict']:.2f} "
            f"(and {row['dict_built_us_per_id']:.2f} an id to build it)",
        ]
    single = ", ".join(
        f"{int(size):,}: {row['write_units_per_sale']:.2f} → {row['write_units_if_single_items_left_transactions']:.2f}"
        for size, row in said["replay"][Segments.name].items()
    )
    probe = said["statements"]
    lines += [
        "",
        f"Headers that change alone, outside a transaction, WRU/sale of segments: {single}",
        f"BatchExecuteStatement: conditions {'honoured' if probe['honoured'] else 'NOT honoured'} one by one; "
        f"client CPU µs a header {probe['statements_us_per_header']:.0f}, "
        f"TransactWriteItems {probe['transaction_us_per_header']:.0f}",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.event_ids", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lines", type=int, help="replay only the first N lines of the bundled sample")
    parser.add_argument("--timed", type=int, default=5_000, help="how many of them, the last, are timed")
    parser.add_argument("--runs", type=int, default=3, help="runs of each timing; the median counts")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    chosen = parser.parse_args(arguments)
    if chosen.runs < 1 or chosen.timed < 1 or (chosen.lines is not None and chosen.lines < 20):
        parser.error("--runs and --timed must be at least 1, --lines at least 20")
    os.environ.update(CREDENTIALS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as folder:
        said = asyncio.run(measure(Options(chosen.lines, chosen.timed, chosen.runs), Path(folder)))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(said, indent=1) + "\n")
    sys.stdout.write(show(said))
    return 0 if all(row["exact"] for row in said["exact"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
