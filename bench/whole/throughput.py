"""How many events does one worker, or do two, get through?

The queues hold more than is watched. After a warm-up in which every product was loaded, CPU and clock are read twice;
in between nothing happens but work. At the end the tables must say that each sale was counted exactly once, whoever
of the workers had it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from bench.consumer.measure import Bench
from bench.rows import Disagreement
from bench.standin.running import until
from bench.standin.sales import Row, Sales, differences
from bench.standin.shop import open_shop
from bench.standin.watch import look_at
from bench.whole.workers import at, workers
from worker.local.processes import ChildFailed
from worker.local.report import read_states
from worker.producer import pack
from worker.settings import Settings

QUEUE = "retail-sales"
PRODUCTS = 2_000
SHARED_OUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """A way to bring sales to workers: with one partition all share the queue."""

    workers: int
    sales_a_message: int
    sales: int
    warm_up: int
    spare: int
    partitions: int = 1


class Figures(NamedTuple):
    per_cpu_s: float
    per_s: float


async def measured(bench: Bench, load: Load) -> Figures:
    """Events a second of the workers' CPU together, and of the clock. Disagreement if a count is wrong."""
    await bench.aws.reset()
    values = at(bench.aws.url, queue_name=QUEUE, queue_partitions=load.partitions)
    settings, sales = Settings.model_validate(values), Sales(PRODUCTS)
    await open_shop(bench.clients, settings, sales, bench.past)
    queues, count = settings.queue_names, load.warm_up + bench.shorter(load.sales) + load.spare
    total = await _fill(bench, load, queues, sales.rows(count))
    async with workers(load.workers, values, bench.logs) as running:
        if load.partitions > 1 and not await until(partial(_shared_out, bench, settings, load), SHARED_OUT_S):
            raise ChildFailed(f"the partitions were not shared out within {SHARED_OUT_S} s: see {running[0].log}")
        for queue in queues:
            await bench.aws.pour(f"full-{queue}", queue)
        first = await look_at(bench.aws, queues, running, load.warm_up // load.sales_a_message)
        last = await look_at(bench.aws, queues, running, total - load.spare // load.sales_a_message)
        await look_at(bench.aws, queues, running, total)
    wrong = differences(sales.expected, await read_states(bench.clients.dynamodb, settings.state_table))
    if wrong:
        raise Disagreement(f"{load}: {len(wrong)} products, the first of them {wrong[0]}")
    events = (last.deleted - first.deleted) * load.sales_a_message
    return Figures(events / (last.cpu_s - first.cpu_s), events / (last.at_s - first.at_s))


async def _fill(bench: Bench, load: Load, queues: Sequence[str], rows: Iterator[Row]) -> int:
    """Puts the sales beside the queues, each product's always beside the same one; returns how many messages."""
    held: list[list[str]] = [[] for _ in queues]
    packed = pack(rows, fifo_groups=None, partitions=load.partitions, sales_per_message=load.sales_a_message)
    for message in packed:
        held[message.partition].append(message.body)
    return sum([await bench.aws.preload(f"full-{queue}", bodies) for queue, bodies in zip(queues, held, strict=True)])


async def _shared_out(bench: Bench, settings: Settings, load: Load) -> bool:
    """Whether each worker has its share of the partitions."""
    leases = (await bench.clients.dynamodb.scan(TableName=settings.leases_table))["Items"]
    owned = Counter(lease["owner"]["S"] for lease in leases if lease.get("owner", {}).get("S"))
    return len(owned) == load.workers and min(owned.values()) >= load.partitions // load.workers
