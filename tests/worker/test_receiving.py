"""Nothing is received that there is no room for, and no source stands in another's way."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager

import pytest
from fakes.metrics import RecordedMetrics

from handlers.errors import Misconfigured, TransientFailure
from handlers.metrics import Metric
from worker import receiving
from worker.receiving import Receiving
from worker.sources.source import Message


class Tiny:
    """A source that brings what a test puts there. waiting: receives that are open. failing: what a call raises."""

    receive_max, in_flight_max, pollers, steady_pollers = 2, 4, 2, 2

    def __init__(self, name="tiny") -> None:
        self.name = name
        self.batches, self.failing = deque(), {}
        self.receives = self.waiting = 0
        self.acknowledged, self.handed_back, self.handed_over = [], [], False
        self.news = asyncio.Event()

    def bring(self, *names, body="body"):
        self.batches.append([Message(name, f"receipt of {name}", body, source=self.name) for name in names])
        self.news.set()
        return self.batches[-1]

    async def receive(self, wait_s):
        self.receives += 1
        self._may_fail("receive")
        self.waiting += 1
        try:
            while not self.batches:
                self.news.clear()
                await self.news.wait()
        finally:
            self.waiting -= 1
        return self.batches.popleft()

    async def acknowledge(self, messages):
        self._may_fail("acknowledge")
        self.acknowledged += messages

    async def hand_back(self, messages):
        self._may_fail("hand_back")
        self.handed_back += messages

    async def hand_over(self):
        if "hand_over" in self.failing:
            await asyncio.Event().wait()
        self.handed_over = True

    async def keep(self):
        await asyncio.Event().wait()

    def _may_fail(self, call):
        if call in self.failing:
            raise self.failing[call]


@pytest.fixture
def sources():
    return Tiny("one"), Tiny("two")


@pytest.fixture
def metrics():
    return RecordedMetrics()


@pytest.fixture
def receives(sources, metrics):
    return Receiving(sources, 20, metrics)


@asynccontextmanager
async def polling(receives):
    """Every poller of every source, for as long as the block; gives what stops them."""
    stop = asyncio.Event()
    pollers = [asyncio.create_task(receives.poll(s, stop, n)) for s in receives.sources for n in range(s.pollers)]
    await settled()
    try:
        yield stop
    finally:
        for poller in pollers:
            poller.cancel()
        await asyncio.gather(*pollers, return_exceptions=True)


async def settled():
    """Lets everybody go as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


def inbox(receives):
    """What has come in, by name."""
    return [receives.inbox.get_nowait().message_id for _ in range(receives.inbox.qsize())]


async def test_no_more_is_received_than_there_is_room_for(receives, sources):
    one, _ = sources
    async with polling(receives):
        first, second = one.bring("a", "b"), one.bring("c", "d")
        one.bring("e")
        await settled()
        assert (inbox(receives), one.receives) == (["a", "b", "c", "d"], 2)
        # A receive may bring two, so that room for one is not enough.
        await receives.acknowledge(first[:1], [])
        await settled()
        assert one.receives == 2
        await receives.acknowledge(second[:1], [])
        await settled()
        assert (inbox(receives), one.receives) == (["e"], 3)


async def test_what_a_receive_did_not_bring_is_room_for_the_next(receives, sources):
    one, _ = sources
    async with polling(receives):
        for name in "abc":
            one.bring(name)
        await settled()
        # Three are held, and the room for the fourth is too little.
        assert (inbox(receives), one.waiting) == (["a", "b", "c"], 0)
        one.bring("d")
        await settled()
        assert inbox(receives) == []


async def test_a_full_source_does_not_starve_another(receives, sources):
    one, two = sources
    async with polling(receives):
        one.bring("a", "b"), one.bring("c", "d")
        two.bring("x")
        await settled()
        assert sorted(inbox(receives)) == ["a", "b", "c", "d", "x"]
        assert (one.waiting, two.waiting) == (0, 1)


@pytest.mark.parametrize("failure", [TransientFailure("away"), Misconfigured("no permission")])
async def test_a_source_that_fails_is_tried_again_and_does_not_stop_another(receives, sources, failure, monkeypatch):
    monkeypatch.setattr(receiving, "BACK_OFF_S", 0.001)
    one, two = sources
    one.failing["receive"] = failure
    async with polling(receives):
        two.bring("x")
        await settled()
        assert inbox(receives) == ["x"]
        one.failing.clear()
        one.bring("a", "b"), one.bring("c", "d")
        async with asyncio.timeout(1):
            names = [(await receives.inbox.get()).message_id for _ in range(4)]
    # Its failures have cost it no room.
    assert names == ["a", "b", "c", "d"]


