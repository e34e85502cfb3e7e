"""However many pages are open, one payload a second is made, and nobody waits for a page."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest
from fakes.clock import FakeClock

from worker.dashboard.live import PAGES_MAX, UNREAD_MAX, Full, Live


@pytest.fixture
def made():
    return []


@pytest.fixture
def live(made):
    numbers = count()

    def payload(now: int) -> dict[str, int]:
        made.append(now)
        return {"number": next(numbers)}

    return Live(payload, FakeClock())


async def reading(live: Live, into: list[bytes], most: int = 10**6) -> None:
    async for payload in live.listen():
        into.append(payload)
        if len(into) >= most:
            return


async def test_nothing_is_made_while_no_page_is_open(live, made):
    keeping = asyncio.create_task(live.keep())
    await asyncio.sleep(0.01)
    keeping.cancel()
    assert made == []


async def test_fifty_pages_hear_the_same_bytes_made_once(live, made):
    heard: list[list[bytes]] = [[] for _ in range(50)]
    tasks = [asyncio.create_task(reading(live, each)) for each in heard]
    await asyncio.sleep(0)
    before = len(made)
    live.tell(live.now())
    await asyncio.sleep(0)
    assert len(made) == before + 1
    assert {id(each[1]) for each in heard} == {id(heard[0][1])}
    for task in tasks:
        task.cancel()


async def test_pages_that_come_at_once_hear_what_was_made_for_the_first(live, made):
    for _ in range(30):
        await reading(live, [], most=1)
    assert len(made) == 1


async def test_a_page_that_does_not_read_is_dropped_and_others_hear_all(live):
    heard: list[bytes] = []
    well = asyncio.create_task(reading(live, heard))

    async def stuck() -> None:
        async for _ in live.listen():
            await asyncio.Event().wait()

    ill = asyncio.create_task(stuck())
    await asyncio.sleep(0)
    for number in range(UNREAD_MAX + 5):
        live.tell(b"%d" % number)
        await asyncio.sleep(0)
    assert ill.cancelled() or ill.cancelling()
    assert live.pages == 1
    assert heard[1:] == [b"%d" % number for number in range(UNREAD_MAX + 5)]
    well.cancel()


async def test_no_more_pages_are_open_than_may_be(live):
    tasks = [asyncio.create_task(reading(live, [])) for _ in range(PAGES_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(Full):
        await reading(live, [])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert live.pages == 0
    await reading(live, [], most=1)
