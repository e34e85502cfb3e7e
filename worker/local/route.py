"""Which way do the sales go, from the till to the workers?

sqs and sqs-fifo: by the queue, which is parted for several workers of sqs. stream: into the shop's table, whose stream
the workers read. pipes: into the table, and from its stream through a pipe into the FIFO queue, which is all that the
workers read."""

from __future__ import annotations

from dataclasses import dataclass

from worker.aws.clients import Clients
from worker.local.backlog import Backlog
from worker.local.embedded_aws import SALES_TABLE, only_shard
from worker.local.pipe import Pipe
from worker.local.tills import QueueTill, TableTill, Till
from worker.settings import Settings
from worker.sources.partitions import queue_urls

QUEUE, FIFO_QUEUE = "retail-sales", "retail-sales.fifo"
STREAM, PIPES = "stream", "pipes"
PARTITIONS = 8  # as many as there may be workers
AHEAD_MAX = 5_000
# A message a sale, and the emulator looks through all of five minutes for each: a long queue would only make it slower.
PIPED_AHEAD_MAX = 1_000
QUEUES = {"sqs": QUEUE, "sqs-fifo": FIFO_QUEUE, STREAM: QUEUE, PIPES: FIFO_QUEUE}


@dataclass(frozen=True, slots=True)
class Route:
    """The parts of one way. ahead_max: sales that the shop may have sent and the workers not settled."""

    till: Till
    backlog: Backlog
    pipe: Pipe | None = None
    ahead_max: int = AHEAD_MAX


def sales_table(source: str) -> str:
    """The table that the shop writes its sales into; empty if it has none."""
    return SALES_TABLE if source in (STREAM, PIPES) else ""


def source_environment(source: str, workers: int) -> dict[str, str]:
    """What so many workers must be told to read."""
    return {
        "RESTOCK_QUEUE_NAME": QUEUES[source],
        "RESTOCK_QUEUE_PARTITIONS": str(PARTITIONS if source == "sqs" and workers > 1 else 1),
        "RESTOCK_STREAM_TABLE": SALES_TABLE if source == STREAM else "",
        "RESTOCK_TABLE_FIELDS": "{}",
    }


async def route(source: str, clients: Clients, settings: Settings) -> Route:
    """The way of a source, whose queue and table are there."""
    urls = await queue_urls(clients.sqs, settings)
    queue = QueueTill(clients, settings, *urls)
    table = sales_table(source)
    if not table:
        return Route(queue, Backlog(clients, settings, urls))
    till = TableTill(clients.dynamodb, table, queue, grouped=source == PIPES)
    shard = await only_shard(clients.streams, table)
    if source == STREAM:
        return Route(till, Backlog(clients, settings, urls, shard=shard))
    pipe = Pipe(clients, shard, urls[0])
    return Route(till, Backlog(clients, settings, urls, piped=(till, pipe)), pipe, PIPED_AHEAD_MAX)
