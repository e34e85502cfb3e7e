"""Does a design count each sale exactly once?

Whatever comes twice, out of order, after a restart or to a worker with a stale cache: what is stored must be the set of
events."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from bench.event_ids.design import Design, Sales
from bench.event_ids.replay import counted, replay
from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from worker.aws.dynamodb import chunks

SEED = 20_101_201


async def exactness(kind: type[Design], client: Any, sales: Sales, size: int, table: str) -> dict[str, Any]:
    """Duplicates, permuted redeliveries, a restart with a cold cache half-way; the old worker, its cache stale, takes
    every fifth batch after that."""
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
        "commits_lost": old.commits_lost + new.commits_lost,
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


def busiest(sales: Sales, count: int) -> list[SaleRecorded]:
    """About count sales of the products that sell most: they fill tails, pages and segments, and outlive ids."""
    chosen: set[ProductKey] = set()
    held = 0
    for product, sold in Counter(sale.product for sale in sales).most_common():
        if held >= count:
            break
        chosen.add(product)
        held += sold
    return [sale for sale in sales if sale.product in chosen]


def disturbed(sales: Sales, size: int) -> Iterator[Sequence[SaleRecorded]]:
    """Batches with a tenth of the sales sent again later, and every fourth batch delivered again, shuffled."""
    chance = random.Random(SEED)
    timed = [(place, sale) for place, sale in enumerate(sales)]
    timed += [(place + chance.randint(0, 4 * size), sale) for place, sale in timed if chance.random() < 0.1]
    stream = [sale for _, sale in sorted(timed, key=lambda placed: placed[0])]
    for index, batch in enumerate(chunks(stream, size)):
        yield batch
        if index % 4 == 3:
            yield chance.sample(batch, len(batch))
