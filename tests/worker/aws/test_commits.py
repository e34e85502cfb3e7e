"""What a commit says of one product after faults that no emulator makes: YES for exactly what took effect, whatever was
heard, and whether it was a put or a transaction."""

from __future__ import annotations

import pytest
from fakes import proxy as faulty
from fakes.clock import NOW
from fakes.examples import A, B, C, entry, order_of, rich_state, segment
from fakes.ways import PUT, TRANSACTION, WAYS, name_of

from handlers.errors import Misconfigured, TransientFailure
from handlers.ports import Change, Committed

pytestmark = pytest.mark.asyncio(loop_scope="session")
YES, NO = Committed.YES, Committed.NO
GET = "BatchGetItem"
both_ways = pytest.mark.parametrize("way", WAYS, ids=name_of)


async def versions(truth, *keys):
    return [state.version for state in (await truth.load(keys)).values()]


async def durable(truth, change):
    """Whether all of a change is there, and not a part of it."""
    (state,) = (await truth.load([change.state.key])).values()
    announced = await truth.outbox(NOW, 10) == list(change.outbox)
    if state != change.state:
        assert not change.outbox or not announced
        return False
    assert announced
    return True


async def test_a_header_alone_is_a_put_and_anything_beside_it_makes_a_transaction(aws, store, truth):
    state = rich_state(A, segments=(segment(0),))
    assert await store.commit([Change(state, (segment(0),))]) == [YES]
    assert await store.commit([Change(rich_state(B), order=order_of(B))]) == [YES]
    assert await store.commit([TRANSACTION.first(C)]) == [YES]
    dropped = state._replace(version=2, ledger=state.ledger._replace(first=1, segments=()))
    assert await store.commit([Change(dropped, dropped=(0,))]) == [YES]
    assert [call.operation for call in aws.proxy.calls] == [TRANSACTION.operation] * 4
    aws.proxy.calls.clear()
    assert await store.commit([Change(dropped._replace(version=3))]) == [YES]
    assert [call.operation for call in aws.proxy.calls] == [PUT.operation]
    assert await versions(truth, A, B, C) == [3, 1, 1]


@both_ways
@pytest.mark.parametrize(
    "fault",
    [faulty.lost_after, faulty.cut_after, faulty.broken_after(500)],
    ids=["timeout", "broken connection", "server error"],
)
async def test_what_took_effect_is_a_success_though_nobody_said_so(aws, store, truth, way, fault):
    aws.proxy.plan(way.operation, fault)
    change = way.first(A)
    assert await store.commit([change]) == [YES]
    assert await durable(truth, change)
    # Its fate was read, not tried a second time.
    assert [call.operation for call in aws.proxy.calls] == [way.operation, GET]


@both_ways
@pytest.mark.parametrize(
    "fault", [faulty.lost_before, faulty.error("InternalServerError", 500)], ids=["timeout", "server error"]
)
async def test_what_had_no_effect_is_no_success(aws, store, truth, way, fault):
    aws.proxy.plan(way.operation, fault)
    change = way.first(A)
    assert await store.commit([change]) == [NO]
    assert not await durable(truth, change)
    assert [call.operation for call in aws.proxy.calls] == [way.operation, GET]


async def test_a_timeout_after_success_loses_nothing_that_goes_with_a_header(aws, store, truth):
    aws.proxy.plan(TRANSACTION.operation, faulty.lost_after)
    change = Change(rich_state(A), order=order_of(A), outbox=(entry("A:1", NOW - 1),))
    beside = Change(rich_state(B, segments=(segment(0),)), (segment(0),))
    assert await store.commit([change, beside]) == [YES, YES]
    assert await truth.load([A, B]) == {A: change.state, B: beside.state}
    assert await truth.outbox(NOW, 10) == list(change.outbox)
    assert aws.proxy.count(TRANSACTION.operation) == 1


@both_ways
async def test_after_a_timeout_another_writers_version_is_not_taken_for_ours(aws, store, truth, way):
    rival = way.first(A, "rival", 7)

    async def rival_first(call):
        assert await truth.commit([rival]) == [YES]
        return await faulty.lost_before(call)

    aws.proxy.plan(way.operation, rival_first)
    assert await store.commit([way.first(A, "mine", 1)]) == [NO]
    assert await durable(truth, rival)


