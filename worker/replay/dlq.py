"""How does what is parked come back?

Quarantined lines and dead letters are counted by the worker's own intake under the ids that they had, and only then
deleted where they lay. Killed between the two, the next run finds them counted. What is refused again stays in
quarantine, with its new reason; what cannot be settled stays where it is. Sums commute, so sales may come in any order;
of stock counts the newest wins, and a receipt or a cancellation names its order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic

from handlers.ports import Clock
from worker.aws.clients import Clients
from worker.aws.dead_letters import DeadLetters, dead_letter_queues
from worker.aws.parked import ParkedLine, ParkedLines
from worker.replay.counting import Counting
from worker.replay.identity import message_again
from worker.replay.listing import Listing
from worker.replay.progress import Progress
from worker.replay.wanted import Parked, Wanted, reason_now
from worker.settings import Settings
from worker.sources.source import Message

QUARANTINE, DEAD = "quarantine", "dead letters"
TOGETHER = 50  # quarantined lines that are settled together
QUIET_RECEIVES = 2  # in a row that bring nothing: SQS may give nothing once though there is something


@dataclass(slots=True)
class ParkedPlaces:
    """Where the lines of these workers are parked."""

    settings: Settings
    quarantine: ParkedLines
    queues: Sequence[DeadLetters]
    clock: Clock

    def parked(self, line: ParkedLine) -> Parked:
        record = line.record
        return Parked(QUARANTINE, record.record_id, record.reason, record.body, record.received_at)


async def parked_places(settings: Settings, clients: Clients, clock: Clock, queues: Sequence[str]) -> ParkedPlaces:
    """queues are names of queues of dead letters; without any they are those that the sales queues name."""
    if queues:
        urls = [(await clients.sqs.get_queue_url(QueueName=name))["QueueUrl"] for name in queues]
    else:
        urls = await dead_letter_queues(clients.sqs, settings.queue_names) if settings.queue_name else []
    lines = ParkedLines(clients.dynamodb, clients.s3, settings.state_table)
    return ParkedPlaces(settings, lines, [DeadLetters(clients.sqs, url) for url in urls], clock)


async def listed(places: ParkedPlaces, wanted: Wanted, look: int, stop: asyncio.Event) -> Listing:
    """What is there; at most `look` dead letters of a queue are looked at, and let go again."""
    listing = Listing()
    async for page in places.quarantine.pages():
        for line in page:
            _note(listing, wanted, places.parked(line))
        if stop.is_set():
            return listing
    for queue in places.queues:
        about, seen = await queue.about(), 0
        try:
            async for letters in _received(queue, stop, look, wanted):
                for parked, _ in letters:
                    _note(listing, wanted, parked)
                seen += len(letters)
        finally:
            await queue.let_go()
        listing.unseen += max(0, about - seen)
    return listing


def _note(listing: Listing, wanted: Wanted, parked: Parked) -> None:
    if wanted.holds(parked):
        listing.add(parked)
    else:
        listing.passed_by += 1


async def _received(
    queue: DeadLetters, stop: asyncio.Event, limit: int | None, wanted: Wanted
) -> AsyncIterator[list[tuple[Parked, Message]]]:
    """Dead letters with their messages, until there are no more, or as many as the limit were received."""
    quiet = seen = 0
    while quiet < QUIET_RECEIVES and not stop.is_set() and (limit is None or seen < limit):
        letters = await queue.receive()
        quiet = 0 if letters else quiet + 1
        seen += len(letters)
        yield [
            (
                Parked(
                    DEAD,
                    message.message_id,
                    reason_now(message.body, message.message_id, wanted.now, wanted.table_fields),
                    message.body,
                    sent_at,
                ),
                message,
            )
            for message, sent_at in letters
        ]


@dataclass(slots=True)
class Redriven:
    """taken: lines and messages that went through the intake; stayed: those that are still parked, as they were or for
    a new reason; whole: whether the end was reached."""

    taken: int = 0
    stayed: int = 0
    whole: bool = False


async def redrive(
    places: ParkedPlaces, wanted: Wanted, counting: Counting, stop: asyncio.Event, progress: Progress
) -> Redriven:
    """Counts what the filters let through. A line that is parked while it runs is left for the next run."""
    began, redriven = monotonic(), Redriven()
    of_before = wanted if wanted.until is not None else replace(wanted, until=wanted.now + 1)
    try:
        async for page in places.quarantine.pages():
            lines = [line for line in page if of_before.holds(places.parked(line))]
            for at in range(0, len(lines), TOGETHER):
                if stop.is_set():
                    return redriven
                await _lines_again(places, lines[at : at + TOGETHER], counting, redriven)
                progress.reach(redriven.taken, f"{redriven.stayed:,} stay parked")
        for queue in places.queues:
            await _letters_again(queue, wanted, counting, stop, progress, redriven)
        redriven.whole = not stop.is_set()
    finally:
        await counting.agenda.release()
    progress.reach(redriven.taken, f"{monotonic() - began:,.1f} s")
    return redriven


async def _lines_again(
    places: ParkedPlaces, lines: Sequence[ParkedLine], counting: Counting, redriven: Redriven
) -> None:
    bodies = [await places.quarantine.body_of(line) for line in lines]
    now, fields = places.clock.now(), places.settings.table_fields
    messages = [
        message_again(line.record.record_id, str(place), body, now, fields)
        for place, (line, body) in enumerate(zip(lines, bodies, strict=True))
    ]
    unsettled = await counting.take(messages)
    settled = [line for place, line in enumerate(lines) if str(place) not in unsettled]
    redriven.taken += len(lines)
    redriven.stayed += len(unsettled) + await places.quarantine.forget(settled)


async def _letters_again(
    queue: DeadLetters,
    wanted: Wanted,
    counting: Counting,
    stop: asyncio.Event,
    progress: Progress,
    redriven: Redriven,
) -> None:
    try:
        async for letters in _received(queue, stop, None, wanted):
            messages = [message for parked, message in letters if wanted.holds(parked)]
            if not messages:
                continue
            unsettled = await counting.take(messages)
            await queue.delete([message for message in messages if message.receipt not in unsettled])
            redriven.taken += len(messages)
            redriven.stayed += len(unsettled)
            progress.reach(redriven.taken, f"{redriven.stayed:,} stay parked")
    finally:
        await queue.let_go()
