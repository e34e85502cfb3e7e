"""Every committed event reaches the bus at least once, under one id."""

from __future__ import annotations

import pytest
from fakes.examples import entry
from fakes.faults import Fault
from fakes.state import InMemoryState

from handlers.metrics import Metric
from handlers.relay_outbox import RelayOutbox

ENTRIES = [entry(f"p{n}:1") for n in range(4)]


@pytest.fixture
def store(faults):
    store = InMemoryState(faults)
    store.entries = {e.entry_id: e for e in ENTRIES}
    return store


@pytest.fixture
def relay(store, bus, metrics):
    return RelayOutbox(store, bus, metrics)


async def test_what_is_accepted_leaves_the_outbox(relay, store, bus, metrics):
    assert await relay(ENTRIES) == []
    assert (bus.published, store.entries) == (ENTRIES, {})
    assert metrics[Metric.REORDERS_PUBLISHED] == 4


async def test_what_is_refused_stays(relay, store, bus, metrics):
    bus.refused = {"p1:1", "p3:1"}
    assert await relay(ENTRIES) == [ENTRIES[1], ENTRIES[3]]
    assert list(store.entries) == ["p1:1", "p3:1"]
    assert metrics[Metric.REORDERS_PUBLISHED] == 2


async def test_when_the_bus_is_away_all_stays(relay, store, bus, faults):
    faults.plan("publish", Fault.BEFORE)
    assert await relay(ENTRIES) == ENTRIES
    assert (len(store.entries), bus.published) == (4, [])


async def test_what_could_not_be_forgotten_is_published_again_under_the_same_id(relay, store, bus, faults):
    faults.plan("forget", Fault.BEFORE)
    await relay(ENTRIES)
    assert len(store.entries) == 4
    assert await relay(await store.outbox(10**15, 10)) == []
    assert bus.published == ENTRIES + ENTRIES
    assert store.entries == {}


async def test_a_publication_whose_answer_was_lost_is_repeated(relay, store, bus, faults):
    faults.plan("publish", Fault.AFTER)
    assert await relay(ENTRIES) == ENTRIES
    assert await relay(ENTRIES) == []
    assert bus.published == ENTRIES + ENTRIES


async def test_an_insight_is_not_counted_as_an_order(relay, metrics):
    await relay([ENTRIES[0]._replace(detail_type="Insight Published")])
    assert metrics[Metric.REORDERS_PUBLISHED] == 0


async def test_an_empty_outbox_calls_nobody(relay, faults):
    assert await relay([]) == []
    assert faults.calls == []
