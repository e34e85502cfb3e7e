"""How does Restock consume when nothing has to be durable?

Its own source, receiving, decoding and fold, as `restock run` puts them together, but the folded states stay in
memory and nothing is decided: what a commit adds is the difference to `restock run` itself."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import uvloop

from bench.standin.sales import Sales, past_of
from domain.day_table import DayTable
from domain.events import Event, ProductKey
from domain.folding import OpenProduct
from domain.product import Outcome, ProductState
from domain.sales import EventBatch
from domain.taking import close_all, take_all
from handlers.products import OPEN_MAX
from worker.aws.clients import Endpoints, open_clients
from worker.clock import SystemClock
from worker.decode import read
from worker.receiving import Receiving
from worker.settings import Settings
from worker.sources.source import Message
from worker.sources.sqs import SqsSource
from worker.telemetry import EmbeddedMetrics

CALLS_IN_FLIGHT = 16
MESSAGES_IN_FLIGHT = 2 * 10 * CALLS_IN_FLIGHT


async def main(url: str, queue: str, products: str) -> None:
    settings, clock = Settings(queue_name=queue), SystemClock()
    opened = open_clients(settings.region, Endpoints(everything=url), lane=settings.fast_client)
    async with opened as clients, asyncio.TaskGroup() as group:
        queue_url = (await clients.sqs.get_queue_url(QueueName=queue))["QueueUrl"]
        source = SqsSource(clients.sqs, queue_url, settings.visibility_timeout_s, CALLS_IN_FLIGHT, MESSAGES_IN_FLIGHT)
        receiving = Receiving([source], settings.long_poll_s, EmbeddedMetrics(clock.now, io.StringIO()))
        counted = Counted(each.state for each in past_of(Sales(int(products)).keys(), clock.now()))
        for _ in range(source.pollers):
            group.create_task(receiving.poll(source, asyncio.Event()))
        acknowledging = group.create_task(asyncio.sleep(0))
        while True:
            messages, found = await next_batch(receiving.inbox, clock.now(), settings.batch_sales)
            counted.take(found, clock.now())
            # Deleting the messages of one batch overlaps with the next, as in worker/runner.py.
            await acknowledging
            acknowledging = group.create_task(receiving.acknowledge(messages, []))


async def next_batch(inbox: asyncio.Queue[Any], now: int, sales_max: int) -> tuple[list[Message], list[Event]]:
    """What is there now, at least one message and about as many sales as a micro-batch may have, decoded."""
    messages: list[Message] = []
    found: list[Event] = []
    while not messages or (len(found) < sales_max and not inbox.empty()):
        message = await inbox.get()
        events, rejected = read(message.body, message.message_id, now)
        if rejected:
            raise ValueError(f"a sale was rejected: {rejected[0].reason}")
        found += events
        messages.append(message)
    return messages, found


class Counted:
    """The products that sold, open."""

    def __init__(self, states: Iterable[ProductState]) -> None:
        self.states = {state.key: state for state in states}
        self.table = DayTable.empty(OPEN_MAX)
        self.products: dict[ProductKey, OpenProduct] = {}

    def take(self, found: Sequence[Event], now: int) -> None:
        """Counts a micro-batch and closes what it changed, as the worker does before it writes."""
        events = EventBatch.of(found)
        rows = events.by_product()
        for key in rows:
            if key not in self.products:
                self.products[key] = OpenProduct(self.states.get(key) or ProductState(key), self.table)
        products = [self.products[key] for key in rows]
        outcomes = {*chain.from_iterable(take_all(products, events, [*rows.values()], self.table))}
        if outcomes != {Outcome.APPLIED}:
            raise ValueError(f"a new sale was not counted: {outcomes}")
        close_all(products, now)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the worker has it
        runner.run(main(*sys.argv[1:]))
