"""A product that sold stays open while nobody else changes it: it counts what a freshly read one would count."""

from __future__ import annotations

import pytest
from fakes.clock import NOW
from fakes.examples import A, B, C, sale
from fakes.faults import Fault
from fakes.state import InMemoryState

from domain.folding import fold
from domain.product import Outcome, ProductState
from handlers import products as of_products
from handlers.errors import TransientFailure
from handlers.ports import Change, Committed
from handlers.products import Products

YES, NO = Committed.YES, Committed.NO


@pytest.fixture
def store(faults):
    return InMemoryState(faults)


@pytest.fixture
def products(store):
    return Products(store, 3, 10**9)


async def opened(products, key=A):
    return (await products.opened([key]))[key]


async def sell(products, *events, key=A):
    """Counts events as RecordSales does; the outcomes, and whether they are durable."""
    product = await opened(products, key)
    outcomes = product.take(events)
    said = []
    if product.fresh:
        folded = product.closed(NOW)
        said = await products.commit([Change(folded.state, folded.written, folded.dropped)])
    if NO not in said:
        products.stay_open(product)
    return list(outcomes), said


async def decide(products, key=A):
    """A commit that touches neither days nor ids."""
    state = (await products.get([key]))[key]
    return await products.commit([Change(state._replace(version=state.version + 1, dirty=0, cycle=1))])


async def elsewhere(store, *events, key=A):
    """Another worker counts these."""
    folded = fold(store.at(key), events, NOW)
    assert await store.commit([Change(folded.state, folded.written, folded.dropped)]) == [YES]


async def test_what_sold_is_given_open_again_and_read_once(products, store, faults):
    assert await sell(products, sale(A, "e1")) == ([Outcome.APPLIED], [YES])
    first = await opened(products)
    products.stay_open(first)
    assert await sell(products, sale(A, "e1"), sale(A, "e2")) == ([Outcome.DUPLICATE, Outcome.APPLIED], [YES])
    assert await opened(products) is first
    assert faults.calls.count("load") == 1
    assert store.at(A).sales == 2


async def test_it_is_the_callers_alone(products):
    await sell(products, sale(A, "e1"))
    assert await opened(products) is not await opened(products)


async def test_a_decision_leaves_it_open_and_is_not_forgotten_by_the_next_sale(products, store):
    await sell(products, sale(A, "e1"))
    before = await opened(products)
    products.stay_open(before)
    assert await decide(products) == [YES]
    assert await sell(products, sale(A, "e2")) == ([Outcome.APPLIED], [YES])
    assert await opened(products) is before
    assert (store.at(A).version, store.at(A).cycle, store.at(A).sales) == (3, 1, 2)


async def test_a_decision_on_what_another_worker_counted_closes_it(products, store):
    """The cached state had to make room, and was read again; the open product had not seen what came meanwhile."""
    await sell(products, sale(A, "e1"))
    products._limit = 1
    await products.get([B])
    await elsewhere(store, sale(A, "e2", 5))
    assert await decide(products) == [YES]
    assert await sell(products, sale(A, "e2", 5), sale(A, "e3")) == ([Outcome.DUPLICATE, Outcome.APPLIED], [YES])
    assert (store.at(A).sales, store.at(A).units) == (3, 7)
    assert store.at(A).buckets == fold(ProductState(A), [sale(A, "e1"), sale(A, "x", 6)], NOW).state.buckets


@pytest.mark.parametrize("fault", [Fault.LOSE, Fault.FORGET, Fault.BEFORE, Fault.AFTER])
async def test_what_is_not_known_to_be_durable_is_not_kept_open(products, store, faults, fault):
    await sell(products, sale(A, "e1"))
    faults.plan("commit", fault)
    try:
        assert await sell(products, sale(A, "e2", 5)) == ([Outcome.APPLIED], [NO])
    except TransientFailure:
        assert fault in (Fault.BEFORE, Fault.AFTER)
    done = fault in (Fault.FORGET, Fault.AFTER)
    assert (await opened(products)).state == store.at(A)
    assert await sell(products, sale(A, "e2", 5)) == (([Outcome.DUPLICATE], []) if done else ([Outcome.APPLIED], [YES]))
    assert (store.at(A).sales, store.at(A).units) == (2, 6)


async def test_a_rivals_sale_is_counted_with_ours_after_the_lost_commit(products, store):
    await sell(products, sale(A, "e1"))
    await elsewhere(store, sale(A, "e2", 5))
    assert await sell(products, sale(A, "e3", 3)) == ([Outcome.APPLIED], [NO])
    assert await sell(products, sale(A, "e2", 5), sale(A, "e3", 3)) == ([Outcome.DUPLICATE, Outcome.APPLIED], [YES])
    assert (store.at(A).sales, store.at(A).units) == (3, 9)


@pytest.mark.parametrize(("open_max", "cached_max"), [(2, 3), (3, 2)])
async def test_so_many_stay_open_and_no_more(store, monkeypatch, open_max, cached_max):
    monkeypatch.setattr(of_products, "OPEN_MAX", open_max)
    products = Products(store, cached_max, 10**9)
    for key in (A, B, C):
        await sell(products, sale(key, "e1"), key=key)
    assert list(products._open) == [B, C]


async def test_so_many_ids_are_kept_open_and_one_product_whatever_it_has(products, monkeypatch):
    monkeypatch.setattr(of_products, "OPEN_IDS_MAX", 10)
    await sell(products, *(sale(A, f"e{n}") for n in range(6)))
    await sell(products, *(sale(B, f"e{n}") for n in range(4)), key=B)
    assert (list(products._open), products._open_ids) == ([A, B], 10)
    await sell(products, sale(B, "more"), key=B)
    assert (list(products._open), products._open_ids) == ([B], 5)
    await sell(products, *(sale(C, f"e{n}") for n in range(99)), key=C)
    assert (list(products._open), products._open_ids) == ([C], 99)
    await decide(products, C)
    assert (list(products._open), products._open_ids) == ([C], 99)


async def test_what_is_forgotten_is_read_again_as_others_have_left_it(products, store):
    await sell(products, sale(A, "e1"))
    await elsewhere(store, sale(A, "e2", 5))
    assert (await products.get([A]))[A].sales == 1, "the cache knows nothing of it"
    products.forget([A, B])
    assert (await products.get([A]))[A].sales == 2
    assert (await opened(products)).state == store.at(A)
