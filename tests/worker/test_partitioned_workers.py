"""Do two workers leave each other's products alone if the queue has partitions?

Two real processes of `restock run` against the embedded AWS, with sales of every product in every message that one
queue brings them, and then with the same sales by partitions."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from domain.events import ProductKey
from handlers.metrics import Metric
from worker.aws.state import DynamoState
from worker.local.observed import Observed
from worker.local.tills import QueueTill
from worker.local.workers import Workers
from worker.sources.partitions import queue_urls
from worker.sources.shards.leases import LeaseTable

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

PRODUCTS, SALES = 60, 9_000
WITHIN_S = 50.0


async def until(holds):
    """Waits until this is so."""
    deadline = time.monotonic() + WITHIN_S
    while not await holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


def rows(name):
    return [
        {
            "event_id": f"e{n}",
            "product_id": f"{name}-{n % PRODUCTS}",
            "occurred_at": f"2024-09-{1 + n % 20:02}T10:00:00Z",
            "quantity": 1 + n % 3,
        }
        for n in range(SALES)
    ]


@asynccontextmanager
async def two_workers(aws, folder, settings):
    environment = {
        "RESTOCK_ENDPOINT_URL": aws.url,
        "RESTOCK_RUNTIME_ENDPOINT_URL": aws.gateway.url,
        "RESTOCK_QUEUE_NAME": settings.queue_name,
        "RESTOCK_QUEUE_PARTITIONS": str(settings.queue_partitions),
        "RESTOCK_LONG_POLL_S": "1",
        "RESTOCK_BATCH_SALES": "500",
        "RESTOCK_DECIDE_INTERVAL_S": "300",
        "RESTOCK_SWEEP_INTERVAL_S": "600",
        "RESTOCK_BEDROCK_MODEL": "",
        "RESTOCK_HEALTH_PORT": "0",
    }
    folder.mkdir()
    workers = Workers(2, folder, environment, Observed())
    keeping = asyncio.create_task(workers.keep())

    async def ready():
        logs = [folder / name for name in ("worker.log", "worker-2.log")]
        return all(log.exists() and "worker.ready" in log.read_text() for log in logs)

    try:
        await until(ready)
        yield workers
        await workers.stop()
    finally:
        workers.kill()
        await keeping


async def retries_of(aws, folder, name, partitions):
    """How many commits were redone while two workers counted the sales, each of them once."""
    settings = aws.settings.model_copy(update={"queue_name": name, "queue_partitions": partitions})
    for queue in settings.queue_names:
        await aws.clients.sqs.create_queue(QueueName=queue)
    leases = LeaseTable(aws.clients.dynamodb, settings.leases_table)

    async def shared_out():
        owned = Counter(lease.owner for lease in (await leases.of(f"Q#{name}")).values())
        return partitions == 1 or sorted(owned.values()) == [partitions / 2] * 2

    async with two_workers(aws, folder, settings) as workers:
        await until(shared_out)
        await QueueTill(aws.clients, settings, *await queue_urls(aws.clients.sqs, settings)).send(rows(name))

        async def all_counted():
            return workers.observed[Metric.SALES_APPLIED] >= SALES

        await until(all_counted)
    observed = workers.observed
    assert observed[Metric.SALES_APPLIED] == SALES
    assert observed[Metric.SALES_RECEIVED] == SALES + observed[Metric.SALES_DUPLICATE]
    store = DynamoState(aws.clients.dynamodb, settings.state_table, 10.0)
    states = await store.load([ProductKey(f"{name}-{n}") for n in range(PRODUCTS)])
    assert sum(state.sales for state in states.values()) == SALES
    assert sum(state.units for state in states.values()) == sum(row["quantity"] for row in rows(name))
    return observed[Metric.COMMIT_RETRIES]


async def test_two_workers_redo_fewer_commits_where_the_queue_has_partitions(aws, tmp_path):
    shared = await retries_of(aws, tmp_path / "shared", "shared", 1)
    parted = await retries_of(aws, tmp_path / "parted", "parted", 4)
    # How often two on one queue meet is chance; on a busy machine one of them may do nearly all of it.
    assert parted < max(5, shared / 10)
