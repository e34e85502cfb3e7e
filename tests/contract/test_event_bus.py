"""The EventBus contract: it says of each entry whether it was accepted, and a subscriber gets those."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio
from fakes.bus import InMemoryBus
from fakes.examples import entry, order_of
from fakes.faults import Fault
from fakes.proxy import entries_refused, error

from domain.events import ProductKey
from handlers.announcements import announce_reorder
from handlers.errors import TransientFailure
from worker.aws.eventbridge import SOURCE, EventBridgeBus

pytestmark = pytest.mark.asyncio(loop_scope="session")

ODD = '{"product_id":"Grüße #1 🛒","nested":{"a":[1,2.5,null]}}'


@pytest_asyncio.fixture(loop_scope="session")
async def bus(kind, aws):
    return InMemoryBus() if kind == "fake" else EventBridgeBus(aws.proxied.events, aws.settings.event_bus)


@pytest.fixture
def refusing(bus, aws):
    """Makes the bus refuse these positions of the next call."""

    def refuse(entries, *positions):
        if isinstance(bus, InMemoryBus):
            bus.refused = {entries[position].entry_id for position in positions}
        else:
            aws.proxy.plan("PutEvents", entries_refused(*positions))

    return refuse


@pytest.fixture
def received(bus, aws):
    """What a subscriber has received: type and detail of each event."""

    async def read():
        if isinstance(bus, InMemoryBus):
            return [(said.detail_type, json.loads(said.detail)) for said in bus.published]
        events = []
        while True:
            answer = await aws.clients.sqs.receive_message(
                QueueUrl=aws.subscriber_url, MaxNumberOfMessages=10, WaitTimeSeconds=0
            )
            if not answer.get("Messages"):
                break
            events += [json.loads(message["Body"]) for message in answer["Messages"]]
        assert {event["source"] for event in events} <= {SOURCE}
        return [(event["detail-type"], event["detail"]) for event in events]

    return read


def told(entries):
    return sorted(((e.detail_type, json.loads(e.detail)) for e in entries), key=str)


async def test_what_is_accepted_reaches_a_subscriber_as_it_was_said(bus, received):
    orders = [announce_reorder(order_of(ProductKey("A#1", "ü"), n)) for n in (1, 2)]
    entries = [*orders, entry("x", detail=ODD)]
    assert await bus.publish(entries) == [True] * 3
    assert sorted(await received(), key=str) == told(entries)


async def test_more_than_one_call_takes_are_all_published(bus, received):
    entries = [entry(f"e{n}", detail=json.dumps({"n": n})) for n in range(37)]
    assert await bus.publish(entries) == [True] * 37
    assert sorted(await received(), key=str) == told(entries)


async def test_a_refused_entry_is_told_and_the_others_are_published(bus, received, refusing):
    entries = [entry(f"e{n}", detail=json.dumps({"n": n})) for n in range(5)]
    refusing(entries, 1, 4)
    assert await bus.publish(entries) == [True, False, True, True, False]
    assert sorted(await received(), key=str) == told([entries[0], entries[2], entries[3]])


async def test_nothing_to_publish(bus, received):
    assert await bus.publish([]) == []
    assert await received() == []


async def test_a_bus_that_is_away_is_transient(bus, aws, received):
    if isinstance(bus, InMemoryBus):
        bus.faults.plan("publish", Fault.BEFORE)
    else:
        aws.proxy.always("PutEvents", error("InternalException", 500))
    with pytest.raises(TransientFailure):
        await bus.publish([entry("e1")])
    assert await received() == []
