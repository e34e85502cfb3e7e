"""What DynamoState says after faults that no emulator makes: YES for exactly what took effect, whatever was heard."""

from __future__ import annotations

import pytest
import pytest_asyncio
from fakes import proxy as faulty
from fakes.clock import NOW
from fakes.examples import A, B, C, entry, first_change, order_of, rich_state, segment

from domain.events import ProductKey
from domain.product import ProductState
from handlers.errors import Misconfigured, TransientFailure
from handlers.ports import Change, Committed
from worker.aws.state import ACTIONS_MAX, DynamoState

pytestmark = pytest.mark.asyncio(loop_scope="session")
YES, NO = Committed.YES, Committed.NO
TRANSACT, GET, WRITE, QUERY = "TransactWriteItems", "BatchGetItem", "BatchWriteItem", "Query"
DEADLINE_S = 0.6


@pytest_asyncio.fixture(loop_scope="session")
async def store(aws):
    """Reaches its table through the proxy."""
    return DynamoState(aws.proxied.dynamodb, aws.settings.state_table, DEADLINE_S)


@pytest_asyncio.fixture(loop_scope="session")
async def truth(aws):
    """Sees the table as it is."""
    return DynamoState(aws.clients.dynamodb, aws.settings.state_table, 10.0)


async def versions(truth, *keys):
    return [state.version for state in (await truth.load(keys)).values()]


async def test_a_timeout_after_success_is_a_success(aws, store, truth):
    aws.proxy.plan(TRANSACT, faulty.lost_after)
    change = Change(rich_state(A), order=order_of(A), outbox=(entry("A:1", NOW - 1),))
    assert await store.commit([change, first_change(B)]) == [YES, YES]
    assert await versions(truth, A, B) == [1, 1]
    assert await truth.outbox(NOW, 10) == list(change.outbox)
    # Its fate was read, not tried a second time.
    assert aws.proxy.count(TRANSACT) == 1


async def test_a_timeout_before_the_effect_is_none(aws, store, truth):
    aws.proxy.plan(TRANSACT, faulty.lost_before)
    assert await store.commit([first_change(A), first_change(B)]) == [NO, NO]
    assert await versions(truth, A, B) == [0, 0]


async def test_a_server_error_after_success_is_a_success(aws, store, truth):
    aws.proxy.plan(TRANSACT, faulty.broken_after(500))
    assert await store.commit([first_change(A)]) == [YES]
    assert await versions(truth, A) == [1]


async def test_a_server_error_without_effect_is_none(aws, store, truth):
    aws.proxy.plan(TRANSACT, faulty.error("InternalServerError", 500))
    assert await store.commit([first_change(A)]) == [NO]
    assert await versions(truth, A) == [0]


async def test_after_a_timeout_another_writers_version_is_not_taken_for_ours(aws, store, truth):
    rival = first_change(A, "rival", 7)

    async def rival_first(call):
        assert await truth.commit([rival]) == [YES]
        return await faulty.lost_before(call)

    aws.proxy.plan(TRANSACT, rival_first)
    assert await store.commit([first_change(A, "mine", 1)]) == [NO]
    assert (await truth.load([A]))[A] == rival.state


async def test_of_several_transactions_only_the_lost_ones_are_not_committed(aws, store, truth):
    keys = [ProductKey(f"p{n:03}") for n in range(2 * ACTIONS_MAX + 50)]

    async def first_group_lost(call):
        held = {action["Put"]["Item"]["pk"]["S"] for action in call.said["TransactItems"]}
        return await (faulty.lost_before(call) if f"P#{keys[0].product_id}" in held else faulty.passed(call))

    aws.proxy.always(TRANSACT, first_group_lost)
    results = await store.commit([first_change(key) for key in keys])
    assert results == [NO] * ACTIONS_MAX + [YES] * (ACTIONS_MAX + 50)
    assert await versions(truth, *keys) == [0] * ACTIONS_MAX + [1] * (ACTIONS_MAX + 50)


@pytest.mark.parametrize("reasons", [("TransactionConflict",), ("None", "TransactionConflict"), ("ThrottlingError",)])
async def test_a_conflict_is_tried_again(aws, store, truth, reasons):
    reasons = (*reasons, *["None"] * (2 - len(reasons)))
    aws.proxy.plan(TRANSACT, faulty.cancelled(*reasons), faulty.cancelled(*reasons))
    assert await store.commit([first_change(A), first_change(B)]) == [YES, YES]
    assert await versions(truth, A, B) == [1, 1]
    assert aws.proxy.count(TRANSACT) == 3


async def test_a_throttle_is_tried_again(aws, store, truth):
    throttle = faulty.error("ProvisionedThroughputExceededException")
    aws.proxy.plan(TRANSACT, throttle, throttle, faulty.error("ThrottlingException"))
    assert await store.commit([first_change(A)]) == [YES]
    assert await versions(truth, A) == [1]


async def test_a_conflict_that_stays_is_no_success(aws, store, truth):
    aws.proxy.always(TRANSACT, faulty.cancelled("TransactionConflict"))
    assert await store.commit([first_change(A)]) == [NO]
    assert await versions(truth, A) == [0]


async def test_mixed_reasons_lose_only_the_product_whose_condition_failed(aws, store, truth):
    await truth.commit([first_change(B)])
    aws.proxy.plan(TRANSACT, faulty.cancelled("TransactionConflict", "ConditionalCheckFailed", "None"))
    assert await store.commit([first_change(A), first_change(B, "e2"), first_change(C)]) == [YES, NO, YES]
    assert await versions(truth, A, B, C) == [1, 1, 1]
    # B was not tried again: its condition had failed.
    assert aws.proxy.count(TRANSACT) == 3


