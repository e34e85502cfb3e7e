"""What do tests of the replays stand on? A worker's intake that receives what a source would bring, and the state that
came of it."""

from __future__ import annotations

import asyncio
import io
import json

import pytest_asyncio

from domain.events import ProductKey
from worker.aws.agenda import DynamoAgenda
from worker.aws.dead_letters import DeadLetters, dead_letter_queues
from worker.aws.parked import ParkedLines
from worker.aws.state import DynamoState
from worker.intake import Batch
from worker.replay.counting import open_counting
from worker.replay.dlq import ParkedPlaces, listed, redrive
from worker.replay.progress import Progress
from worker.replay.wanted import Wanted
from worker.sources.source import Message
from worker.wiring import build_parts

A = ProductKey("A")


class Parking:
    """What is parked at the emulator, and what a replay makes of it."""

    def __init__(self, aws, clock, dlq_url) -> None:
        self.aws, self.clients, self.settings, self.clock = aws, aws.clients, aws.settings, clock
        self.dlq_url = dlq_url

    async def received(self, body, message_id):
        """The worker receives a message, as ever."""
        parts = await build_parts(self.settings, self.clients, self.clock, io.StringIO())
        batch = Batch()
        await parts.intake.add(batch, Message(message_id, "r", body if isinstance(body, str) else json.dumps(body)))
        assert not (await parts.intake.settle(batch)).handed_back

    async def dead(self, *bodies):
        for body in bodies:
            said = body if isinstance(body, str) else json.dumps(body)
            await self.clients.sqs.send_message(QueueUrl=self.dlq_url, MessageBody=said)

    @property
    def lines(self):
        return ParkedLines(self.clients.dynamodb, self.clients.s3, self.settings.state_table)

    async def reasons(self):
        return sorted([line.record.reason async for page in self.lines.pages() for line in page])

    def wanted(self, **said):
        return Wanted(now=self.clock.now(), **said)

    def places(self, clients=None):
        clients = clients or self.clients
        lines = ParkedLines(clients.dynamodb, clients.s3, self.settings.state_table)
        return ParkedPlaces(self.settings, lines, [DeadLetters(clients.sqs, self.dlq_url)], self.clock)

    async def listing(self, look=1_000, **said):
        return await listed(self.places(), self.wanted(**said), look, asyncio.Event())

    async def redriven(self, clients=None, **said):
        clients = clients or self.clients
        counting = await open_counting(self.settings, clients, self.clock, 0)
        progress = Progress("redriven", None, io.StringIO())
        done = await redrive(self.places(clients), self.wanted(**said), counting, asyncio.Event(), progress)
        return done, counting.summary()

    async def left(self):
        return await DeadLetters(self.clients.sqs, self.dlq_url).about()

    async def state(self, key=A):
        return (await DynamoState(self.clients.dynamodb, self.settings.state_table, 10.0).load([key]))[key]

    async def due(self, after_s=0.0):
        """Whom a sweep would take up that comes so much later."""
        agenda = DynamoAgenda(self.clients.dynamodb, self.settings.state_table, self.clock)
        return await agenda.due(self.clock.now() + int(after_s * 1000) + 1, 1_000)


@pytest_asyncio.fixture(loop_scope="session")
async def parking(aws, clock):
    [url] = await dead_letter_queues(aws.clients.sqs, aws.settings.queue_names)
    return Parking(aws, clock, url)
