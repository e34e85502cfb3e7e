"""How much memory does the worker's cache take when it holds so many products?

Each product has some twenty sales over two months, read from a message as the worker reads it, folded and committed
through the cache the worker uses; the store behind it keeps nothing. Runs in a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bench.engine.spec import peak_mb
from bench.soak.memory import rss_mb
from domain.events import ProductKey
from domain.folding import fold
from domain.product import Outcome, ProductState
from handlers.ports import Change, Committed, OutboxEntry
from handlers.products import Products
from worker.decode import read

SALES = 20
DAYS = 60
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
NOW = int((FIRST + timedelta(days=DAYS)).timestamp()) * 1000
DATES = [(FIRST + timedelta(days=day)).date().isoformat() for day in range(DAYS)]
COMMIT = 1_000  # products
BYTES_MAX = 10**12  # the cache is bounded in products alone: how many bytes they take is the question


class Nowhere:
    """A store that takes everything and keeps nothing, so that what is held is held by the cache."""

    async def load(self, keys: Sequence[ProductKey]) -> dict[ProductKey, ProductState]:
        return {key: ProductState(key) for key in keys}

    async def commit(self, changes: Sequence[Change]) -> list[Committed]:
        return [Committed.YES] * len(changes)

    async def dirty(self, before: int, limit: int) -> list[ProductKey]:
        return []

    async def outbox(self, before: int, limit: int) -> list[OutboxEntry]:
        return []

    async def forget(self, entry_ids: Sequence[str]) -> None:
        return None


def body_of(product: int) -> str:
    """The message with all sales of a product."""
    sales = (
        f'{{"event_id":"sale-{product:07d}-{number:04d}","product_id":"SKU-{product:07d}",'
        f'"occurred_at":"{_day(product, number)}T12:00:00Z","quantity":{1 + number % 5},"unit_price":9.95,'
        f'"promotion":false,"category":"grocery"}}'
        for number in range(SALES)
    )
    return f"[{','.join(sales)}]"


def _day(product: int, number: int) -> str:
    return DATES[(number * DAYS // SALES + product) % DAYS]


async def fill(cache: Products, products: int) -> int:
    """Commits every product through the cache; returns how many sales were counted."""
    counted = 0
    for first in range(0, products, COMMIT):
        changes = []
        for product in range(first, min(first + COMMIT, products)):
            events, _ = read(body_of(product), str(product), NOW)
            states = await cache.get([events[0].product])
            folded = fold(states[events[0].product], events, NOW)
            counted += folded.outcomes.count(Outcome.APPLIED)
            changes.append(Change(folded.state, folded.written, folded.dropped))
        await cache.commit(changes)
    return counted


async def measure(products: int) -> dict[str, float]:
    """The peak of the process, and by how much the cache raised it above where it stood with everything imported."""
    # It stays alive: what it would let go could be filled again without the process growing.
    warm_up = Products(Nowhere(), COMMIT, BYTES_MAX)
    await fill(warm_up, COMMIT)
    gc.collect()
    start_mb = rss_mb(os.getpid())
    cache = Products(Nowhere(), products, BYTES_MAX)
    counted = await fill(cache, products)
    peak = peak_mb()
    return {"counted": counted, "held": await held(cache, products), "peak_mb": peak, "cache_mb": peak - start_mb}


async def held(cache: Products, products: int) -> int:
    """How many products the cache answers for itself: the store knows none of them."""
    answered = 0
    for product in range(products):
        key = ProductKey(f"SKU-{product:07d}")
        answered += (await cache.get([key]))[key].sales == SALES
    return answered


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("products", type=int)
    sys.stdout.write(json.dumps(asyncio.run(measure(parser.parse_args().products))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
