"""Which shards are ours now?

Looks for shards, makes their leases, renews ours, writes how far they are settled, takes what is free and a fair share
of what is not, and gives all of it back in the end. Reading goes on meanwhile; whoever lost a lease stops reading, and
what it still settles moves no checkpoint. If nobody looked for about as long as records are kept, there may have been
some that nobody will ever see: that is an alarm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from handlers.errors import Misconfigured, TransientFailure
from handlers.metrics import Metric
from handlers.ports import Clock, Metrics
from worker.aws.dynamodb import gather_bounded
from worker.settings import Settings
from worker.sources.shards.discovery import Discovery, Listing
from worker.sources.shards.holding import Holding
from worker.sources.shards.leases import LeaseTable, Look
from worker.sources.shards.lineage import SHARD_END, Lease, ShardKey, readable, settled_streams, unleased
from worker.sources.shards.owned import UNREAD_MAX_MS, Owned

log = structlog.get_logger()

EAGER_S = 30.0  # after a shard has ended: its children may be listed a little later
DISCOVER_AGAIN_S = 5.0
LOOK_NOTED_MS = 300_000

Alarm = Callable[[str, int, str], None]


class Leasing:
    """owned_of gives what is held of a shard whose lease was just taken. alarm is told that records may be lost: of
    which stream, since when (ms), and why."""

    def __init__(
        self,
        table: LeaseTable,
        discovery: Discovery,
        owned_of: Callable[[Lease, float], Owned],
        alarm: Alarm,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._table = table
        self._discovery = discovery
        self._alarm = alarm
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._holding = Holding(table, owned_of, settings.lease_s, clock, metrics)
        self._listing = Listing(frozenset(), {})
        self._streams: frozenset[str] = frozenset()
        self._listed_at = 0
        self._look_noted = Look(0, frozenset())
        self._discover_at = 0.0
        self._look_at = 0.0
        self._eager_until = 0.0
        self.owned = self._holding.held

    async def look_after(self) -> None:
        """Looks for shards and leases, as far as it is time to."""
        now_s = asyncio.get_running_loop().time()
        if self._holding.released:
            return
        if now_s >= self._discover_at:
            await self._discover(now_s)
        if now_s >= self._look_at:
            await self._look()
            self._look_at = now_s + self._settings.lease_s / 3

    def is_listed(self, key: ShardKey) -> bool:
        """Whether the shard was there when it was last looked for."""
        return key in self._listing.shards

    async def write_progress(self) -> None:
        """Renews the leases that are due and writes checkpoints that have moved."""
        now_s = asyncio.get_running_loop().time()
        due = [owned for owned in self.owned.values() if self._must_be_written(owned, now_s)]
        await gather_bounded(self._renew, due)

    def _must_be_written(self, owned: Owned, now_s: float) -> bool:
        moved = owned.progress.safe != owned.lease.checkpoint
        return moved or owned.finished or now_s - owned.renewed_at >= self._settings.lease_s / 3

    async def _renew(self, owned: Owned) -> None:
        try:
            if owned.finished:
                await self._finish(owned)
            else:
                await self._holding.renew(owned, owned.progress.safe)
        except (TransientFailure, Misconfigured) as exc:
            log.warning("lease.not_written", shard=owned.key.shard_id, reason=str(exc))

    async def _finish(self, owned: Owned) -> None:
        if await self._holding.renew(owned, SHARD_END):
            self._holding.let_go(owned)
            log.info("shard.finished", shard=owned.key.shard_id)
            # Its children can be read from now on.
            now_s = asyncio.get_running_loop().time()
            self._discover_at = self._look_at = now_s
            self._eager_until = now_s + EAGER_S

    async def _discover(self, now_s: float) -> None:
        self._discover_at = now_s + DISCOVER_AGAIN_S  # should it fail
        asked_at, before = self._clock.now(), self._listing
        look = await self._table.last_look(self._settings.stream_table)
        if look is not None and asked_at - look.at > UNREAD_MAX_MS:
            lost = "nobody looked for shards for about as long as records are kept"
            self._alarm(", ".join(sorted(look.streams)), look.at, lost)
        self._look_noted = look or Look(0, frozenset())
        self._listing = await self._discovery.listing(self._look_noted.streams | self._streams)
        self._streams |= self._look_noted.streams | self._listing.streams
        self._listed_at = asked_at
        self._discover_at = now_s if now_s < self._eager_until else now_s + self._settings.discover_interval_s
        if self._listing.shards.keys() - before.shards.keys():
            self._look_at = now_s

    async def _look(self) -> None:
        """Makes missing leases, and takes what is due to us."""
        leases: dict[ShardKey, Lease] = {}
        for stream in sorted(self._streams):
            leases.update(await self._table.of(stream))
        if self._listed_at and not self._look_noted.at:
            # The very first: whoever comes after a day must know that somebody had begun.
            await self._note(Look(self._listed_at, self._streams))
        # What was not there at the last look holds nothing that is older.
        for lease in unleased(self._listing.shards, leases, self._look_noted.at or self._listed_at):
            # One at a time: a child's lease must not be there before its parent's.
            await self._table.create(lease)
            # Also where another worker was faster: a child must not seem to have no parent.
            leases[lease.key] = lease
        await self._note_look(leases)
        await self._take_share(leases)
        self._metrics.observe(Metric.SHARDS_OWNED, len(self.owned))

    async def _note_look(self, leases: dict[ShardKey, Lease]) -> None:
        """Says when the streams were looked at, now and then; those that are gone and read to their end are dropped."""
        self._streams -= settled_streams(self._streams - self._listing.streams, leases)
        look = Look(self._listed_at, self._streams)
        due = look.at - self._look_noted.at > LOOK_NOTED_MS or look.streams != self._look_noted.streams
        if due and look.at:
            await self._note(look)

    async def _note(self, look: Look) -> None:
        await self._table.looked(self._settings.stream_table, look)
        self._look_noted = look

    async def _take_share(self, leases: dict[ShardKey, Lease]) -> None:
        open_leases = readable(leases)
        unread = [self._clock.now() - lease.read_at for lease in open_leases]
        self._metrics.observe(Metric.STREAM_UNREAD, max(0, *unread) if unread else 0)
        await self._holding.take_share(leases, open_leases)

    async def release(self) -> None:
        """Writes how far everything is settled and gives it up, for any other worker to take at once; nothing is taken
        any more."""
        await self._holding.release(self._give_up)

    async def _give_up(self, owned: Owned) -> bool:
        return await self._holding.write(owned, "", SHARD_END if owned.finished else owned.progress.safe)
