"""What becomes of the ids of one product that sells all the time?

Ids older than the horizon go as time goes on, so what is alive at the end is what would always be alive."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from sys import getsizeof
from typing import Any

from bench.event_ids.design import Design
from bench.event_ids.items_store import entries_of
from bench.event_ids.metering import MemoryTable, Meter
from bench.event_ids.replay import replay
from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.ledger import ID_BYTES, Ledger, id_digest
from worker.aws import state_codec as codec
from worker.aws.dynamodb import chunks
from worker.aws.item_size import item_bytes

HOT = ProductKey("hot")
HOT_SALES, HOT_DAYS = 20_000, 40
FIRST_DAY = 14_944
ASKED, ASKED_TO_BUILD = 500, 20
BEST_OF = 5


async def hot_product(kind: type[Design], sales_per_commit: int) -> tuple[Design, dict[str, Any]]:
    """HOT_SALES of one product in HOT_DAYS: the worker that counted them, and what its ids take and cost."""
    sales = _hot_sales()
    table = MemoryTable()
    worker = kind(table)
    await replay(worker, chunks(sales, sales_per_commit))
    written, table.meter = table.meter, Meter()
    await kind(table).fetch({HOT: sales[-1:]})
    items = table.partitions[codec.header_key(HOT)["pk"]["S"]]
    kept = [item for sk, item in items.items() if sk != codec.HEADER]
    return worker, {
        "header_bytes": item_bytes(items[codec.HEADER]),
        "id_items_alive": len(kept),
        "id_bytes_alive": sum(map(item_bytes, kept)),
        "largest_item": written.largest,
        "write_units_per_sale": written.write_units / HOT_SALES,
        "cold_read_units": table.meter.read_units,
    }


def _hot_sales() -> list[SaleRecorded]:
    start = FIRST_DAY * MS_PER_DAY
    step = HOT_DAYS * MS_PER_DAY // HOT_SALES
    return [SaleRecorded(HOT, f"order-{i}", start + i * step, 1 + i % 5, 499) for i in range(HOT_SALES)]


def lookups(known_ids: Ledger, per_commit: int) -> dict[str, float]:
    """µs to learn that an id is new, the usual case, of a hot product: as an open product does, and other ways."""
    joined = b"".join(segment.entries for segment in known_ids.segments) + known_ids.tail
    known = {entry[:ID_BYTES]: entry[ID_BYTES:] for entry in entries_of(joined)}
    index = known_ids.digests()
    sets = [frozenset(entry[:ID_BYTES] for entry in entries_of(s.entries)) for s in known_ids.segments]
    asked = [id_digest(f"new-{i}") for i in range(ASKED)]
    built = _best_us(lambda _: known_ids.digests(), asked[:ASKED_TO_BUILD])
    return {
        "ids": len(known),
        "segments": len(known_ids.segments),
        "as_fold_does": _best_us(index.__contains__, asked),
        "find_in_each_segment": _best_us(known_ids.payload_of, asked),
        "find_in_one_run": _best_us(joined.find, asked),
        "set_for_each_segment": _best_us(lambda digest: any(digest in ids for ids in sets), asked),
        "one_dict": _best_us(known.get, asked),
        "index_built_us_per_id": built / len(known),
        "index_bytes_per_id": (getsizeof(index) + sum(map(getsizeof, index))) / len(index),
    }


def _best_us(look: Callable[[bytes], object], asked: Sequence[bytes]) -> float:
    """CPU µs of one look, in the best of some rounds."""
    spent = []
    for _ in range(BEST_OF):
        before = time.process_time()
        for digest in asked:
            look(digest)
        spent.append(time.process_time() - before)
    return min(spent) * 1e6 / len(asked)
