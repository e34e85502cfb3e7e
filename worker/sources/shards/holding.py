"""Which leases are ours, and how are they taken, renewed and given up?

Each write is made from the version before: whoever lost a lease cannot write it, and learns of it by that. A write
whose answer never came is known by its owner. What was lost and taken again is held anew, and what was held of it
before writes nothing any more."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

import structlog

from handlers.errors import Misconfigured, TransientFailure
from handlers.metrics import Metric
from handlers.ports import Clock, Metrics
from worker.aws.dynamodb import gather_bounded
from worker.sources.shards.balance import Watch, to_take
from worker.sources.shards.leases import LeaseTable
from worker.sources.shards.lineage import Lease, ShardKey

log = structlog.get_logger()

WRITES_MAX = 3


class Held(Protocol):
    """Something whose lease is held. renewed_at: when, by the loop's clock, the lease was last known to be ours."""

    lease: Lease
    renewed_at: float

    def to_write(self, checkpoint: str) -> Lease:
        """The lease to write, as of now, with this checkpoint."""
        ...


H = TypeVar("H", bound=Held)


class Holding(Generic[H]):
    """held_of gives what is held from a lease that was just taken, and when (loop's clock) taking it was asked for."""

    def __init__(
        self,
        table: LeaseTable,
        held_of: Callable[[Lease, float], H],
        lease_s: float,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._table = table
        self._held_of = held_of
        self._clock = clock
        self._metrics = metrics
        self._me = f"{random.getrandbits(64):016x}"
        self._watch = Watch(lease_s)
        self.released = False
        self.held: dict[ShardKey, H] = {}

    async def write(self, held: H, owner: str, checkpoint: str) -> bool:
        """Whether the lease was ours and now says this."""
        for _ in range(WRITES_MAX):
            asked_at = asyncio.get_running_loop().time()
            written = await self._table.replace(held.to_write(checkpoint), owner, checkpoint, self._clock.now())
            if written is not None:
                held.lease, held.renewed_at = written, asked_at
                return True
            # It may be a write of ours whose answer never came; or the lease was lost meanwhile, and taken again.
            standing = await self._table.read(held.lease.key)
            if standing is None or standing.owner != self._me or self.held.get(held.lease.key) is not held:
                break
            held.lease = standing
        self._lose(held)
        return False

    async def renew(self, held: H, checkpoint: str) -> bool:
        """Whether the lease is still ours and says this."""
        return await self.write(held, held.lease.owner, checkpoint)

    async def take_share(
        self, leases: Mapping[ShardKey, Lease], open_to_all: Sequence[Lease], most: int | None = None
    ) -> None:
        """Lets go of what others have taken from us, and takes what is due to us of the leases that are open to all, if
        need be no more than most."""
        for key in [key for key in self.held if key in leases and leases[key].owner != self._me]:
            self._lose(self.held[key])
        now_s = asyncio.get_running_loop().time()
        self._watch.look(leases, now_s)
        free = [lease for lease in open_to_all if self._is_free(lease, now_s)]
        random.shuffle(free)  # or all who look at once would take the same one
        for lease in to_take(self._me, open_to_all, free)[:most]:
            if not self.released:
                await self._take(lease)

    def _is_free(self, lease: Lease, now_s: float) -> bool:
        """One that we took without learning of it, because the answer was lost, is free for us."""
        return lease.key not in self.held and (lease.owner == self._me or self._watch.free(lease, now_s))

    async def _take(self, lease: Lease) -> None:
        asked_at = asyncio.get_running_loop().time()
        taken = await self._table.replace(lease, self._me, lease.checkpoint, self._clock.now())
        if taken is None:
            return
        if self.released:  # while the answer was on its way
            await self._table.replace(taken, "", taken.checkpoint, self._clock.now())
            return
        self.held[taken.key] = self._held_of(taken, asked_at)
        self._metrics.count(Metric.LEASES_TAKEN)
        log.info("lease.taken", shard=taken.key.shard_id, before=lease.owner, checkpoint=taken.checkpoint)

    def let_go(self, held: H) -> bool:
        """Whether it was held until now: not if it was lost before, and perhaps taken again since."""
        if self.held.get(held.lease.key) is not held:
            return False
        del self.held[held.lease.key]
        return True

    def _lose(self, held: H) -> None:
        if self.let_go(held):
            self._metrics.count(Metric.LEASES_LOST)
            log.info("lease.lost", shard=held.lease.key.shard_id)

    async def release(self, give_up: Callable[[H], Awaitable[bool]]) -> None:
        """Gives everything up, for any other worker to take at once; nothing is taken any more."""
        self.released = True

        async def one(held: H) -> None:
            try:
                await give_up(held)
            except (TransientFailure, Misconfigured) as exc:
                # It runs out by itself; only time is lost.
                log.warning("lease.not_released", shard=held.lease.key.shard_id, reason=str(exc))
            self.let_go(held)

        await gather_bounded(one, list(self.held.values()))
