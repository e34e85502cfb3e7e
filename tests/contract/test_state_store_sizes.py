"""The StateStore contract at its limits: a hundred actions, many pages, items of nearly 400 KB."""

from __future__ import annotations

from base64 import b64encode
from random import Random

import pytest
from contract_records import only
from fakes.clock import NOW
from fakes.examples import A, B, C, entry, first_change, rich_state, segment
from fakes.ways import TRANSACTION
from targets import trouble

from domain.events import ProductKey
from domain.ledger import SEGMENT_ENTRIES_MAX
from domain.product import ProductState
from handlers.errors import Misconfigured
from handlers.ports import Change, Committed
from worker.aws.commits import ACTIONS_MAX
from worker.aws.item_size import item_bytes

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "StateStore"
YES, NO = Committed.YES, Committed.NO
ITEM_BYTES_MAX = 400 * 1024
KILOBYTE = "x" * 1024


def noise(kilobytes: int) -> str:
    """Text that takes so many kilobytes however it is packed."""
    return b64encode(Random(kilobytes).randbytes(kilobytes * 1024)).decode()


def entries_of(name: str, count: int, detail: str = "{}"):
    return tuple(entry(f"{name}:{n}", NOW - 1, detail) for n in range(count))


async def test_a_commit_of_a_hundred_actions_is_one(store, world):
    said = entries_of("A", ACTIONS_MAX - 1)
    assert await store.commit([Change(rich_state(A), outbox=said)]) == [YES]
    assert sorted(await store.outbox(NOW, 1_000)) == sorted(said)
    if world is not None:
        assert [len(call["TransactItems"]) for call in world.trouble.said("transact_write_items")] == [100]


async def test_a_commit_of_a_hundred_actions_that_lost_leaves_nothing(store):
    await store.commit([first_change(A)])
    assert await store.commit([Change(rich_state(A), outbox=entries_of("A", ACTIONS_MAX - 1))]) == [NO]
    assert await store.outbox(NOW, 1_000) == []
    assert await only(store, A) == first_change(A).state


async def test_products_that_share_a_call_and_products_that_do_not_fit_in_one(store, world):
    keys = [ProductKey(f"p{n}") for n in range(ACTIONS_MAX // 2 + 1)]
    assert await store.commit([TRANSACTION.first(key) for key in keys]) == [YES] * len(keys)
    assert {state.version for state in (await store.load(keys)).values()} == {1}
    assert len(await store.outbox(NOW, 1_000)) == len(keys)
    if world is not None:
        sizes = [len(call["TransactItems"]) for call in world.trouble.said("transact_write_items")]
        assert sorted(sizes) == [2, ACTIONS_MAX]


async def test_headers_alone_share_no_call(store, world):
    keys = [ProductKey(f"p{n}") for n in range(ACTIONS_MAX + 1)]
    assert await store.commit([first_change(key) for key in keys]) == [YES] * len(keys)
    assert {state.version for state in (await store.load(keys)).values()} == {1}
    if world is not None:
        assert len(world.trouble.said("put_item")) == len(keys)
        assert world.trouble.said("transact_write_items") == []


async def test_an_item_of_nearly_400_kilobytes_is_kept_whole(store, world):
    said = entry("A:large", NOW - 1, KILOBYTE * 399 + "ü" * 300)
    state = rich_state(A)._replace(category=noise(385))
    assert await store.commit([Change(state, outbox=(said,))]) == [YES]
    assert await only(store, A) == state
    assert await store.outbox(NOW, 10) == [said]
    alone = rich_state(B)._replace(category=noise(385))
    assert await store.commit([Change(alone)]) == [YES]
    assert await only(store, B) == alone
    if world is not None:
        sizes = sorted(map(item_bytes, await world.items(world.settings.state_table)))
        assert all(395 * 1024 < size < ITEM_BYTES_MAX for size in sizes[-3:])


@pytest.mark.no_fake
async def test_an_item_over_400_kilobytes_is_refused_with_everything_beside_it(store):
    said = (entry("A:small", NOW - 1), entry("A:large", NOW - 1, "x" * ITEM_BYTES_MAX))
    with pytest.raises(Misconfigured):
        await store.commit([Change(rich_state(A), outbox=said)])
    assert await only(store, A) == ProductState(A)
    assert await store.outbox(NOW, 10) == []


@pytest.mark.no_fake
async def test_a_header_over_400_kilobytes_is_refused_and_keeps_nobody_else_out(store):
    too_large = rich_state(A)._replace(category=noise(400))
    with pytest.raises(Misconfigured):
        await store.commit([Change(too_large), first_change(B)])
    assert await store.load([A, B]) == {A: ProductState(A), B: first_change(B).state}


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_more_than_one_transaction_takes_is_committed_in_several(store):
    """Thirty full segments are 4.9 MB; a transaction takes four."""
    keys = [ProductKey(f"p{n}") for n in range(30)]
    full = segment(0, SEGMENT_ENTRIES_MAX)
    states = {key: rich_state(key, segments=(full,)) for key in keys}
    assert await store.commit([Change(state, (full,)) for state in states.values()]) == [YES] * 30
    assert await store.load(keys) == states


async def test_segments_of_more_than_a_page_are_all_loaded(store, world):
    """Eight full segments are 1.3 MB; a page of a query ends at one."""
    segments = tuple(segment(n, SEGMENT_ENTRIES_MAX) for n in range(8))
    for n in range(8):
        state = rich_state(A, version=n + 1, segments=segments[: n + 1])
        assert await store.commit([Change(state, (segments[n],))]) == [YES]
    assert await only(store, A) == state
    if world is not None:
        assert len(world.trouble.said("query")) >= 2


@pytest.mark.no_fake
async def test_every_query_follows_its_pages(store, world):
    segments = tuple(segment(n) for n in range(7))
    states = {key: rich_state(key, segments=segments) for key in (A, B, C)}
    said = {key: entries_of(str(n), 9) for n, key in enumerate(states)}
    assert await store.commit([Change(s, segments, outbox=said[key]) for key, s in states.items()]) == [YES] * 3
    world.trouble.always("query", trouble.pages_of(2))
    assert await store.load(list(states)) == states
    assert sorted(await store.outbox(NOW, 1_000)) == sorted(each for entries in said.values() for each in entries)


@pytest.mark.no_fake
async def test_a_page_of_entries_that_are_too_young_is_not_the_end(store, world):
    """DynamoDB counts what a filter leaves out as a part of the page."""
    young = tuple(entry(f"a:{n:03}", NOW + 5) for n in range(40))
    old = tuple(entry(f"z:{n}", NOW - 5) for n in range(3))
    await store.commit([Change(rich_state(A), outbox=young), Change(rich_state(B), outbox=old)])
    world.trouble.always("query", trouble.pages_of(3))
    assert sorted(await store.outbox(NOW, 10)) == sorted(old)
