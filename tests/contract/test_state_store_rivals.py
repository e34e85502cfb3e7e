"""The StateStore contract under rivals and lost answers: one writer wins, nobody sees half of a commit, and YES is said
of exactly what took effect."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from contract_records import only
from fakes.clock import NOW
from fakes.examples import A, B, C, entry, first_change, order_of, rich_state, segment
from fakes.faults import Fault
from fakes.state import InMemoryState
from fakes.ways import PUT, TRANSACTION, WAYS, name_of
from targets import trouble

from domain.events import ProductKey
from domain.ledger import Ledger
from domain.product import ProductState
from handlers.errors import Misconfigured, TransientFailure
from handlers.ports import Change, Committed

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("no_waiting")]
PORT = "StateStore"
YES, NO = Committed.YES, Committed.NO
THROTTLES = [trouble.error("ProvisionedThroughputExceededException"), trouble.error("ThrottlingException")]
CONFLICT = trouble.error("TransactionConflictException")
both_ways = pytest.mark.parametrize("way", WAYS, ids=name_of)
# Rivals go one way, or the other, or meet on different ways.
mixed_ways = pytest.mark.parametrize(
    "ways", [(PUT, PUT), (TRANSACTION, TRANSACTION), WAYS], ids=["puts", "transactions", "mixed"]
)


@mixed_ways
async def test_of_many_writers_exactly_one_wins(store, ways):
    await store.commit([first_change(A)])
    base = await only(store, A)
    rivals = [ways[n % 2].change(base._replace(version=2, units=n)) for n in range(8)]
    results = await asyncio.gather(*(store.commit([rival]) for rival in rivals))
    won = [n for n, result in enumerate(results) if result == [YES]]
    assert len(won) == 1
    assert (await only(store, A)).units == won[0]
    assert await store.outbox(NOW, 10) == list(rivals[won[0]].outbox)


@mixed_ways
async def test_rivals_over_many_products_lose_and_win_product_by_product(store, ways):
    keys = [ProductKey(f"p{n}") for n in range(12)]
    mine = [ways[0].first(key, "mine", 1) for key in keys]
    theirs = [ways[1].first(key, "theirs", 2) for key in reversed(keys)]
    one, two = await asyncio.gather(store.commit(mine), store.commit(theirs))
    results = dict(zip(keys, one, strict=True)), dict(zip(reversed(keys), two, strict=True))
    loaded = await store.load(keys)
    for key in keys:
        winner = [units for units, said in ((1, results[0][key]), (2, results[1][key])) if said is YES]
        assert winner == ([loaded[key].units] if loaded[key].version else [])
    durable = [change for change, said in (*zip(mine, one, strict=True), *zip(theirs, two, strict=True)) if said is YES]
    assert sorted(await store.outbox(NOW, 100)) == sorted(each for change in durable for each in change.outbox)


@mixed_ways
async def test_writers_that_read_again_lose_no_increment(store, ways):
    """Five writers, six increments each: a lost update would be missing in the sum."""

    async def writer(way):
        done = 0
        while done < 6:
            state = await only(store, A)
            over = state._replace(version=state.version + 1, units=state.units + 1)
            done += await store.commit([way.change(over)]) == [YES]

    await asyncio.gather(*(writer(ways[n % 2]) for n in range(5)))
    state = await only(store, A)
    assert (state.units, state.version) == (30, 30)


def turned_over(version: int) -> Change:
    """The version's segment is written and the one before the last is dropped, so that header and segments only fit
    together if both are of one commit."""
    ledger = Ledger(bytes([version]) * 20, -1, max(0, version - 2), version, ())
    alive = tuple(segment(number, number + 1) for number in range(ledger.first, version))
    dropped = (version - 3,) if version >= 3 else ()
    state = rich_state(A, version=version)._replace(units=version, ledger=ledger._replace(segments=alive))
    return Change(state, (segment(version - 1, version),), dropped, outbox=(entry(f"A:{version}", NOW - 1),))


async def test_a_reader_never_sees_half_a_commit(store):
    """Either a committed state as a whole or a TransientFailure; a mixture would be written back as the truth."""
    committed = [ProductState(A), *(turned_over(version).state for version in range(1, 31))]
    seen = []

    async def reader(version):
        for _ in range(3):
            try:
                state = await only(store, A)
            except TransientFailure:
                continue
            assert state == committed[state.version]
            seen.append(state.version - version)

    for version in range(1, 31):
        before, after = reader(version), reader(version)
        _, said, _ = await asyncio.gather(before, store.commit([turned_over(version)]), after)
        assert said == [YES]
    assert set(seen) == {-1, 0}, "the readers did not meet the writer"
    assert await only(store, A) == committed[-1]
    assert {said.entry_id for said in await store.outbox(NOW, 100)} == {f"A:{n}" for n in range(1, 31)}


@both_ways
@pytest.mark.parametrize("effect", [True, False])
async def test_a_lost_answer_is_no_yes_without_effect_and_no_forgotten_one(store, world, way, effect):
    change = replace(way.change(rich_state(A)), order=order_of(A) if way is TRANSACTION else None)
    if isinstance(store, InMemoryState):
        store.faults.plan("commit", Fault.AFTER if effect else Fault.BEFORE)
    else:
        world.trouble.plan(way.method, trouble.lost_answer if effect else trouble.lost_request)
    try:
        said = await store.commit([change])
    except TransientFailure:
        said = None
    # Whatever was heard, a reader finds all of it or nothing.
    assert await only(store, A) == (change.state if effect else ProductState(A))
    assert await store.outbox(NOW, 10) == (list(change.outbox) if effect else [])
    assert said in ([YES], None) if effect else said in ([NO], None)


@pytest.mark.no_fake
@both_ways
async def test_an_effect_whose_answer_was_lost_is_found_out_and_not_tried_again(store, world, way):
    calls = 2 if way is PUT else 1
    world.trouble.plan(way.method, *[trouble.lost_answer] * calls)
    assert await store.commit([way.first(A), way.first(B)]) == [YES, YES]
    assert len(world.trouble.said(way.method)) == calls
    assert len(world.trouble.said("batch_get_item")) == 1


@pytest.mark.no_fake
@both_ways
async def test_when_nobody_can_say_whether_it_took_effect_nobody_says_yes_or_no(store, world, way):
    world.trouble.plan(way.method, trouble.lost_answer)
    world.trouble.always("batch_get_item", trouble.lost_request)
    with pytest.raises(TransientFailure):
        await store.commit([way.first(A)])


@pytest.mark.no_fake
@both_ways
async def test_a_rivals_version_is_not_taken_for_ours_after_a_lost_request(store, world, way):
    rival = way.first(A, "rival", 7)

    async def rival_first(passed, said):
        assert await store.commit([rival]) == [YES]
        return await trouble.lost_request(passed, said)

    world.trouble.plan(way.method, rival_first)
    assert await store.commit([way.first(A, "mine", 1)]) == [NO]
    assert await only(store, A) == rival.state
    assert await store.outbox(NOW, 10) == list(rival.outbox)


@pytest.mark.no_fake
@pytest.mark.parametrize(
    ("way", "fault"),
    [
        (PUT, CONFLICT),
        (TRANSACTION, trouble.cancelled("TransactionConflict", "None", "None", "None")),
        (TRANSACTION, trouble.cancelled("None", "None", "None", "TransactionConflict")),
    ],
)
async def test_a_conflict_is_no_lost_version_and_is_tried_again(store, world, way, fault):
    world.trouble.plan(way.method, fault, fault)
    assert await store.commit([way.first(A), way.first(B)]) == [YES, YES]
    assert {state.version for state in (await store.load([A, B])).values()} == {1}


@pytest.mark.no_fake
async def test_a_failed_condition_beside_a_conflict_loses_its_own_product_alone(store, world):
    await store.commit([first_change(B)])
    reasons = ("TransactionConflict", "None", "ConditionalCheckFailed", "None", "None", "None")
    world.trouble.plan("transact_write_items", trouble.cancelled(*reasons))
    changes = [TRANSACTION.first(A), TRANSACTION.first(B, "e2", 2), TRANSACTION.first(C)]
    assert await store.commit(changes) == [YES, NO, YES]
    # A and C were tried again together.
    assert [len(said["TransactItems"]) for said in world.trouble.said("transact_write_items")] == [6, 4]


@pytest.mark.no_fake
async def test_throttles_are_waited_out_by_every_call(store, world):
    for operation in ("put_item", "transact_write_items", "batch_get_item", "query", "batch_write_item"):
        world.trouble.plan(operation, *THROTTLES)
    state = rich_state(A, segments=(segment(0),))
    said = entry("A:1", NOW - 1)
    assert await store.commit([Change(state, (segment(0),), outbox=(said,)), first_change(B)]) == [YES, YES]
    assert await store.load([A, B]) == {A: state, B: first_change(B).state}
    assert await store.outbox(NOW, 10) == [said]
    await store.forget([said.entry_id])
    assert await store.outbox(NOW, 10) == []


@pytest.mark.no_fake
async def test_a_part_that_is_left_over_is_asked_for_again(store, world):
    keys = [ProductKey(f"p{n}") for n in range(30)]
    entries = [entry(f"{key.product_id}:1", NOW - 1) for key in keys]
    changes = [Change(first_change(key).state, outbox=(said,)) for key, said in zip(keys, entries, strict=True)]
    assert await store.commit(changes) == [YES] * 30
    world.trouble.plan("batch_get_item", trouble.keys_unprocessed(7), trouble.keys_unprocessed(0))
    assert {key: state.version for key, state in (await store.load(keys)).items()} == dict.fromkeys(keys, 1)
    world.trouble.plan("batch_write_item", trouble.items_unprocessed(3), trouble.items_unprocessed(0))
    await store.forget([said.entry_id for said in entries])
    assert await store.outbox(NOW, 100) == []


@pytest.mark.no_fake
async def test_keys_that_stay_unread_are_no_fresh_products(store, world):
    """Counted from zero they would be."""
    await store.commit([first_change(A)])
    world.trouble.always("batch_get_item", trouble.keys_unprocessed(0))
    with pytest.raises(TransientFailure):
        await store.load([A])


@both_ways
async def test_what_an_operator_must_change_is_told(store, world, way):
    if isinstance(store, InMemoryState):
        store.faults.plan("commit", Fault.MISCONFIGURED)
    else:
        world.trouble.plan(way.method, trouble.error("AccessDeniedException"))
    with pytest.raises(Misconfigured):
        await store.commit([way.first(A)])


@pytest.mark.no_fake
@pytest.mark.parametrize(
    ("way", "fault"),
    [(PUT, trouble.error("ValidationException")), (TRANSACTION, trouble.cancelled("ValidationError", "None"))],
)
async def test_what_can_never_succeed_is_told_and_not_tried_again(store, world, way, fault):
    """ValidationError among a transaction's reasons, as DynamoDB Local answers a key that is too long."""
    world.trouble.always(way.method, fault)
    with pytest.raises(Misconfigured):
        await store.commit([way.first(A)])
    assert len(world.trouble.said(way.method)) == 1
