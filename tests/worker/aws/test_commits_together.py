"""What many changes of one commit cost each other: a put nothing, a transaction one more when somebody lost."""

from __future__ import annotations

import asyncio

import pytest
from fakes import proxy as faulty
from fakes.clock import NOW
from fakes.examples import A, B, C, entry, rich_state, segment
from fakes.ways import PUT, TRANSACTION, WAYS, name_of

from domain.events import ProductKey
from handlers.errors import Misconfigured
from handlers.ports import Change, Committed
from worker.aws.commits import ACTIONS_MAX, PUTS_IN_FLIGHT, TRANSACTIONS_IN_FLIGHT

pytestmark = pytest.mark.asyncio(loop_scope="session")
YES, NO = Committed.YES, Committed.NO
GET = "BatchGetItem"
SHARING = ACTIONS_MAX // 2  # products with one entry each that fill a transaction
D, E = ProductKey("D"), ProductKey("E")
KEYS = [ProductKey(f"p{n:03}") for n in range(100)]


async def versions(truth, *keys):
    return [state.version for state in (await truth.load(keys)).values()]


def held(call):
    """The products whose headers a call writes."""
    if call.operation == PUT.operation:
        return {call.said["Item"]["pk"]["S"].removeprefix("P#")}
    items = [action["Put"]["Item"] for action in call.said["TransactItems"]]
    return {item["pk"]["S"].removeprefix("P#") for item in items if item["sk"]["S"] == "H"}


def only_of(*keys, fault):
    """The fault for calls that write one of these products; all others pass."""
    concerned = {key.product_id for key in keys}

    async def chosen(call):
        return await (fault(call) if concerned & held(call) else faulty.passed(call))

    return chosen


def writes(aws, way):
    return [held(call) for call in aws.proxy.calls if call.operation == way.operation]


def names(keys):
    return {key.product_id for key in keys}


async def test_a_lost_put_does_not_touch_its_neighbours(aws, store, truth):
    lost = KEYS[17]
    await truth.commit([PUT.first(lost)])
    results = await store.commit([PUT.first(key, "e2", 2) for key in KEYS])
    assert results == [NO if key == lost else YES for key in KEYS]
    loaded = await truth.load(KEYS)
    assert [loaded[key].units for key in KEYS] == [1 if key == lost else 2 for key in KEYS]
    # One call a product, that of the lost one too, and nobody's fate was asked.
    assert [call.operation for call in aws.proxy.calls] == [PUT.operation] * 100
    assert set().union(*writes(aws, PUT)) == names(KEYS)


@pytest.mark.parametrize("lost", [[0], [17], [49], [3, 4, 30]])
async def test_who_lost_in_a_transaction_costs_the_others_exactly_one_more(aws, store, truth, lost):
    keys = KEYS[:SHARING]
    await truth.commit([TRANSACTION.first(keys[n]) for n in lost])
    results = await store.commit([TRANSACTION.first(key, "e2", 2) for key in keys])
    assert results == [NO if n in lost else YES for n in range(SHARING)]
    loaded = await truth.load(keys)
    assert [loaded[key].units for key in keys] == [1 if n in lost else 2 for n in range(SHARING)]
    left = [key for n, key in enumerate(keys) if n not in lost]
    assert writes(aws, TRANSACTION) == [names(keys), names(left)]
    # Of those who lost nothing was announced either.
    assert len(await truth.outbox(NOW, 1_000)) == SHARING
    assert aws.proxy.count(GET) == 0


async def test_when_everybody_lost_nothing_is_tried_again(aws, store, truth):
    await truth.commit([TRANSACTION.first(key) for key in (A, B)])
    assert await store.commit([TRANSACTION.first(key, "e2", 2) for key in (A, B)]) == [NO, NO]
    assert aws.proxy.count(TRANSACTION.operation) == 1


async def test_who_loses_only_when_it_is_tried_again_costs_one_more(aws, store, truth):
    keys = KEYS[:SHARING]
    await truth.commit([TRANSACTION.first(keys[0])])

    async def rival_first(call):
        assert await truth.commit([PUT.first(keys[9], "rival", 7)]) == [YES]
        return await faulty.passed(call)

    aws.proxy.plan(TRANSACTION.operation, None, rival_first)
    results = await store.commit([TRANSACTION.first(key, "e2", 2) for key in keys])
    assert results == [NO if n in (0, 9) else YES for n in range(SHARING)]
    assert writes(aws, TRANSACTION) == [names(keys), names(keys[1:]), names([*keys[1:9], *keys[10:]])]


async def test_what_is_tried_again_and_then_not_known_is_asked(aws, store, truth):
    await truth.commit([TRANSACTION.first(A)])
    aws.proxy.plan(TRANSACTION.operation, None, faulty.lost_after)
    assert await store.commit([TRANSACTION.first(key, "e2", 2) for key in (A, B, C)]) == [NO, YES, YES]
    assert await versions(truth, A, B, C) == [1, 1, 1]


