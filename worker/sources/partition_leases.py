"""Which partitions of the queue are ours now?

Each has a lease, and whoever holds it is the one to receive from it. Workers look often, so that what one gives up, or
leaves behind when it dies, is soon another's. Only throughput hangs on all this: two that believe to own a partition
for a moment redo each other's commits, and the ledger counts each sale once whoever brings it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from handlers.errors import Misconfigured, TransientFailure
from handlers.ports import Clock, Metrics
from worker.aws.dynamodb import gather_bounded
from worker.settings import Settings
from worker.sources.shards.holding import Holding
from worker.sources.shards.leases import LeaseTable
from worker.sources.shards.lineage import Lease, ShardKey

log = structlog.get_logger()

LOOK_EVERY_S = 3.0
NOTHING_TO_CHECKPOINT = "0"  # what is settled is deleted from the queue, and nowhere else


@dataclass(slots=True, eq=False)
class OwnedPartition:
    """A partition whose lease is held. renewed_at: when, by the loop's clock, it was last known to be ours."""

    lease: Lease
    renewed_at: float

    def to_write(self, checkpoint: str) -> Lease:
        """Its lease; there is nothing else to say of a partition."""
        return self.lease


class PartitionLeases:
    def __init__(self, table: LeaseTable, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        self._table = table
        self._queue = f"Q#{settings.queue_name}"
        self._keys = [ShardKey(self._queue, str(partition)) for partition in range(settings.queue_partitions)]
        self._lease_s = settings.lease_s
        self._holding = Holding(table, OwnedPartition, settings.lease_s, clock, metrics)
        self._looks = 0
        self._told: list[str] = []

    def owns(self, partition: int) -> bool:
        """Whether it is surely ours: who could not renew in time is the first to believe that it is lost."""
        held = self._holding.held.get(self._keys[partition])
        return held is not None and asyncio.get_running_loop().time() - held.renewed_at < self._lease_s

    async def keep(self) -> None:
        """Tends the leases, for ever. Renewing them does not wait for the looking after new ones."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(self.renew))
            group.create_task(self._every(self.look))

    async def _every(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except (TransientFailure, Misconfigured) as exc:
                log.warning("partitions.not_tended", queue=self._queue, reason=str(exc))
            await asyncio.sleep(min(LOOK_EVERY_S, self._lease_s / 3))

    async def renew(self) -> None:
        """Renews the leases that are due."""
        now_s = asyncio.get_running_loop().time()
        due = [held for held in self._holding.held.values() if now_s - held.renewed_at >= self._lease_s / 3]
        await gather_bounded(self._renew, due)

    async def _renew(self, held: OwnedPartition) -> None:
        try:
            await self._holding.renew(held, NOTHING_TO_CHECKPOINT)
        except (TransientFailure, Misconfigured) as exc:
            log.warning("lease.not_written", shard=held.lease.key.shard_id, reason=str(exc))

    async def look(self) -> None:
        """Makes missing leases, and takes a fair share."""
        if self._holding.released:
            return
        found = await self._table.of(self._queue)
        # Partitions beyond ours are of workers that were told another number of them.
        leases = {key: found[key] if key in found else await self._made(key) for key in self._keys}
        # Workers that start together leave something to each other: half of what there is, until the second look.
        most = None if self._looks else -(-len(leases) // 2)
        self._looks += 1
        await self._holding.take_share(leases, list(leases.values()), most)
        self._tell()

    async def _made(self, key: ShardKey) -> Lease:
        lease = Lease(key, "", 0, NOTHING_TO_CHECKPOINT)
        await self._table.create(lease)  # if another worker was faster, taking it will fail, and the next look tells
        return lease

    def _tell(self) -> None:
        ours = sorted((key.shard_id for key in self._holding.held), key=int)
        if ours != self._told:
            self._told = ours
            log.info("partitions.changed", queue=self._queue, ours=ours)

    async def release(self) -> None:
        """Gives all of them up, for any other worker to take at once; none is taken any more."""
        await self._holding.release(self._give_up)

    async def _give_up(self, held: OwnedPartition) -> bool:
        return await self._holding.write(held, "", NOTHING_TO_CHECKPOINT)
