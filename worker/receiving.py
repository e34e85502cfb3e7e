"""How do messages come in and go, and never more of them than there is room for?

Room is taken before receiving: nothing is received that there is no room for. Each source has its own, so that none
starves another; bytes are bounded over all of them. While a source gives as much as it can at a time it is asked by all
its pollers, otherwise by the steady ones: an empty queue is billed by the call."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from sys import getsizeof
from time import perf_counter

import structlog

from handlers.errors import Misconfigured, TransientFailure
from handlers.metrics import Metric
from worker.sources.source import Message, Source
from worker.telemetry import EmbeddedMetrics
from worker.waiting import first_of, set_within

log = structlog.get_logger()

BACK_OFF_S = 2.0
HAND_OVER_S = 5.0
BODY_BYTES_MAX = 64 * 1024 * 1024


class Slots:
    """So many may be held at a time. Who asks first is served first, all at once."""

    def __init__(self, free: int) -> None:
        self.free = free
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, count: int) -> None:
        """Waits until this many are free and takes them."""
        if not self._waiting and self.free >= count:
            self.free -= count
            return
        asked = (count, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        try:
            await asked[1]
        except asyncio.CancelledError:
            # Served in the very moment of the cancellation: given back. Else whoever stood behind may be served now.
            self.give(0 if asked[1].cancelled() else count)
            raise

    def give(self, count: int) -> None:
        """Gives back this many, and serves those who wait as far as it goes."""
        self.free += count
        while self._waiting and (self._waiting[0][1].done() or self.free >= self._waiting[0][0]):
            wanted, served = self._waiting.popleft()
            if not served.done():
                self.free -= wanted
                served.set_result(None)


class Receiving:
    """inbox is where messages of all sources wait to be settled; None in it is the end."""

    def __init__(self, sources: Sequence[Source], long_poll_s: int, metrics: EmbeddedMetrics) -> None:
        self._sources = {source.name: source for source in sources}
        self._slots = {source.name: Slots(source.in_flight_max) for source in sources}
        self._long_poll_s = long_poll_s
        self._metrics = metrics
        self._body_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._open = dict.fromkeys(self._sources, 0)
        self._behind = {source.name: asyncio.Event() for source in sources}
        self.inbox: asyncio.Queue[Message | None] = asyncio.Queue()

    @property
    def sources(self) -> Sequence[Source]:
        return list(self._sources.values())

    async def poll(self, source: Source, stop: asyncio.Event, number: int = 0) -> None:
        """Fills the inbox from a source until stop is set; the receive that is open then is awaited. number: which of
        the source's pollers this is."""
        slots, behind = self._slots[source.name], self._behind[source.name]
        steady = number < source.steady_pollers
        while not stop.is_set():
            if not steady and not behind.is_set():
                await first_of(behind, stop)
                continue
            await self._room.wait()
            await slots.take(source.receive_max)
            messages: list[Message] = []
            if stop.is_set():
                slots.give(source.receive_max)
                return
            self._open[source.name] += 1
            try:
                messages = await source.receive(self._long_poll_s)
            except (TransientFailure, Misconfigured) as exc:
                log.warning("receive.failed", source=source.name, reason=str(exc))
                await set_within(stop, BACK_OFF_S)
            finally:
                self._open[source.name] -= 1
                slots.give(source.receive_max - len(messages))
            if len(messages) == source.receive_max:
                behind.set()
            elif not messages:
                behind.clear()
            self._hold(sum(getsizeof(message.body) for message in messages))
            for message in messages:
                await self.inbox.put(message)

    @property
    def exhausted(self) -> bool:
        """Whether nothing more can come before something is acknowledged."""
        return not any(
            self._open[name] or slots.free >= self._sources[name].receive_max for name, slots in self._slots.items()
        )

    def _hold(self, body_bytes: int) -> None:
        """So many more bytes of bodies are held, or fewer if negative; beyond BODY_BYTES_MAX nothing is received."""
        self._body_bytes += body_bytes
        if self._body_bytes < BODY_BYTES_MAX:
            self._room.set()
        else:
            self._room.clear()

    async def acknowledge(self, done: Sequence[Message], handed_back: Sequence[Message]) -> None:
        """Gives each message back to its source, settled or not."""
        started = perf_counter()
        # Side by side: a source that hangs holds none of the others up.
        await asyncio.gather(
            *(
                self._acknowledge(
                    source,
                    [message for message in done if message.source == source.name],
                    [message for message in handed_back if message.source == source.name],
                )
                for source in self.sources
            )
        )
        self._metrics.observe(Metric.ACKNOWLEDGE_TIME, (perf_counter() - started) * 1000)

    async def _acknowledge(self, source: Source, settled: list[Message], unsettled: list[Message]) -> None:
        for give, messages in ((source.acknowledge, settled), (source.hand_back, unsettled)):
            try:
                if messages:
                    await give(messages)
            except (TransientFailure, Misconfigured) as exc:
                log.warning("acknowledge.failed", source=source.name, messages=len(messages), reason=str(exc))
            finally:
                self._slots[source.name].give(len(messages))
                self._hold(-sum(getsizeof(message.body) for message in messages))

    async def hand_over(self) -> None:
        """What is still owned goes to other workers, all within HAND_OVER_S."""
        try:
            async with asyncio.timeout(HAND_OVER_S):
                await asyncio.gather(*(source.hand_over() for source in self.sources))
        except TimeoutError:
            log.warning("drain.not_handed_over")
