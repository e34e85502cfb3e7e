"""What DynamoState reads after faults that no emulator makes: all of a state or none of it, and every page. What it
commits is in test_commits.py."""

from __future__ import annotations

import pytest
from fakes import proxy as faulty
from fakes.clock import NOW
from fakes.examples import A, B, entry, first_change, rich_state, segment

from domain.events import ProductKey
from domain.product import ProductState
from handlers.errors import TransientFailure
from handlers.ports import Change, Committed

pytestmark = pytest.mark.asyncio(loop_scope="session")
YES = Committed.YES
GET, WRITE, QUERY = "BatchGetItem", "BatchWriteItem", "Query"


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
