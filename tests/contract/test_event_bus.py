"""The EventBus contract: it says of each entry whether it was accepted, and a subscriber gets those."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio
from fakes.bus import InMemoryBus
from fakes.examples import entry, order_of
from fakes.faults import Fault
from targets import trouble

from domain.events import ProductKey
from handlers.announcements import announce_reorder
from handlers.errors import TransientFailure
from worker.aws.eventbridge import SOURCE, EventBridgeBus

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "EventBus"

ODD = '{"product_id":"Grüße #1 🛒","nested":{"a":[1,2.5,null]}}'


@pytest_asyncio.fixture(loop_scope="session")
async def bus(kind, world):
    return InMemoryBus() if kind == "fake" else EventBridgeBus(world.clients.events, world.settings.event_bus)


@pytest.fixture
def refusing(bus, world):
    """Makes the bus refuse these positions of the next call."""

    def refuse(entries, *positions):
        if isinstance(bus, InMemoryBus):
            bus.refused = {entries[position].entry_id for position in positions}
        else:
            world.trouble.plan("put_events", trouble.entries_refused(*positions))

    return refuse


@pytest.fixture
def received(bus, world):
    """What a subscriber has received, once it is so many: type and detail of each event."""

    async def read(count):
        if isinstance(bus, InMemoryBus):
            return [(said.detail_type, json.loads(said.detail)) for said in bus.published]
        events = await world.events(count)
        assert {source for source, _, _ in events} <= {SOURCE}
        return [(kind, detail) for _, kind, detail in events]

    return read


def told(entries):
    return sorted(((e.detail_type, json.loads(e.detail)) for e in entries), key=str)


async def test_what_is_accepted_reaches_a_subscriber_as_it_was_said(bus, received):
    orders = [announce_reorder(order_of(ProductKey("A#1", "ü"), n)) for n in (1, 2)]
    entries = [*orders, entry("x", detail=ODD)]
    assert await bus.publish(entries) == [True] * 3
    assert sorted(await received(len(entries)), key=str) == told(entries)


async def test_more_than_one_call_takes_are_all_published(bus, received):
    entries = [entry(f"e{n}", detail=json.dumps({"n": n})) for n in range(37)]
    assert await bus.publish(entries) == [True] * 37
    assert sorted(await received(len(entries)), key=str) == told(entries)


async def test_a_refused_entry_is_told_and_the_others_are_published(bus, received, refusing):
    entries = [entry(f"e{n}", detail=json.dumps({"n": n})) for n in range(5)]
    refusing(entries, 1, 4)
    assert await bus.publish(entries) == [True, False, True, True, False]
    assert sorted(await received(3), key=str) == told([entries[0], entries[2], entries[3]])


async def test_nothing_to_publish(bus, received):
    assert await bus.publish([]) == []
    assert await received(0) == []


@pytest.mark.usefixtures("no_waiting")
async def test_a_bus_that_is_away_is_transient(bus, world, received):
    if isinstance(bus, InMemoryBus):
        bus.faults.plan("publish", Fault.BEFORE)
    else:
        world.trouble.always("put_events", trouble.error("InternalException", 500))
    with pytest.raises(TransientFailure):
        await bus.publish([entry("e1")])
    assert await received(0) == []


@pytest.mark.no_fake
@pytest.mark.usefixtures("no_waiting")
async def test_an_answer_that_was_lost_is_asked_for_again_so_that_an_event_may_come_twice(bus, world, received):
    world.trouble.plan("put_events", trouble.lost_answer)
    said = entry("once", detail='{"n":1}')
    assert await bus.publish([said]) == [True]
    assert await received(2) == told([said, said])
