"""Is anything left that was sent and that no worker has settled?

Asked of the queue and of the stream themselves, not of the workers: what a dead one had in hand is in no other place.
A record of the stream is left as long as no lease says that it is settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worker.aws.clients import Clients
from worker.aws.dynamodb import gather_bounded
from worker.local.pipe import Pipe
from worker.local.tills import TableTill
from worker.settings import Settings
from worker.sources.shards.leases import LeaseTable
from worker.sources.shards.lineage import TRIM_HORIZON, ShardKey
from worker.sources.shards.position import Position

COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is on its way through a pipe, in the queue (all its partitions), and in the shard that the workers read, as
    far as there are any. It costs a few calls: ask now and then, not all the time."""

    clients: Clients
    settings: Settings
    queue_urls: Sequence[str]
    shard: ShardKey | None = None
    piped: tuple[TableTill, Pipe] | None = None

    async def left(self) -> bool:
        """Whether there is any."""
        return self._in_pipe() or await self._in_queues() or await self._in_shard()

    def _in_pipe(self) -> bool:
        return self.piped is not None and self.piped[0].written > self.piped[1].passed

    async def _in_queues(self) -> bool:
        return any(await gather_bounded(self._in_queue, self.queue_urls))

    async def _in_queue(self, url: str) -> bool:
        answer = await self.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=COUNTS)
        return any(int(value) for value in answer["Attributes"].values())

    async def _in_shard(self) -> bool:
        if self.shard is None:
            return False
        lease = await LeaseTable(self.clients.dynamodb, self.settings.leases_table).read(self.shard)
        checkpoint = TRIM_HORIZON if lease is None else lease.checkpoint
        # One record is enough to know. Reading all of them would cost the emulator more than settling them does us.
        page = await Position(self.clients.streams, self.shard, checkpoint).read(1)
        return bool(page.records)
