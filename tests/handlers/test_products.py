"""A product is changed by one task at a time, and only committed states are kept, a bounded number of them."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest
from fakes.examples import A, B, C, first_change
from fakes.faults import Fault
from fakes.state import InMemoryState

from domain.buckets import Bucket, Days
from domain.events import ProductKey
from domain.product import ProductState
from handlers.errors import TransientFailure
from handlers.ports import Change, Committed
from handlers.products import Products, bytes_of


@pytest.fixture
def store(faults):
    return InMemoryState(faults)


@pytest.fixture
def products(store):
    return Products(store, 3, 10**9)


def later(state, **changes):
    return Change(state._replace(version=state.version + 1, **changes))


async def test_who_holds_a_product_keeps_others_out(products):
    inside, most = 0, 0

    async def work():
        nonlocal inside, most
        async with products.hold([A, B]):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(20)))
    assert most == 1


async def test_other_products_do_not_wait(products):
    async with products.hold([A]), asyncio.timeout(1), products.hold([B, C]):
        pass


async def test_overlapping_sets_in_any_order_do_not_deadlock(products):
    keys = [ProductKey(f"p{n}", "x" if n % 2 else None) for n in range(6)]

    async def work(n):
        wanted = keys[n % 6 :] + keys[: n % 6]
        async with products.hold(wanted[: 2 + n % 5]):
            await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await asyncio.gather(*(work(n) for n in range(200)))
    assert (products._held, products._asking) == (set(), [])


async def test_a_set_that_names_a_product_twice_does_not_wait_for_itself(products):
    async with asyncio.timeout(1), products.hold([A, A, ProductKey("A")]):
        pass


async def test_who_is_cancelled_while_waiting_leaves_nothing_behind(products):
    async with products.hold([B]):
        waiting = asyncio.create_task(_hold(products, [A, B, C]))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with asyncio.timeout(1), products.hold([A, C]):
            pass
    async with asyncio.timeout(1), products.hold([A, B, C]):
        pass
    assert (products._held, products._asking) == (set(), [])


async def _hold(products, keys):
    async with products.hold(keys):
        pass


async def test_a_product_is_read_once_and_kept(products, store, faults):
    await store.commit([first_change(A)])
    first = await products.get([A, B])
    assert first == {A: first_change(A).state, B: ProductState(B)}
    assert await products.get([B, A]) == first
    assert faults.calls.count("load") == 1


async def test_no_more_are_kept_than_allowed_the_oldest_go(products, faults):
    keys = [ProductKey(f"p{n}") for n in range(5)]
    for key in keys[:3]:
        await products.get([key])
    await products.get([keys[0]])
    await products.get([keys[3]])
    assert set(products._states) == {keys[0], keys[2], keys[3]}
    assert set(await products.get(keys)) == set(keys)
    assert len(products._states) == 3


async def test_a_committed_state_is_kept(products, faults):
    change = first_change(A)
    assert await products.commit([change]) == [Committed.YES]
    assert await products.get([A]) == {A: change.state}
    assert faults.calls == ["commit"]


@pytest.mark.parametrize("fault", [Fault.LOSE, Fault.FORGET, Fault.BEFORE, Fault.AFTER])
async def test_a_state_not_known_to_be_committed_is_not_kept(products, store, faults, fault):
    base = (await products.get([A]))[A]
    faults.plan("commit", fault)
    try:
        assert await products.commit([later(base, units=5)]) == [Committed.NO]
    except TransientFailure:
        assert fault in (Fault.BEFORE, Fault.AFTER)
    assert await products.get([A]) == {A: store.at(A)}


async def test_a_load_that_began_before_a_commit_never_replaces_it(products, store):
    released = asyncio.Event()
    load = store.load

    async def slow(keys):
        found = await load(keys)
        await released.wait()
        return found

    store.load = slow
    reading = asyncio.create_task(products.get([A]))
    for _ in range(5):
        await asyncio.sleep(0)
    committed = first_change(A)
    assert await products.commit([committed]) == [Committed.YES]
    released.set()
    # Whoever asked before may see the older state, but it is not what is kept.
    assert await reading == {A: ProductState(A)}
    store.load = load
    assert await products.get([A]) == {A: committed.state}


async def test_a_load_during_a_commit_does_not_bring_the_old_state_back(products, store, faults):
    base = (await products.get([A]))[A]
    committing = asyncio.create_task(products.commit([later(base)]))
    await asyncio.sleep(0)
    await products.get([A])
    await committing
    assert (await products.get([A]))[A].version == 1


async def test_only_the_changes_that_won_are_kept(products, store):
    await store.commit([first_change(A)])
    stale, good = first_change(A, "mine"), first_change(B)
    assert await products.commit([stale, good]) == [Committed.NO, Committed.YES]
    assert await products.get([A, B]) == {A: store.at(A), B: good.state}


def _sold(key, days):
    buckets = {20_000 + n: Bucket(1_000 + n, 10**6 + n, 300 + n, 10**5 + n, 500 + n) for n in range(days)}
    return ProductState(key, version=1, newest_day=20_000 + days, buckets=Days.of(buckets, 20_000 + days))


async def test_the_cache_is_bounded_in_bytes_whatever_a_product_weighs(store):
    products = Products(store, 1_000, 3 * bytes_of(_sold(A, 91)))
    keys = [ProductKey(f"p{n}") for n in range(20)]
    await products.commit([Change(_sold(key, 91)) for key in keys])
    assert await _loaded_anew(products, store, keys) == keys[:-3]


async def test_one_product_over_the_bound_is_still_kept(store):
    products = Products(store, 1_000, 1)
    await products.commit([Change(_sold(A, 91))])
    assert await _loaded_anew(products, store, [A]) == []


async def _loaded_anew(products, store, keys):
    """Which of these the cache does not have."""
    asked = []
    load = store.load

    async def told(wanted):
        asked.extend(wanted)
        return await load(wanted)

    store.load = told
    await products.get(keys)
    return asked


def test_a_state_weighs_about_what_it_takes_and_not_less():
    taken = _memory_of(lambda: _sold(A, 91))
    assert taken < bytes_of(_sold(A, 91)) < 1.5 * taken


def _memory_of(make, copies=200):
    tracemalloc.start()
    kept = [make() for _ in range(copies)]
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / len(kept)