async def test_mixed_reasons_lose_only_the_product_whose_condition_failed(aws, store, truth):
    """Two actions a product: A met a conflict, B's condition failed, C had no reason."""
    await truth.commit([TRANSACTION.first(B)])
    reasons = ("TransactionConflict", "None", "ConditionalCheckFailed", "None", "None", "None")
    aws.proxy.plan(TRANSACTION.operation, faulty.cancelled(*reasons))
    changes = [TRANSACTION.first(A), TRANSACTION.first(B, "e2"), TRANSACTION.first(C)]
    assert await store.commit(changes) == [YES, NO, YES]
    assert await versions(truth, A, B, C) == [1, 1, 1]
    # B was not tried again: its condition had failed.
    assert writes(aws, TRANSACTION) == [{"A", "B", "C#north"}, {"A", "C#north"}]


async def test_reasons_belong_to_products_and_not_to_positions(aws, store, truth):
    """A has three actions; the condition that failed is that of the second product's segment."""
    first = Change(rich_state(A, segments=(segment(0),)), (segment(0),), outbox=(entry("A:1"),))
    second = Change(rich_state(B, segments=(segment(0),)), (segment(0),))
    aws.proxy.plan(TRANSACTION.operation, faulty.cancelled("None", "None", "None", "None", "ConditionalCheckFailed"))
    assert await store.commit([first, second]) == [YES, NO]
    assert await versions(truth, A, B) == [1, 0]


@pytest.mark.parametrize(
    ("way", "sharing"), [(PUT, 1), (TRANSACTION, SHARING)], ids=["put_item", "transact_write_items"]
)
async def test_of_several_writes_only_the_lost_ones_are_not_committed(aws, store, truth, way, sharing):
    keys = [ProductKey(f"p{n:03}") for n in range(2 * sharing + 25)]
    aws.proxy.always(way.operation, only_of(keys[0], fault=faulty.lost_before))
    results = await store.commit([way.first(key) for key in keys])
    assert results == [NO] * sharing + [YES] * (sharing + 25)
    assert await versions(truth, *keys) == [0] * sharing + [1] * (sharing + 25)
    assert len(writes(aws, way)) == len(results) if way is PUT else 3


async def test_the_fates_of_puts_and_of_transactions_are_asked_together(aws, store, truth):
    """Of A and C the request was lost, of B and D the answer; E is known to be there. None lends its fate."""
    keys = (A, B, D, E)
    puts = only_of(A, fault=faulty.lost_before), only_of(B, fault=faulty.lost_after)

    async def of_puts(call):
        return await (puts[0] if held(call) == {"A"} else puts[1])(call)

    aws.proxy.always(PUT.operation, of_puts)
    aws.proxy.always(TRANSACTION.operation, only_of(D, fault=faulty.lost_after))
    changes = [PUT.first(A), PUT.first(B), TRANSACTION.first(D), PUT.first(E)]
    assert await store.commit(changes) == [NO, YES, YES, YES]
    assert await versions(truth, *keys) == [0, 1, 1, 1]
    asked = [call.said["RequestItems"][aws.settings.state_table] for call in aws.proxy.calls if call.operation == GET]
    assert [sorted(key["pk"]["S"] for key in one["Keys"]) for one in asked] == [["P#A", "P#B", "P#D"]]
    assert asked[0]["ConsistentRead"] is True


@pytest.mark.parametrize(("way", "other"), [WAYS, WAYS[::-1]], ids=name_of)
async def test_what_an_operator_must_change_keeps_nobody_else_from_being_committed(aws, store, truth, way, other):
    """And what is not known is found out before it is raised: a caller that goes on reads the state again."""
    aws.proxy.always(way.operation, only_of(B, fault=faulty.error("AccessDeniedException")))
    aws.proxy.always(other.operation, only_of(D, fault=faulty.lost_after))
    with pytest.raises(Misconfigured, match=way.operation):
        await store.commit([way.first(B), other.first(A), other.first(D)])
    assert await versions(truth, A, B, D) == [1, 0, 1]


async def test_puts_and_transactions_of_one_commit_run_side_by_side(aws, store, truth):
    """Each waits for the other one to be on its way too: one after the other, both would run into the deadline."""
    under_way = {PUT.operation: asyncio.Event(), TRANSACTION.operation: asyncio.Event()}

    async def meets(call):
        under_way[call.operation].set()
        await asyncio.gather(*(event.wait() for event in under_way.values()))
        return await faulty.passed(call)

    for way in WAYS:
        aws.proxy.plan(way.operation, meets)
    assert await store.commit([PUT.first(A), TRANSACTION.first(B)]) == [YES, YES]
    assert await versions(truth, A, B) == [1, 1]


@pytest.mark.parametrize(
    ("way", "sharing", "most"),
    [(PUT, 1, PUTS_IN_FLIGHT), (TRANSACTION, SHARING, TRANSACTIONS_IN_FLIGHT)],
    ids=["put_item", "transact_write_items"],
)
async def test_so_many_writes_are_under_way_at_a_time_and_no_more(aws, store, way, sharing, most):
    under_way, seen, full = set(), [], asyncio.Event()

    async def counted(call):
        under_way.add(id(call))
        seen.append(len(under_way))
        if len(under_way) == most:
            full.set()
        await full.wait()
        # The others that have a slot had the time to come.
        await asyncio.sleep(0.02)
        under_way.discard(id(call))
        return await faulty.passed(call)

    aws.proxy.always(way.operation, counted)
    keys = [ProductKey(f"p{n:03}") for n in range((most + 3) * sharing)]
    assert await store.commit([way.first(key) for key in keys]) == [YES] * len(keys)
    assert len(seen) == most + 3
    assert max(seen) == most
