"""The Agenda contract: what was added is found by any worker until it is done, and what is done is done only for what
was added before."""

from __future__ import annotations

import pytest
import pytest_asyncio
from fakes.agenda import InMemoryAgenda
from fakes.clock import NOW, FakeClock
from fakes.examples import ODD_KEYS, A, B, C
from fakes.faults import Faults
from targets import trouble

from domain.events import ProductKey
from handlers.errors import TransientFailure
from worker.aws.agenda import ENTRY_CHARS_MAX, DynamoAgenda

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "Agenda"
LATER = NOW + 1_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest_asyncio.fixture(loop_scope="session")
async def agenda_of(kind, world, clock):
    """Makes the agenda of one more worker on the same table."""
    if kind == "fake":
        shared = InMemoryAgenda(Faults(), clock)
        return lambda: shared
    return lambda: DynamoAgenda(world.clients.dynamodb, world.settings.state_table, clock)


@pytest.fixture
def agenda(agenda_of):
    return agenda_of()


async def added(agenda, keys):
    """Added and committed, and all of it dirty."""
    await agenda.committed(await agenda.add(keys), keys)


async def test_what_was_added_is_due_once_it_is_old_enough(agenda, clock):
    await added(agenda, {A, B})
    clock.advance(1)
    await added(agenda, {C})
    assert await agenda.due(NOW, 100) == []
    assert set(await agenda.due(NOW + 1, 100)) == {A, B}
    assert set(await agenda.due(LATER, 100)) == {A, B, C}
    assert len(await agenda.due(LATER, 2)) == 2


async def test_nothing_is_added_for_nothing(agenda):
    await added(agenda, set())
    await agenda.done(set(), agenda.mark())
    assert await agenda.due(LATER, 100) == []


async def test_any_id_comes_back_as_it_was(agenda):
    await added(agenda, ODD_KEYS)
    assert set(await agenda.due(LATER, 1_000)) == set(ODD_KEYS)


async def test_what_is_done_is_gone_and_the_others_stay(agenda):
    await added(agenda, {A, B})
    await added(agenda, {B, C})
    await agenda.done({B}, agenda.mark())
    assert set(await agenda.due(LATER, 100)) == {A, C}
    await agenda.done({A, C}, agenda.mark())
    assert await agenda.due(LATER, 100) == []


async def test_what_was_added_after_the_mark_is_not_done_with_it(agenda):
    """A sale was committed while the decision on what was before it was under way."""
    await added(agenda, {A})
    mark = agenda.mark()
    await added(agenda, {A, B})
    await agenda.done({A, B}, mark)
    assert set(await agenda.due(LATER, 100)) == {A, B}


async def test_another_worker_finds_it_finishes_it_and_it_is_gone_for_both(agenda_of):
    dead, alive = agenda_of(), agenda_of()
    await added(dead, {A, B})
    assert set(await alive.due(LATER, 100)) == {A, B}
    await alive.done({A, B}, alive.mark())
    assert await alive.due(LATER, 100) == []
    # Should the first one not be dead after all, nothing bad happens.
    await dead.done({A, B}, dead.mark())
    assert await dead.due(LATER, 100) == []


@pytest.mark.no_fake
async def test_what_another_worker_has_left_is_not_done_by_what_was_decided_before_it_was_found(agenda_of):
    dead, alive = agenda_of(), agenda_of()
    await added(dead, {A})
    mark = alive.mark()
    assert await alive.due(LATER, 100) == [A]
    await alive.done({A}, mark)
    assert await agenda_of().due(LATER, 100) == [A]


async def test_very_many_products_need_several_entries(agenda):
    keys = {ProductKey(f"{n:04d}" + "x" * 200) for n in range(2 * ENTRY_CHARS_MAX // 200)}
    await added(agenda, keys)
    assert set(await agenda.due(LATER, 10_000)) == keys
    await agenda.done(keys, agenda.mark())
    assert await agenda.due(LATER, 10_000) == []


@pytest.mark.no_fake
async def test_an_entry_whose_answer_was_lost_is_found_like_any_other(agenda, world, no_waiting):
    world.trouble.plan("batch_write_item", *[trouble.lost_answer] * 5)
    with pytest.raises(TransientFailure):
        await agenda.add({A})
    # Nothing was committed for it; whoever sweeps looks at it and finds that out.
    assert await agenda.due(LATER, 100) == [A]
    await agenda.done({A}, agenda.mark())
    assert await agenda.due(LATER, 100) == []


@pytest.mark.no_fake
async def test_what_could_not_be_ticked_off_is_ticked_off_the_next_time(agenda, world, no_waiting):
    await added(agenda, {A})
    world.trouble.plan("batch_write_item", *[trouble.lost_request] * 5)
    with pytest.raises(TransientFailure):
        await agenda.done({A}, agenda.mark())
    await agenda.done(set(), agenda.mark())
    assert await agenda.due(LATER, 100) == []


@pytest.mark.no_fake
async def test_entries_of_others_are_forgotten_when_they_have_finished_them(agenda_of):
    owner, other = agenda_of(), agenda_of()
    for n in range(20):
        await added(owner, {ProductKey(f"p{n}")})
    assert len(await other.due(LATER, 7)) == 7
    assert len(other._found) == 7, "what is not asked for is not kept"
    await owner.done({ProductKey(f"p{n}") for n in range(20)}, owner.mark())
    assert await other.due(LATER, 100) == []
    assert (other._entries, other._found, owner._entries) == ({}, {}, {})


async def test_what_is_not_committed_yet_is_not_done(agenda):
    entries = await agenda.add({A, B})
    await agenda.done({A, B}, agenda.mark())
    assert set(await agenda.due(LATER, 100)) == {A, B}
    await agenda.committed(entries, {B})
    assert set(await agenda.due(LATER, 100)) == {B}
    await agenda.done({B}, agenda.mark())
    assert await agenda.due(LATER, 100) == []


@pytest.mark.no_fake
async def test_an_entry_that_was_swept_before_its_commit_stands_there_again(agenda_of, clock):
    slow, quick = agenda_of(), agenda_of()
    entries = await slow.add({A})
    assert await quick.due(LATER, 100) == [A]
    await quick.done({A}, quick.mark())
    clock.advance(60)
    await slow.committed(entries, {A})
    assert await agenda_of().due(LATER, 100) == [A]
