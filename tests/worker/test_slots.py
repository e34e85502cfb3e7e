"""Slots go to who asked first, all at once, and whoever gives up takes none with it."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from worker.receiving import Slots


async def settled():
    """Lets everybody go as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def asked(slots, count):
    """Somebody who asks for so many, and has come to wait or not."""
    task = asyncio.create_task(slots.take(count))
    await asyncio.sleep(0)
    return task


async def test_slots_are_given_to_who_asked_first():
    slots = Slots(3)
    await slots.take(2)
    many, few = await asked(slots, 3), await asked(slots, 1)
    # One is free, and who came later would be content with it.
    await settled()
    assert not few.done()
    slots.give(2)
    await asyncio.wait_for(many, 1)
    assert not few.done()
    slots.give(1)
    await asyncio.wait_for(few, 1)
    assert slots.free == 0


async def test_slots_are_taken_all_at_once_or_not_at_all():
    slots = Slots(3)
    await slots.take(1)
    waiting = await asked(slots, 3)
    assert slots.free == 2
    slots.give(1)
    await asyncio.wait_for(waiting, 1)
    assert slots.free == 0


async def test_who_gives_up_waiting_takes_nothing_and_lets_the_next_pass():
    slots = Slots(2)
    await slots.take(1)
    impatient, next_one = await asked(slots, 2), await asked(slots, 1)
    impatient.cancel()
    await asyncio.wait_for(next_one, 1)
    assert (impatient.cancelled(), slots.free) == (True, 0)


async def test_who_is_cancelled_the_moment_it_was_served_gives_back_what_it_got():
    slots = Slots(2)
    await slots.take(2)
    served, next_one = await asked(slots, 2), await asked(slots, 1)
    slots.give(2)
    served.cancel()
    await asyncio.wait_for(next_one, 1)
    assert (served.cancelled(), slots.free) == (True, 1)


async def test_slots_given_while_a_waiter_is_being_cancelled_go_to_the_next():
    slots = Slots(1)
    await slots.take(1)
    cancelled, next_one = await asked(slots, 1), await asked(slots, 1)
    cancelled.cancel()
    slots.give(1)
    await asyncio.wait_for(next_one, 1)
    assert (cancelled.cancelled(), slots.free) == (True, 0)


class Taker(NamedTuple):
    count: int
    task: asyncio.Task[None]

    @property
    def holds(self):
        return self.task.done() and not self.task.cancelled()


STEPS = st.tuples(st.sampled_from(["take", "give", "cancel", "run"]), st.integers(0, 4))


@given(st.lists(STEPS, max_size=40))
def test_whatever_happens_no_more_is_held_than_there_is_and_in_the_end_all_is_free(steps):
    async def play():
        slots, takers = Slots(5), []
        for what, number in steps:
            holding = [taker for taker in takers if taker.holds]
            waiting = [taker for taker in takers if not taker.task.done()]
            if what == "take":
                takers.append(Taker(number + 1, asyncio.create_task(slots.take(number + 1))))
            elif what == "give" and holding:
                takers.remove(holding[number % len(holding)])
                slots.give(holding[number % len(holding)].count)
            elif what == "cancel" and waiting:
                waiting[number % len(waiting)].task.cancel()
            else:
                await asyncio.sleep(0)
            held = sum(taker.count for taker in takers if taker.holds)
            assert 0 <= slots.free <= 5 - held
        for taker in takers:
            taker.task.cancel()
        await asyncio.gather(*(taker.task for taker in takers), return_exceptions=True)
        slots.give(sum(taker.count for taker in takers if taker.holds))
        assert slots.free == 5

    asyncio.run(play())