async def test_reasons_belong_to_products_and_not_to_positions(aws, store, truth):
    """A has three actions; the condition that failed is that of the second product's segment."""
    first = Change(rich_state(A, segments=(segment(0),)), (segment(0),), outbox=(entry("A:1"),))
    second = Change(rich_state(B, segments=(segment(0),)), (segment(0),))
    aws.proxy.plan(TRANSACT, faulty.cancelled("None", "None", "None", "None", "ConditionalCheckFailed"))
    assert await store.commit([first, second]) == [YES, NO]
    assert await versions(truth, A, B) == [1, 0]


async def test_a_commit_that_lost_says_so_even_if_it_was_throttled_before(aws, store, truth):
    await truth.commit([first_change(A)])
    aws.proxy.plan(TRANSACT, faulty.error("ThrottlingException"))
    assert await store.commit([first_change(A, "e2")]) == [NO]


async def test_what_an_operator_must_change_is_raised(aws, store):
    aws.proxy.plan(TRANSACT, faulty.error("AccessDeniedException"))
    with pytest.raises(Misconfigured, match="AccessDenied"):
        await store.commit([first_change(A)])


async def test_when_the_fate_cannot_be_read_nobody_says_yes(aws, store):
    aws.proxy.plan(TRANSACT, faulty.lost_after)
    aws.proxy.always(GET, faulty.error("InternalServerError", 500))
    with pytest.raises(TransientFailure):
        await store.commit([first_change(A)])


async def test_a_broken_connection_after_success_is_a_success(aws, store, truth):
    aws.proxy.plan(TRANSACT, faulty.cut_after)
    assert await store.commit([first_change(A)]) == [YES]
    assert await versions(truth, A) == [1]


@pytest.mark.parametrize("kept", [[0], [40], [99, 0, 0], [10, 20, 30]])
async def test_unprocessed_keys_are_asked_for_again(aws, store, truth, kept):
    keys = [ProductKey(f"p{n}") for n in range(100)]
    await truth.commit([first_change(key) for key in keys])
    aws.proxy.plan(GET, *(faulty.keys_unprocessed(n) for n in kept))
    loaded = await store.load(keys)
    assert loaded == await truth.load(keys)
    assert all(state.version == 1 for state in loaded.values())


async def test_keys_that_stay_unprocessed_are_no_fresh_products(aws, store, truth):
    """Read as absent they would be counted from zero."""
    await truth.commit([first_change(A), first_change(B)])
    aws.proxy.always(GET, faulty.keys_unprocessed(0))
    with pytest.raises(TransientFailure):
        await store.load([A, B])


async def test_unprocessed_deletes_are_asked_for_again(aws, store, truth):
    entries = [entry(f"p{n}:1", NOW - 1) for n in range(30)]
    await truth.commit([Change(first_change(ProductKey(f"p{n}")).state, outbox=(e,)) for n, e in enumerate(entries)])
    aws.proxy.plan(WRITE, faulty.items_unprocessed(3), faulty.items_unprocessed(0))
    await store.forget([e.entry_id for e in entries])
    assert await truth.outbox(NOW, 100) == []


async def test_pages_are_followed(aws, store, truth):
    """Seven segments of 160 KB are more than the megabyte of a page."""
    segments = tuple(segment(n, 8_192) for n in range(8))
    for n in range(8):
        state = rich_state(A, version=n + 1, segments=segments[: n + 1])
        assert await truth.commit([Change(state, (segments[n],))]) == [YES]
    assert (await store.load([A]))[A] == rich_state(A, version=8, segments=segments)
    assert aws.proxy.count(QUERY) >= 2


async def test_a_header_that_moves_on_while_its_segments_are_read_is_not_half_believed(aws, store, truth):
    first = rich_state(A, segments=(segment(0),))
    await truth.commit([Change(first, (segment(0),)), first_change(B)])
    later = first._replace(version=2, ledger=first.ledger._replace(first=1, next_number=1, segments=()))

    async def moved_on(call):
        assert await truth.commit([Change(later, dropped=(0,))]) == [YES]
        return await faulty.passed(call)

    aws.proxy.plan(QUERY, moved_on)
    assert await store.load([A, B]) == {A: later, B: first_change(B).state}
    gets = [call.said["RequestItems"] for call in aws.proxy.calls if call.operation == GET]
    assert [len(asked[aws.settings.state_table]["Keys"]) for asked in gets] == [2, 1]


async def test_a_header_that_never_stands_still_is_given_up_for_now(aws, store, truth):
    """Its segments are always gone by the time they are asked for."""
    await truth.commit([Change(rich_state(A, segments=(segment(0),)), (segment(0),))])
    await aws.clients.dynamodb.delete_item(
        TableName=aws.settings.state_table, Key={"pk": {"S": "P#A"}, "sk": {"S": "E#000000000000"}}
    )
    with pytest.raises(TransientFailure, match="again and again"):
        await store.load([A])


async def test_a_newer_schema_is_refused_and_left_alone(aws, store):
    await store.commit([first_change(A)])
    await aws.clients.dynamodb.update_item(
        TableName=aws.settings.state_table,
        Key={"pk": {"S": "P#A"}, "sk": {"S": "H"}},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "schema"},
        ExpressionAttributeValues={":s": {"N": "99"}},
    )
    other = A._replace(product_id="other")
    assert await store.load([A, other]) == {other: ProductState(other)}


async def test_the_unseen_product_needs_no_second_read(aws, store):
    assert await store.load([A]) == {A: ProductState(A)}
    assert [call.operation for call in aws.proxy.calls] == [GET]
