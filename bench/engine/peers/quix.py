"""The work on the state core of Quix Streams: its RocksDB store, a transaction a checkpoint, a state a product.

As its applications do: changes gather in the transaction and are flushed at the default commit interval of 5 s. A
product's days are one value, read and written once a batch; each id is a key of its own, since one value with all ids
would be written anew for every sale. Values go through its own serializer, which is orjson. No broker: consuming and
the changelog topic are left out, in its favour."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from quixstreams.state.rocksdb import RocksDBStore

from bench.engine.checked import Sale
from bench.engine.peers.grouped import grouped
from bench.engine.spec import HORIZON_DAYS, Batch, Tally, calendar, main
from bench.engine.window import Days

COMMIT_INTERVAL_S = 5.0


def work(batches: Iterator[Batch], tally: Tally) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = RocksDBStore("sales", None, folder)
        store.assign_partition(0)
        newest, transaction, flush_at = -1, store.start_partition_transaction(0), time.monotonic() + COMMIT_INTERVAL_S
        for now, bodies in batches:
            with tally.clock():
                by_product, newest = grouped(bodies, now, newest)
                dates = calendar(newest + 1)
                counts, rows = [0, 0, 0, 0], []
                for product_id, sales in by_product.items():
                    row = fold(transaction.as_state(prefix=product_id.encode()), sales, counts, newest + 1, dates)
                    if row is not None:
                        rows.append((product_id, row))
                if time.monotonic() >= flush_at:
                    transaction = flushed(store, transaction)
                    flush_at = time.monotonic() + COMMIT_INTERVAL_S
            tally.close_batch(len(bodies), counts, rows)
        with tally.clock():
            flushed(store, transaction)
        store.close()


def fold(state: Any, sales: list[Sale], counts: list[int], as_of: int, dates: tuple[int, int, int, int]) -> Any:
    """Folds a product's sales into its stored state; its row if it changed."""
    stored = state.get(b"days")
    days = Days(sales[0][2])
    latest = -1
    if stored is not None:
        latest, days.first, days.net, days.sold, days.revenue, days.promoted = stored
    changed = False
    for _, event_id, day, quantity, cents, promotion, payload in sales:
        key, digest = event_id.encode(), crc32(payload.encode()).to_bytes(4, "big")
        known = state.get_bytes(key)
        if known is not None:
            counts[1 if known == digest else 3] += 1
        elif day < latest - HORIZON_DAYS:
            counts[2] += 1
        else:
            state.set_bytes(key, digest)
            days.sell(day, quantity, cents, promotion)
            latest = max(latest, day)
            counts[0] += 1
            changed = True
    if not changed:
        return None
    row = days.row(as_of, dates)
    state.set(b"days", [latest, days.first, days.net, days.sold, days.revenue, days.promoted])
    return row


def flushed(store: RocksDBStore, transaction: Any) -> Any:
    """Writes what has gathered, and begins anew."""
    transaction.prepare()
    transaction.flush()
    return store.start_partition_transaction(0)


if __name__ == "__main__":
    sys.exit(main(work))
