"""How does Restock consume when nothing has to be durable?

Its own source, receiving, decoding and fold, as `restock run` puts them together, but the folded states stay in
memory and nothing is decided: what a commit adds is the difference to `restock run` itself."""

from __future__ import annotations

import asyncio
import io
import sys
from typing import Any

import uvloop

from bench.standin.sales import Sales, past_of
from domain.events import Event, ProductKey
from domain.folding import fold
from domain.product import Outcome, ProductState
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
        states = {each.state.key: each.state for each in past_of(Sales(int(products)).keys(), clock.now())}
        for _ in range(source.pollers):
            group.create_task(receiving.poll(source, asyncio.Event()))
        acknowledging = group.create_task(asyncio.sleep(0))
        while True:
            messages, found = await next_batch(receiving.inbox, clock.now(), settings.batch_sales)
            take(states, found, clock.now())
            # Deleting the messages of one batch overlaps with the next, as in worker/runner.py.
            await acknowledging
            acknowledging = group.create_task(receiving.acknowledge(messages, []))


async def next_batch(
    inbox: asyncio.Queue[Any], now: int, sales_max: int
) -> tuple[list[Message], dict[ProductKey, list[Event]]]:
    """What is there now, at least one message and about as many sales as a micro-batch may have, decoded."""
    messages: list[Message] = []
    found: dict[ProductKey, list[Event]] = {}
    sales = 0
    while not messages or (sales < sales_max and not inbox.empty()):
        message = await inbox.get()
        events, rejected = read(message.body, message.message_id, now)
        if rejected:
            raise ValueError(f"a sale was rejected: {rejected[0].reason}")
        for event in events:
            found.setdefault(event.product, []).append(event)
        messages.append(message)
        sales += len(events)
    return messages, found


def take(states: dict[ProductKey, ProductState], found: dict[ProductKey, list[Event]], now: int) -> None:
    """Folds a micro-batch, product by product."""
    for key, events in found.items():
        folded = fold(states.get(key) or ProductState(key), events, now)
        if set(folded.outcomes) != {Outcome.APPLIED}:
            raise ValueError(f"a new sale was not counted: {folded.outcomes}")
        states[key] = folded.state


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the worker has it
        runner.run(main(*sys.argv[1:]))