@both_ways
async def test_a_rival_who_is_faster_wins_and_nothing_is_asked(aws, store, truth, way):
    rival = way.first(A, "rival", 7)
    assert await truth.commit([rival]) == [YES]
    assert await store.commit([way.first(A, "mine", 1)]) == [NO]
    assert await durable(truth, rival)
    assert [call.operation for call in aws.proxy.calls] == [way.operation]


@both_ways
async def test_a_later_version_is_written_over_the_one_it_was_made_from_alone(store, truth, way):
    change = way.first(A)
    assert await store.commit([change]) == [YES]
    for version, said in ((4, NO), (3, NO), (1, NO), (2, YES), (2, NO)):
        over = way.change(change.state._replace(version=version, units=version))
        assert await store.commit([over]) == [said]
    assert (await truth.load([A]))[A] == change.state._replace(version=2, units=2)


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize(
    ("way", "fault"),
    [
        (PUT, faulty.error("TransactionConflictException")),
        (TRANSACTION, faulty.cancelled("TransactionConflict", "None")),
        (TRANSACTION, faulty.cancelled("None", "TransactionConflict")),
        (TRANSACTION, faulty.cancelled("ThrottlingError", "None")),
    ],
)
async def test_a_conflict_is_tried_again(aws, store, truth, way, fault, times):
    aws.proxy.plan(way.operation, *[fault] * times)
    change = way.first(A)
    assert await store.commit([change]) == [YES]
    assert await durable(truth, change)
    # It is known to have had no effect: nobody asked.
    assert [call.operation for call in aws.proxy.calls] == [way.operation] * (times + 1)


@pytest.mark.parametrize(
    ("way", "fault"),
    [
        (PUT, faulty.error("TransactionConflictException")),
        (TRANSACTION, faulty.cancelled("TransactionConflict", "None")),
    ],
)
async def test_a_conflict_that_stays_is_no_success(aws, store, truth, way, fault):
    aws.proxy.always(way.operation, fault)
    change = way.first(A)
    assert await store.commit([change]) == [NO]
    assert not await durable(truth, change)


@both_ways
async def test_a_throttle_is_tried_again(aws, store, truth, way):
    throttle = faulty.error("ProvisionedThroughputExceededException")
    aws.proxy.plan(way.operation, throttle, throttle, faulty.error("ThrottlingException"))
    change = way.first(A)
    assert await store.commit([change]) == [YES]
    assert await durable(truth, change)
    assert [call.operation for call in aws.proxy.calls] == [way.operation] * 4


@both_ways
async def test_after_a_throttle_what_is_not_known_is_asked_and_not_tried_again(aws, store, truth, way):
    aws.proxy.plan(way.operation, faulty.error("ThrottlingException"), faulty.lost_after)
    change = way.first(A)
    assert await store.commit([change]) == [YES]
    assert await durable(truth, change)
    assert [call.operation for call in aws.proxy.calls] == [way.operation] * 2 + [GET]


@both_ways
async def test_a_commit_that_lost_says_so_even_if_it_was_throttled_before(aws, store, truth, way):
    change = way.first(A)
    await truth.commit([change])
    aws.proxy.plan(way.operation, faulty.error("ThrottlingException"))
    assert await store.commit([way.first(A, "e2", 2)]) == [NO]
    assert await durable(truth, change)


@both_ways
async def test_what_an_operator_must_change_is_raised(aws, store, way):
    aws.proxy.plan(way.operation, faulty.error("AccessDeniedException"))
    with pytest.raises(Misconfigured, match=f"{way.operation}.*AccessDenied"):
        await store.commit([way.first(A)])
    assert aws.proxy.count(way.operation) == 1


async def test_a_transaction_that_can_never_succeed_says_why(aws, store):
    aws.proxy.always(TRANSACTION.operation, faulty.cancelled("ValidationError", "None"))
    with pytest.raises(Misconfigured, match="TransactWriteItems can never succeed: ValidationError"):
        await store.commit([TRANSACTION.first(A)])
    assert aws.proxy.count(TRANSACTION.operation) == 1


@both_ways
async def test_when_the_fate_cannot_be_read_nobody_says_yes(aws, store, way):
    aws.proxy.plan(way.operation, faulty.lost_after)
    aws.proxy.always(GET, faulty.error("InternalServerError", 500))
    with pytest.raises(TransientFailure):
        await store.commit([way.first(A)])
