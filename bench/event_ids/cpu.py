"""How much CPU does a sale cost the client?

That of this process alone, against an embedded AWS in another one, with the products' past in the cache. Designs are
interleaved, so that whatever else the machine does hits all alike; the emulator's own time is never counted."""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from bench.event_ids.design import Design, Sales
from bench.event_ids.designs import DESIGNS
from bench.event_ids.replay import replay
from domain.product import Outcome
from worker.aws.dynamodb import batch_write, chunks

TIMED_BATCHES_MAX = 20

T = TypeVar("T")


class Tables:
    """Fresh tables of the embedded AWS, each gone after use."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._made = 0

    async def use(self, body: Callable[[str], Awaitable[T]]) -> T:
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


async def interleaved(
    tables: Tables, warm: Mapping[str, Design], future: Sales, sizes: Sequence[int], runs: int
) -> dict[tuple[str, int], list[float]]:
    """CPU µs a sale in each run, by design and batch size."""
    spent: dict[tuple[str, int], list[float]] = defaultdict(list)
    for run in range(runs):
        turn = run % len(DESIGNS)
        for size in sizes:
            for kind in (*DESIGNS[turn:], *DESIGNS[:turn]):
                some = future[: TIMED_BATCHES_MAX * size]
                one = partial(cpu_us_per_sale, tables.client, warm[kind.name], some, size)
                spent[kind.name, size].append(await tables.use(one))
    return spent


async def cpu_us_per_sale(client: Any, warm: Design, sales: Sales, size: int, table: str) -> float:
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