async def test_each_message_goes_back_to_its_source(receives, sources):
    one, two = sources
    async with polling(receives):
        a, b = one.bring("a", "b")
        x, y = two.bring("x", "y")
        await settled()
        await receives.acknowledge([x, a], [b, y])
    assert (one.acknowledged, one.handed_back) == ([a], [b])
    assert (two.acknowledged, two.handed_back) == ([x], [y])


async def test_a_source_that_cannot_acknowledge_keeps_no_room_and_stops_no_other(receives, sources):
    one, two = sources
    one.failing = {"acknowledge": TransientFailure("away"), "hand_back": Misconfigured("no permission")}
    async with polling(receives):
        held = [*one.bring("a", "b"), *one.bring("c", "d")]
        [x] = two.bring("x")
        await settled()
        await receives.acknowledge([*held[:2], x], held[2:])
        assert two.acknowledged == [x]
        await settled()
        assert one.waiting == 2


async def test_what_is_unsettled_is_handed_back_although_the_rest_cannot_be_acknowledged(receives, sources):
    """Otherwise its source would go on keeping it ours."""
    one, _ = sources
    one.failing["acknowledge"] = Misconfigured("no permission")
    async with polling(receives):
        a, b = one.bring("a", "b")
        await settled()
        await receives.acknowledge([a], [b])
    assert (one.acknowledged, one.handed_back) == ([], [b])


async def test_the_time_of_an_acknowledgement_is_measured(receives, metrics):
    await receives.acknowledge([], [])
    assert len(metrics.observed[Metric.ACKNOWLEDGE_TIME]) == 1


async def test_beyond_so_many_bytes_nothing_is_received_from_anybody(receives, sources, monkeypatch):
    monkeypatch.setattr(receiving, "BODY_BYTES_MAX", 1_000)
    one, two = sources
    one.pollers = two.pollers = 1
    async with polling(receives):
        large = one.bring("large", body="x" * 1_000)
        await settled()
        two.bring("x")
        two.bring("y")
        await settled()
        # The receive that was open already brings what it brings.
        assert (inbox(receives), one.waiting, two.waiting) == (["large", "x"], 0, 0)
        await receives.acknowledge(large, [])
        await settled()
        assert (inbox(receives), one.waiting, two.waiting) == (["y"], 1, 1)


async def test_a_source_is_asked_by_all_its_pollers_only_while_it_gives_as_much_as_it_can(receives, sources):
    one, two = sources
    one.steady_pollers = 1
    async with polling(receives):
        assert (one.receives, two.receives) == (1, 2), "two is asked by both of its pollers from the beginning"
        few = one.bring("a")
        await settled()
        await receives.acknowledge(few, [])
        await settled()
        assert (one.receives, one.waiting) == (2, 1), "one that brought less than it could is followed by one"
        many = one.bring("b", "c")
        await settled()
        await receives.acknowledge(many, [])
        await settled()
        assert one.waiting == 2, "it may have more than one receive brings"
        assert inbox(receives) == ["a", "b", "c"]


async def test_a_poller_that_waits_for_work_ends_with_a_stop(receives, sources):
    one, _ = sources
    one.steady_pollers = 0
    stop = asyncio.Event()
    poller = asyncio.create_task(receives.poll(one, stop, 1))
    await settled()
    assert one.receives == 0
    stop.set()
    async with asyncio.timeout(1):
        await poller
    assert one.receives == 0


async def test_a_stop_awaits_the_open_receives_and_begins_no_other(receives, sources):
    one, two = sources
    stop = asyncio.Event()
    pollers = [asyncio.create_task(receives.poll(source, stop)) for source in sources]
    await settled()
    stop.set()
    await settled()
    assert not any(poller.done() for poller in pollers)
    one.bring("a"), two.bring("x")
    async with asyncio.timeout(1):
        await asyncio.gather(*pollers)
    assert (sorted(inbox(receives)), one.receives, two.receives) == (["a", "x"], 1, 1)


async def test_who_waits_for_room_when_the_stop_comes_receives_nothing_more(receives, sources):
    one, _ = sources
    async with polling(receives) as stop:
        held = [*one.bring("a", "b"), *one.bring("c", "d")]
        one.bring("e")
        await settled()
        stop.set()
        await receives.acknowledge(held, [])
        await settled()
    assert one.receives == 2
    # And the room that it had been given is given back.
    await asyncio.wait_for(receives._slots["one"].take(one.in_flight_max), 1)


async def test_every_source_hands_over_also_when_one_does_not_come_to_an_end(receives, sources, monkeypatch):
    monkeypatch.setattr(receiving, "HAND_OVER_S", 0.01)
    one, two = sources
    one.failing["hand_over"] = True
    await receives.hand_over()
    assert (one.handed_over, two.handed_over) == (False, True)
